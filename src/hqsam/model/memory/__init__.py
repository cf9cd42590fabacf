"""The memory of a video, by which SAM 2 follows objects (Ravi et al., 2024, section 4)."""
