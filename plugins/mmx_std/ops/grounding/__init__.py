"""Regions and phrases: boxes, their assignment to truths, and the loss of region-token scores."""
