"""Registered names and what stands behind them: signatures read from source text, values validated against them.

Surface: registry, schema, target, validation.
"""
