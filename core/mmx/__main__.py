"""`python -m mmx` is the command `mmx`."""

from __future__ import annotations

import sys

from mmx.cli import main

sys.exit(main())
