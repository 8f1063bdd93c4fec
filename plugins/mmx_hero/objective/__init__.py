"""HERO's objectives: four pre-training tasks, and the losses of fine-tuning."""
