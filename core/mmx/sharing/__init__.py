"""Runs given to others: exported folders, ONNX, MLflow's models.

Surface: export.
"""
