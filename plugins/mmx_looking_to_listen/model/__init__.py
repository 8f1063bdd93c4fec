"""The separation network: audio and face streams, their fusion, complex masks, and the face embedders."""
