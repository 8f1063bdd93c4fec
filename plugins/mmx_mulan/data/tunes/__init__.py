"""Folk tunes: ABC notation read, repeats written out, beats and chords found, or tunes made by a program."""
