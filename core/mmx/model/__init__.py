"""The model of an experiment: building its parts, checking their ports, running what is needed."""
