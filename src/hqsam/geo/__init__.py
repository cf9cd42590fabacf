"""Places on Earth: transforms between pixels and maps, coordinate systems, outlines on maps, measures in metres."""
