"""drum: rhythms that are felt and heard at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmx import Card, hookimpl

MMX_API = 1
CARD = Card(title="drum", summary="Rhythms that are felt and heard at once.", licence="MIT")


@hookimpl
def mmx_register(registry: Any) -> None:
    """Name one of everything."""
    registry.corpus("drum/taps", "mmx_drum.corpus:Taps")
    registry.encoder("drum/envelope", "mmx_drum.model:Envelope")
    registry.encoder("drum/colours", "mmx_drum.model:Colours")
    registry.fuser("drum/product", "mmx_drum.model:Product")
    registry.head("drum/classes", "mmx_drum.model:Classes")
    registry.objective("drum/hinge", "mmx_drum.objective:Hinge")
    registry.task("drum/hits", "mmx_drum.task:Hits")


@hookimpl
def mmx_experiments() -> list[Path]:
    """Return the experiments of this package."""
    return [Path(__file__).with_name("experiments.yaml")]


@hookimpl
def mmx_commands(commands: Any) -> None:
    """Add a command."""
    commands.add("drum-tap", "mmx_drum.cli:tap", "Print the beats of one sample.")


@hookimpl
def mmx_run_begin(run: Any) -> None:
    """Leave a trace of having been called."""
    (run.folder / "media").mkdir(exist_ok=True)
    (run.folder / "media" / "drum.txt").write_text(run.experiment)
