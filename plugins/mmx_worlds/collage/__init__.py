"""`worlds/collage`: clips composed from real images and recordings by a script of known chance."""
