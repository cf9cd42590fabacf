"""Requests and responses of version 1 of the API, by subject.

Coordinates are x, y in pixels of the upright image; boxes are x0, y0, x1, y1 along pixel edges; masks are COCO's
compressed run lengths.
"""
