"""Everything that people look at: uint8 arrays [height, width, 3] in RGB; cutouts have a fourth channel, alpha."""
