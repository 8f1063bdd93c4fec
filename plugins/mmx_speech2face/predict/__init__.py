"""A face for a user's recording, and the check that the recording is a voice."""
