"""Drop-in replacements for other libraries, one package for each."""
