"""What can be done to masks, without a model.

A mask is a bool array [height, width]. Pixel (x, y) is the unit square from corner (x, y) to corner
(x + 1, y + 1), so that boxes and outlines, which run along pixel edges, have whole coordinates.
"""
