"""Training loop: against a hand-written one, over resumes, updates, accumulation, faults and processes."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmx.config.experiment import Experiment
from mmx.data.sampler import Order
from mmx.errors import DataError, PortError, TrainingError, UserError
from mmx.model.build import Builder, build
from mmx.model.built import Built
from mmx.support.seeding import derive
from mmx.support.signals import Interrupt, Interrupted
from mmx.training import checkpoint
from mmx.training.engine import Engine
from mmx.training.trainer import Trainer
from mmx.training.updates import Updates
from mmx.types import Batch, Losses, Outputs
from tests.core.parts import Entropy, Line, Watcher, experiment, registry


def trainer(spec: Experiment, folder: Path, built: Built | None = None, store: Path | None = None) -> Trainer:
    built = built or build(spec, registry())
    return Trainer(
        built.model,
        built.stages,
        cache_keys={name: name for name in built.model.encoders},
        engine=Engine(spec.settings),
        builder=Builder(registry(), spec.settings.seed),
        settings=spec.settings,
        observer=Watcher(),
        interrupt=Interrupt(),
        folder=folder,
        store=store,
    )


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_loop_is_a_plain_loop(tmp_path: Path) -> None:
    spec = experiment(stage={"clip": 0.5, "schedule": {"use": "t/halve"}})
    built = build(spec, registry())
    by_hand = build(spec, registry()).model
    trainer(spec, tmp_path, built).fit()

    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    samples = Line().samples
    order = Order(len(samples), 8, derive(0, "order", 0))
    for step in range(20):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * 0.5 ** (step // 5)
        batch = by_hand.prepare([samples[i] for i in order.step(step)])
        logits = by_hand.heads["label"].linear(by_hand.encoders["x"].linear(batch.inputs["x"]))
        loss = nn.functional.cross_entropy(logits, batch.targets["label"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(by_hand.parameters(), 0.5)
        optimizer.step()
    assert same(weights(built.model), weights(by_hand))


def test_it_learns_and_tells_the_observer(tmp_path: Path) -> None:
    spec = experiment(stage={"steps": 60})
    run = trainer(spec, tmp_path)
    run.fit()
    watcher = run.observer
    assert isinstance(watcher, Watcher)
    assert [step for _, step, _, _ in watcher.values] == list(range(5, 61, 5))
    first, last = watcher.values[0], watcher.values[-1]
    assert last[2]["loss"] < 0.5 * first[2]["loss"]
    assert last[2]["double"] == pytest.approx(2 * last[2]["loss"])
    assert last[3] == pytest.approx(0.6931)
    assert {"lr", "items_per_second"} <= last[2].keys()
    assert watcher.steps == [-1, *range(1, 61), -2]
    assert watcher.saves == [60]


class StopAt(Watcher):
    """Sends the process a signal after some step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.at = step

    def stepped(self, done: int) -> None:
        if done == self.at:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("at", [3, 7, 13])
def test_resuming_gives_the_same_bits(tmp_path: Path, at: int) -> None:
    one = {"name": "one", "steps": 10, "batch_size": 8, "trains": ["encoders"], "objective": "t/entropy"}
    two = one | {"name": "two", "trains": ["heads"], "schedule": {"use": "t/halve", "every": 2}}
    stages = [stage | {"optimizer": {"use": "t/sgd"}} for stage in (one, two)]
    spec = experiment(stages=stages, heads={"label": {"use": "t/classify", "dropout": 0.5}})
    whole = trainer(spec, tmp_path / "whole")
    whole.fit()

    stopped = trainer(spec, tmp_path / "run")
    stopped.observer = StopAt(at % 10)
    if at > 10:
        stopped.observer = Watcher()
        steps = iter(range(100))
        stopped.observer.stepped = lambda done: (  # type: ignore[method-assign]
            os.kill(os.getpid(), signal.SIGTERM) if next(steps) == at - 1 else None
        )
    with stopped.interrupt.handled(), pytest.raises(Interrupted):
        stopped.fit()
    state = checkpoint.load_state(tmp_path / "run" / "checkpoint")
    assert state["stage"] * 10 + state["step"] == at

    resumed = trainer(spec, tmp_path / "run")
    checkpoint.load_weights(tmp_path / "run" / "checkpoint", resumed.model)
    resumed.fit(state)
    assert same(weights(resumed.model), weights(whole.model))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(tmp_path: Path) -> None:
    results = []
    for seed in (1, 1, 2):
        run = trainer(experiment(settings={"seed": seed}), tmp_path)
        run.fit()
        results.append(weights(run.model))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_updates_train_their_own_parts_when_they_are_due(tmp_path: Path) -> None:
    updates = [
        {"trains": ["heads"], "objective": "t/entropy", "optimizer": {"use": "t/sgd"}},
        {"trains": ["encoders.x"], "objective": "t/entropy", "optimizer": {"use": "t/sgd"}, "every": 3},
    ]
    spec = experiment(stages=[{"name": "game", "steps": 6, "batch_size": 8, "updates": updates}])
    run = trainer(spec, tmp_path)
    seen: list[tuple[bool, bool]] = []
    before = weights(run.model)

    class Compare(Watcher):
        def stepped(self, done: int) -> None:
            nonlocal before
            now = weights(run.model)
            changed = {name.split(".")[0] for name in now if not torch.equal(now[name], before[name])}
            seen.append(("heads" in changed, "encoders" in changed))
            before = now

    run.observer = Compare()
    run.fit()
    assert seen == [(True, step % 3 == 0) for step in range(6)]


def test_accumulating_is_a_larger_batch(tmp_path: Path) -> None:
    large = trainer(experiment(stage={"steps": 4, "batch_size": 8}), tmp_path / "a")
    small = trainer(experiment(stage={"steps": 4, "batch_size": 4, "accumulate": 2}), tmp_path / "b")
    large.fit()
    small.fit()
    for name, tensor in weights(large.model).items():
        torch.testing.assert_close(weights(small.model)[name], tensor)


def test_features_of_encoders_that_do_not_learn_are_computed_once(tmp_path: Path) -> None:
    spec = experiment(stage={"trains": ["heads"]})
    cached = trainer(spec, tmp_path / "a", store=tmp_path / "store")
    cached.fit()
    assert cached.model.encoders["x"].calls == 2  # 40 samples in batches of 32, and never again in 20 steps
    assert len(list((tmp_path / "store").iterdir())) == 1
    direct = trainer(spec, tmp_path / "b")
    direct._stored = lambda name, stage, samples: None  # type: ignore[method-assign]
    direct.fit()
    assert direct.model.encoders["x"].calls == 20
    for name, tensor in weights(cached.model).items():
        torch.testing.assert_close(weights(direct.model)[name], tensor)


class Reads(Entropy):
    """Reads the ids of an encoder that does not learn."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        assert "x" in batch.inputs and "x" in batch.cached
        return super().__call__(outputs, batch)


@pytest.mark.parametrize("modality", ["text", "signal"])
def test_ids_of_texts_are_there_beside_stored_features(tmp_path: Path, modality: str) -> None:
    run = trainer(experiment(stage={"trains": ["heads"]}), tmp_path, store=tmp_path / "store")
    run.stages = [with_objective(run.stages[0], Reads())]
    run.model.encoders["x"].modality = modality
    if modality == "text":
        run.fit()
        assert run.model.encoders["x"].calls == 2  # they are not encoded again
    else:  # images and audio are not prepared a second time
        with pytest.raises(AssertionError):
            run.fit()


def test_only_what_is_named_inside_a_part_is_in_training_mode(tmp_path: Path) -> None:
    run = trainer(experiment(stage={"trains": ["encoders.x.linear"]}), tmp_path)
    run.fit()
    assert run.model.encoders["x"].linear.training and not run.model.encoders["x"].training
    whole = trainer(experiment(stage={"trains": ["encoders"]}), tmp_path)
    whole.fit()
    assert whole.model.encoders["x"].training and not whole.model.heads["label"].training


def test_an_encoder_may_ask_not_to_be_kept(tmp_path: Path) -> None:
    run = trainer(experiment(stage={"trains": ["heads"]}), tmp_path, store=tmp_path / "store")
    run.model.encoders["x"].cacheable = False
    run.fit()
    assert run.model.encoders["x"].calls == 20
    assert not (tmp_path / "store").exists()


class Explodes(Entropy):
    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        losses = super().__call__(outputs, batch)
        return {"loss": losses["loss"] * float("nan")} if "n7" in batch.ids else losses


def test_a_loss_that_is_not_finite_stops_with_the_ids(tmp_path: Path) -> None:
    run = trainer(experiment(), tmp_path)
    run.stages = [with_objective(run.stages[0], Explodes())]
    with pytest.raises(TrainingError, match="became nan at step"):
        run.fit()
    saved = json.loads((tmp_path / "nonfinite.json").read_text())
    assert "n7" in saved["ids"]
    assert saved["stage"] == "fit"


def test_a_loss_that_is_not_finite_can_be_skipped(tmp_path: Path) -> None:
    """A run that never meets the item and one that skips its batches end at the same weights."""
    run = trainer(experiment(settings={"on_nonfinite": "skip"}), tmp_path)
    run.stages = [with_objective(run.stages[0], Explodes())]
    order = Order(40, 8, derive(0, "order", 0))
    due = [step for step in range(20) if 7 in order.step(step)]
    plain = trainer(experiment(), tmp_path / "plain")
    take = Updates.update
    taken = iter(range(20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Updates, "update", lambda self, index: self.discard(index) if next(taken) in due else take(self, index)
        )
        plain.fit()
    run.fit()
    assert due
    assert same(weights(run.model), weights(plain.model))
    watcher = run.observer
    assert isinstance(watcher, Watcher)
    assert sum(values.get("skipped_updates", 0) for _, _, values, _ in watcher.values) == len(due)
    assert all(math.isfinite(values["loss"]) for _, _, values, _ in watcher.values)
    assert "the loss is not finite at step" in watcher.warnings[0]


class NeverFinite(Entropy):
    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        return {"loss": super().__call__(outputs, batch)["loss"] * float("inf")}


def test_skipping_everything_stops(tmp_path: Path) -> None:
    run = trainer(experiment(stage={"steps": 60}, settings={"on_nonfinite": "skip"}), tmp_path)
    run.stages = [with_objective(run.stages[0], NeverFinite())]
    with pytest.raises(TrainingError, match="21 updates in a row of stage fit"):
        run.fit()


class Blind(Entropy):
    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        return {"loss": 0.0 * super().__call__(outputs, batch)["loss"] + 0.6931}


def test_a_loss_at_chance_is_warned_about_once(tmp_path: Path) -> None:
    run = trainer(experiment(), tmp_path)
    run.stages = [with_objective(run.stages[0], Blind())]
    run.fit()
    assert isinstance(run.observer, Watcher)
    assert len(run.observer.warnings) == 1
    assert "by chance (0.6931): nothing has been learned" in run.observer.warnings[0]


class Shifts(Entropy):
    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[float] = []

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        self.drawn.append(torch.rand(1, generator=generator).item())
        return batch


def test_view_draws_depend_on_the_step_alone(tmp_path: Path) -> None:
    draws = []
    for _ in range(2):
        run = trainer(experiment(), tmp_path)
        objective = Shifts()
        run.stages = [with_objective(run.stages[0], objective)]
        run.fit()
        draws.append(objective.drawn)
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 20


def with_objective(stage: Any, objective: Any) -> Any:
    from dataclasses import replace

    update = replace(stage.updates[0], objective=objective, needs=objective.needs)
    return replace(stage, updates=(update,))


def test_a_few_broken_items_are_counted_and_many_stop(tmp_path: Path) -> None:
    few = experiment(corpus={"use": "t/line", "broken": [3, 4]}, settings={"max_unreadable": 0.1})
    run = trainer(few, tmp_path)
    run.fit()
    assert len(run.skipped) == 2
    many = experiment(corpus={"use": "t/line", "broken": [1, 2, 3, 4, 5, 6]}, settings={"max_unreadable": 0.1})
    with pytest.raises(DataError, match=r"of 40 items of split 'train' cannot be read"):
        trainer(many, tmp_path).fit()


def test_a_stage_that_trains_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to train: fuser has no parameters"):
        trainer(experiment(stage={"trains": ["fuser"]}), tmp_path).fit()


_TWO = """
import sys, torch
from pathlib import Path
from tests.core.parts import experiment
from tests.core.training.test_trainer import trainer
spec = experiment(stage={"steps": 6, "batch_size": 4})
run = trainer(spec, Path(sys.argv[1]))
run.fit()
torch.save(run.model.state_dict(), Path(sys.argv[1]) / f"rank{run.engine.rank}.pt")
run.engine.part()  # from here on rank 0 is alone: a loss that gathers must not wait for the other
if run.engine.main:
    from mmx_std.objectives.contrastive import InfoNce
    from mmx.types import Batch, Features, Outputs
    outputs = Outputs(fused={name: Features(torch.eye(3)) for name in ("a", "b")})
    assert InfoNce(a="a", b="b")(outputs, Batch(["1", "2", "3"]))["right"] == 1
run.engine.wait()
run.engine.close()
"""


def in_two_processes(code: str, folder: Path) -> None:
    root = Path(__file__).parents[3]
    (folder / "two.py").write_text(code)
    paths = [str(root), str(root / "core"), str(root / "plugins")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(folder / "two.py"), str(folder)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_loss_that_reads_nothing_that_learns_is_refused(tmp_path: Path) -> None:
    heads = {name: {"use": "t/classify"} for name in ("label", "other")}
    run = trainer(experiment(heads=heads, stage={"trains": ["heads.other"]}), tmp_path)
    with pytest.raises(PortError, match=r"stages\.fit\.objective \(t/entropy\) .* trains is \[heads\.other\]"):
        run.fit()


def test_two_processes_are_one_with_twice_the_batch(tmp_path: Path) -> None:
    in_two_processes(_TWO, tmp_path)
    single = trainer(experiment(stage={"steps": 6, "batch_size": 8}), tmp_path / "single")
    single.fit()
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert same(ranks[0], ranks[1])
    for name, tensor in weights(single.model).items():
        torch.testing.assert_close(ranks[0][name], tensor)
