"""Images as uint8 RGB arrays [height, width, 3]: reading files, reading parts of large ones, drawing masks on them."""
