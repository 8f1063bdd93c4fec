"""Folk tunes, their facts and texts, and synthetic performances."""
