"""In tests, every annotated shape and type of hqsam is checked when a function is called."""

from jaxtyping import install_import_hook

install_import_hook("hqsam", "beartype.beartype")
