"""Tasks on texts: those that a head writes, and words that were hidden; and simple methods for both."""
