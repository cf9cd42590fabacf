"""Export of models for other runtimes, checked against our own engine on photos."""
