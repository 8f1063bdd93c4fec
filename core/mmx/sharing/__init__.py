"""Runs given to others: exported folders, ONNX, MLflow's models, a page.

Surface: demo, export.
"""
