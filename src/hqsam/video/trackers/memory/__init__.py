"""Following by SAM 2's memory of a video (Ravi et al., 2024): what was seen of an object is recalled later."""
