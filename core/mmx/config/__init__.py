"""Resolution of YAML, presets and overrides to one frozen experiment, with the origin of each value. Imports no torch.

Surface: catalog, component_check, experiment, merging, overrides, resolve, saved, sources, trust, yaml_positions.
"""
