"""MuLan's data: folk tunes, their facts and texts, and synthetic performances."""
