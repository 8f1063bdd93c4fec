"""`worlds/regions`: things of the shapes world as a detector gives them, with captions, expressions and questions."""
