"""Images, annotations and classes, kept: a database and the files beside it."""
