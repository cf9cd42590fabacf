"""The HTTP API: routes, schemas, security and the errors that clients see."""
