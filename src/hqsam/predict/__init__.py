"""The public face: open an image once, and prompt it as often as you like."""
