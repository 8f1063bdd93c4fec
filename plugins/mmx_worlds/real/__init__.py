"""The embedded real media as corpora: images, sound recordings, music, and the links between them."""
