"""Images with true masks: read, checked, augmented, and turned into prompts."""
