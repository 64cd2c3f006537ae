"""Training: data, recipe, log, the loops of pre-training and fine-tuning."""
