"""Batches of a split: order, guarded reading, lazy samples, collation, cached features of frozen encoders.

Surface: ablation, collate, describe, feature_cache, lazy, reader, sampler.
"""
