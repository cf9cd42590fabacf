"""Each route reads its arguments, calls one function and returns its answer."""
