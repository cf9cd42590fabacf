"""The annotator's server: a web page and the HTTP API under it. `hqsam serve` starts it, `hqsam.Client` calls it."""
