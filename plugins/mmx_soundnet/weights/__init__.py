"""The authors' weights as a pinned asset, and public checkpoints under our names."""
