"""Training: recipes return configs, `step` computes a loss, `trainer` is the one loop."""
