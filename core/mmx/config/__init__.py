"""From YAML, presets and overrides to one frozen experiment; every value keeps its origin. Imports no torch.

Surface: catalog, component_check, experiment, merging, overrides, resolve, saved, sources, trust, yaml_positions.
"""
