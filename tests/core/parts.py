"""Tiny parts that the core's tests build models from; real ones, with weights that learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD

from mmx.config.experiment import Experiment
from mmx.errors import DataError
from mmx.registry.registry import Registrar, Registry
from mmx.types import Batch, Card, Features, Losses, Metric, Outputs, Prediction, Report, Sample


class Numbers(nn.Module):
    """Encodes a list of numbers; `bias` makes two of them differ."""

    modality = "signal"

    def __init__(self, width: int = 4, out_dim: int = 3) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.width = width
        self.linear = nn.Linear(width, out_dim)
        self.calls = 0

    def prepare(self, raw: Any) -> Tensor:
        values = torch.as_tensor(raw, dtype=torch.float32)
        if not torch.isfinite(values).all():
            raise DataError("not finite")
        return values

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        self.calls += 1
        return Features(self.linear(x))


class Same(nn.Module):
    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.dims = dict(dims)

    def requires(self, output: str) -> Sequence[str]:
        return [output]

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        return features


class Classify(nn.Module):
    def __init__(self, dims: Mapping[str, int], reads: str = "x", count: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.needs = (f"fused.{reads}",)
        self.reads = reads
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(dims[reads], count)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        logits: Tensor = self.linear(self.dropout(fused[self.reads].pooled_BD))
        return logits


class Entropy:
    """Cross-entropy of one head against one target."""

    def __init__(self, head: str = "label", target: str = "label") -> None:
        self.needs = (f"heads.{head}", f"targets.{target}")
        self.head, self.target = head, target

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        loss = nn.functional.cross_entropy(outputs.heads[self.head], batch.targets[self.target])
        return {"loss": loss, "double": 2 * loss}

    def chance(self, batch_size: int) -> float | None:
        return 0.6931


class Line:
    """Numbers whose sum tells the class."""

    fields: Mapping[str, str] = {"x": "signal"}
    targets: Mapping[str, Sequence[str] | None] = {"label": ("low", "high")}
    card = Card(title="line", summary="numbers", licence="CC0-1.0", synthetic=True)
    digest = "line-1"

    def __init__(self, count: int = 40, broken: Sequence[int] = (), val: int = 0) -> None:
        generator = torch.Generator().manual_seed(3)
        values = torch.randn(count, 4, generator=generator)
        self.samples = [
            Sample(f"n{i}", {"x": [float("nan")] * 4 if i in broken else row.tolist()}, {"label": int(row.sum() > 0)})
            for i, row in enumerate(values)
        ]
        rows = torch.randn(val, 4, generator=generator)
        self.val = [Sample(f"v{i}", {"x": row.tolist()}, {"label": int(row.sum() > 0)}) for i, row in enumerate(rows)]

    def split(self, name: str) -> Sequence[Sample]:
        if name == "val" and not self.val:
            raise DataError("no split 'val'")
        return self.val if name == "val" else self.samples


class Watcher:
    """An observer that remembers everything."""

    def __init__(self) -> None:
        self.values: list[tuple[str, int, Mapping[str, float], float | None]] = []
        self.warnings: list[str] = []
        self.saves: list[int] = []
        self.validations: list[tuple[str, int, Mapping[str, float]]] = []
        self.settlements: list[tuple[str, int, Mapping[str, float]]] = []
        self.steps: list[int] = []

    def begin(self, stage: str, start: int, steps: int) -> None:
        self.steps.append(-1)

    def stepped(self, done: int) -> None:
        self.steps.append(done)

    def ended(self) -> None:
        self.steps.append(-2)

    def logged(self, stage: str, step: int, values: Mapping[str, float], chance: float | None) -> None:
        self.values.append((stage, step, values, chance))

    def validated(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self.validations.append((stage, step, values))

    def settled(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self.settlements.append((stage, step, values))

    def saved(self, path: Path, step: int) -> None:
        self.saves.append(step)

    def warned(self, text: str) -> None:
        self.warnings.append(text)

    def track(self, items: Iterable[int], label: str, total: int | None = None) -> Iterable[int]:
        return items


def sgd(params: Sequence[tuple[str, nn.Parameter]], *, lr: float = 0.1, momentum: float = 0.9) -> SGD:
    """Plain SGD."""
    return SGD([parameter for _, parameter in params], lr=lr, momentum=momentum)


def halve(total_steps: int, *, every: int = 5) -> Callable[[int], float]:
    """Halve the rate now and then."""
    return lambda step: 0.5 ** (step // every)


def registry() -> Registry:
    """Everything above, under the names of a plugin `t`."""
    found = Registry()
    registrar = Registrar(found, "t", "tests 0")
    registrar.encoder("t/numbers", "tests.core.parts:Numbers")
    registrar.fuser("t/same", "tests.core.parts:Same")
    registrar.head("t/classify", "tests.core.parts:Classify")
    registrar.objective("t/entropy", "tests.core.parts:Entropy")
    registrar.corpus("t/line", "tests.core.parts:Line")
    registrar.task("t/accuracy", "tests.core.parts:Accuracy")
    registrar.optimizer("t/sgd", "tests.core.parts:sgd")
    registrar.schedule("t/halve", "tests.core.parts:halve")
    return found


class Accuracy:
    """Share of right answers on the training numbers."""

    needs = ("heads.label", "targets.label")

    def evaluate(self, model: Any, corpus: Any, run: Any) -> Report:
        right, seen = 0, 0
        samples = corpus.split("test")
        for batch in run.batches(model, samples, ["x"]):
            right += int((model(batch).heads["label"].argmax(-1) == batch.targets["label"]).sum())
            seen += batch.size
        return Report([Metric("accuracy", right / seen, chance=0.5)], seen, len(samples))

    def predict(self, model: Any, raw: Mapping[str, Any]) -> Prediction:
        return Prediction([])


def experiment(**changes: Any) -> Experiment:
    """A whole experiment over the parts above."""
    stage = {
        "name": "fit",
        "steps": 20,
        "batch_size": 8,
        "trains": ["encoders", "heads"],
        "objective": "t/entropy",
        "optimizer": {"use": "t/sgd"},
    }
    stages = changes.pop("stages", [stage | changes.pop("stage", {})])
    settings = {"device": "cpu", "log_every": 5, "checkpoint_every": 1000} | changes.pop("settings", {})
    return Experiment.model_validate(
        {
            "name": "numbers",
            "summary": "Sum of numbers",
            "corpus": {"use": "t/line"},
            "encoders": {"x": {"use": "t/numbers"}},
            "fuser": {"use": "t/same"},
            "heads": {"label": {"use": "t/classify"}},
            "stages": stages,
            "task": "t/accuracy",
            "settings": settings,
        }
        | changes
    )
