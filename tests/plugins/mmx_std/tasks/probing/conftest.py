"""The tones and colours of SoundNet's tests, with its networks as features to probe."""

from __future__ import annotations

from tests.plugins.mmx_soundnet.conftest import corpus, model, run

__all__ = ["corpus", "model", "run"]
