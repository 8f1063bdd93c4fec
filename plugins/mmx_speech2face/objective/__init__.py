"""The losses of the voice encoder and of the networks that teach it, and the weights of their terms."""
