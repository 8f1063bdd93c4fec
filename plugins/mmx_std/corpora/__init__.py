"""A user's own files as corpora: manifests and tar shards, with the reading, splits and checks behind them."""
