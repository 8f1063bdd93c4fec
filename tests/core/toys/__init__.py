"""Components that are read but never imported: `parts` raises when it is."""
