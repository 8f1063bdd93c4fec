"""`worlds/collage`: videos composed from real cut-outs, photos and recordings."""
