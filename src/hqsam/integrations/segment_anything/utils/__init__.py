"""No code is here: only names, where code written for the official packages imports them from."""
