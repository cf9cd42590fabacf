"""Volumes and stacks in time: objects followed or joined from plane to plane, as one label image and one table."""
