"""Masks, without a model: the result type, run lengths, outlines, regions, boundaries, overlap.

A mask is a bool array [height, width]. Pixel (x, y) is the unit square from corner (x, y) to corner
(x + 1, y + 1), so that boxes and outlines, which run along pixel edges, have whole coordinates.
"""
