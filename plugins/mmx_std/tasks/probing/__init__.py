"""Linear probes of frozen features: folds and support vector machines, features of every layer, the task."""
