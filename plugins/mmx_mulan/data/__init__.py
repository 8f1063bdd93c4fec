"""`mulan/folk`: real folk tunes, played by a program, with several noisy texts each."""
