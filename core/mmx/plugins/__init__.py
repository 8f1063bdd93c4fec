"""Discovery and guarded loading of plugins, their hooks and commands, and the package that `mmx new` writes.

Surface: commands, discovery, guarded_import, hookspecs, loader, scaffold.
"""
