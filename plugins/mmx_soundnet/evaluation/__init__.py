"""Transfer to labelled recordings by a linear classifier, the networks compared, and figures."""
