"""Everything in an image beyond memory: tile by tile, objects joined across seams; a killed run goes on."""
