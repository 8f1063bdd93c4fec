"""The only training loop: stages, updates, precision and devices, checkpoints.

Surface: checkpoint, engine, trainer, updates.
"""
