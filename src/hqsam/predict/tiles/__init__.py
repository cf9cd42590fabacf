"""Everything in a photo beyond memory: tile by tile, objects joined across seams, and a killed run goes on."""
