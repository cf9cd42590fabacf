"""Videos: frames are read when they are needed, objects are followed through them, and results are written."""
