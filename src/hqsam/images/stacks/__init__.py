"""Stacks: images with more axes than two, as microscopes and scanners make them, read a part of a plane at a time."""
