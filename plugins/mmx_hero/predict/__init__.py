"""Search for a moment in a user's own videos, and the page that shows what was found."""
