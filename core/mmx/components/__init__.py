"""Components by name: the registry, and their signatures as schemas.

Signatures are read from source text, so that listing and validating import no heavy library.
"""
