"""What is known of the media files of a corpus, and the first look at them."""
