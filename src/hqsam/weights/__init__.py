"""Checkpoints: a table of them, how they are fetched, what they call their tensors, how they are read and written."""
