"""The annotator: a web page, and the HTTP API under it. `hqsam serve` starts it, `hqsam.Client` talks to it.

Only `client` imports without the packages of the extra `serve`.
"""
