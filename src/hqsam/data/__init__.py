"""Datasets of images with ground-truth masks: reading, checks, augmentation, and prompts for training."""
