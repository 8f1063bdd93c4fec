"""The command `mmx` as `python -m mmx`."""

from __future__ import annotations

import sys

from mmx.cli import main

sys.exit(main())
