"""How good the masks are: measured as the paper does, and as people click."""
