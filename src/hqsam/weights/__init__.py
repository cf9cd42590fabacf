"""Checkpoints: the table of them, their download, the names of their tensors, reading, writing and converting."""
