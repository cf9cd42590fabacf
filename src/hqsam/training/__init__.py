"""Training: recipes return configs, a step computes a loss, one loop runs it."""
