"""`worlds/scenes`: synthetic video of moving objects with audio and a narrator."""
