"""hqsam for code that speaks another library's language."""
