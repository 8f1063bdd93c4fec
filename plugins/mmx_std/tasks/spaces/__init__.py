"""Tasks on a space that several modalities share."""
