"""Label Studio's protocol for machine-learning backends: its labelling configuration, prompts, regions and images."""
