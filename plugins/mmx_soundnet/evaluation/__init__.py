"""Transfer of frozen features to labelled recordings, and agreement of the student with its teachers."""
