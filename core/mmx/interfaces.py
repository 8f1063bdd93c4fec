"""The six interfaces of mmx, and the model and the run that tasks and hooks are given.

This is the one file that a plugin author must read.

    corpus ──samples──▶ encoder.prepare ──batch──▶ encoders ──▶ fuser ──▶ heads ──outputs──▶ objective (training)
                                                                                   └───────▶ task (judging)

They are protocols: any object with these attributes is one; nothing needs to be inherited. Parts that learn are
`torch.nn.Module`s. Constructors take plain values and built parts, never a configuration and never the registry; the
signature of `__init__` is the schema of the component (defaults, types, `Annotated[int, Field(gt=0)]`).
A constructor parameter with one of these names and no default is filled in by mmx:

    dims      Mapping[str, int]                     widths: of the encoders by name (for a fuser); by port and by name
                                                    (for a head, an objective or a task)
    classes   Mapping[str, Sequence[str] | None]    the corpus's targets: class names, None for other kinds of targets
    corpus    Corpus                                the experiment's corpus (an encoder may read `train` only);
                                                    an encoder, fuser or head that takes `Corpus | None` is given None
                                                    where a run's model is built again: what it computes from the corpus
                                                    belongs into buffers, which come from the run folder then
    built     Mapping[str, Any]                     parts of the model that are built already, by place
                                                    (`encoders.NAME`, `fuser`, `heads.NAME`): for sizes that another
                                                    part is given, so that they are set once
    trained   Callable[[str], Callable[[], Model]]  for the corpus of a stage that a model makes: given the name of an
                                                    earlier stage it returns what gives, once that is over, a copy of
                                                    the model as it was at its end

No parameter may be called `use`, and none of an encoder `field` or `freeze`: beside them those are keys of mmx's own.

Shape legend: B batch, T time or tokens, D features.

Ports: `needs` says what a part reads, as `encoded.NAME`, `fused.NAME`, `heads.NAME`, `targets.NAME`; mmx compares
the names before it computes anything, and runs only the parts that are needed. No `needs` means everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mmx.types import Batch, Card, Features, Losses, Outputs, Prediction, Report, Sample

T = TypeVar("T")


@runtime_checkable
class Encoder(Protocol):
    """One modality to features. It owns its preprocessing, so that any corpus of any rate or size fits."""

    modality: str
    """What raw values it takes: "audio", "image", "video", "text", "cues", "signal", ..."""
    out_dim: int
    """D of the features."""

    def prepare(self, raw: Any) -> Tensor:
        """Make the model's input from ONE raw value (no batch axis). Runs in data workers; deterministic.

        Results of one batch are stacked; where they differ in length along dim 0 they are zero-padded and masked.
        """
        ...

    def __call__(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode a batch of prepared inputs."""
        ...

    # Optional, on it or on a module inside: unknown_words(text) -> Sequence[str]. Words outside the vocabulary; told
    # with every prediction from text.
    # Optional: read_file(path: Path) -> Any. One raw value from a user's file, for `mmx predict --field NAME=FILE`,
    # where its files have another form than others of the modality.
    # Optional: cacheable: bool. False: its features are computed at every step even where it does not learn, because
    # they are quick to compute and large to keep. Default: features of encoders that do not learn are computed once.


@runtime_checkable
class Fuser(Protocol):
    """The features of several encoders to aligned (per name) and/or joint ("joint") features."""

    dims: Mapping[str, int]
    """Name -> width of the fused features it returns: its output ports."""

    def __call__(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Fuse the available features: every encoder's, or those behind the outputs that are needed.

        The mapping may compute an output when it is first read (`mmx.LazyFields`).
        """
        ...

    # Optional: requires(output: str) -> Sequence[str]. The encoders behind one output; only those run. Default: all.
    # Optional: parts_of(encoder: str) -> Sequence[str]. Submodules that serve one encoder: the monitor of modalities
    # looks at their weights where the encoder itself has none that learn. Default: those under the encoder's name.


@runtime_checkable
class Head(Protocol):
    """Fused features to a prediction: logits, a mask, tokens, an image."""

    needs: Sequence[str]
    """Names it reads: `fused.NAME` (or `encoded.NAME` past the fuser)."""

    def __call__(self, fused: Mapping[str, Features], batch: Batch) -> Any:
        """Predict. Returns a tensor, or a mapping of tensors. Decoders may add `generate(fused, **knobs)`."""
        ...


@runtime_checkable
class Objective(Protocol):
    """What training minimises. May itself be a module with parameters (a learned temperature)."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `{"loss": scalar, "<term>": scalar, ...}`; terms `lambda_<name>` are weights of the loss.

        It is also called in evaluation mode without gradients, on a batch of the stage's `val_split`.
        """
        ...

    def chance(self, batch_size: int) -> float | None:
        """Return the loss at chance level (of a model that ignores its input); None where there is none."""
        ...

    # Optional: view(batch, generator) -> Batch. The model's input for this loss (masked words, shuffled frames).
    # Optional: needs: Sequence[str]. See "Ports" above.
    # Optional: needs_now(batch) -> Sequence[str]. The ports that this batch's loss reads, where steps differ.
    # Optional: now(batch) -> Objective. The objective that this batch's loss is, where steps differ.
    # Optional: score(outputs, batch) -> Tensor (B,). The probability of each sample's true answer, NaN where it is not
    # known: the monitor of modalities asks for it with one modality at a time. `score_needs`: its ports, if fewer.
    # Optional: given: Sequence[str]. Encoders whose features the loss compares with: they are never exchanged to find
    # out what another gives. Default: those of `encoded.NAME` in `needs`.
    # Optional, of losses that compare modalities: scores(outputs, batch) -> Mapping[str, Tensor (B,)]. By port, how
    # surely each sample's side finds its partner in the batch, from 0 to 1, NaN where it has none: asked for likewise.


@dataclass(frozen=True, slots=True)
class BalanceStep:
    """One step of training, as a balance of modalities gets it: after the backward pass, before clipping.

    Attributes:
        model: The model.
        objective: The loss.
        outputs: What the model computed.
        batch: What it was shown.
        encoders: Encoders that the loss depends on.
        parameters: What learns, by path: `encoders.audio.layers.0.weight`; gradients are in `.grad`.
        number: Of this step, from 0.
        epoch: How often the split was gone through before it.
        generator: Draws, on the CPU; it depends on the seed and the step alone.
    """

    model: Any
    objective: Any
    outputs: Outputs
    batch: Batch
    encoders: Sequence[str]
    parameters: Mapping[str, Tensor]
    number: int
    epoch: int
    generator: torch.Generator


@runtime_checkable
class Balance(Protocol):
    """What keeps one modality from winning a training: it changes gradients, or what the model is shown."""

    def __call__(self, step: BalanceStep) -> Mapping[str, float]:
        """Look at a step between its gradients and its update, change them if need be, and return numbers to log."""
        ...

    # Optional: view(batch, encoders, generator) -> Batch. What the model is shown instead.
    # Optional: before(trials). Called before each step with what tries a loss out (`mmx.training.trials.Trials`).
    # Optional, of an `nn.Module`: its buffers are saved with checkpoints and restored when a run is resumed.


@runtime_checkable
class Corpus(Protocol):
    """Data: named splits of map-style samples of raw modalities with their targets."""

    fields: Mapping[str, str]
    """Field name -> modality: what a sample offers."""
    targets: Mapping[str, Sequence[str] | None]
    """Target name -> class names, or None where the target is not a class."""
    card: Card
    """Licence, source, whether it is synthetic."""
    digest: str
    """At most 36 characters that change whenever the content would."""

    def split(self, name: str) -> Sequence[Sample]:
        """Return a split ("train", "val", "test", ...), deterministic and lazy. Unknown names raise `DataError`."""
        ...

    # Optional: with_classes(names) -> Corpus. The same data under the class names of a trained model (target -> names),
    # labels matched by name. Default: indices are translated by the names of `targets`.
    # Optional: strangers(split) -> Mapping[str, Mapping[str, int]]. Target -> class -> how many labels of a split are
    # none of the target's classes; told in every report.
    # Optional: posterior(parts: Mapping[str, Sample]) -> array (C,). The exact class probabilities, given each field of
    # the sample that it is taken from; a world with known truth.
    # Optional: used, expected: int, broken: Sequence. How many items there are, how many can be used, and the faults.


class Model(Protocol):
    """The model as tasks, hooks and figures use it: a `torch.nn.Module` of named encoders, one fuser, named heads."""

    encoders: Any
    """Encoder name -> encoder (`torch.nn.ModuleDict`)."""
    fuser: Any
    """The fuser (a `torch.nn.Module`)."""
    heads: Any
    """Head name -> head (`torch.nn.ModuleDict`)."""

    @property
    def fields(self) -> Mapping[str, str]:
        """Encoder name -> field of the sample that it reads."""
        ...

    @property
    def frozen(self) -> Collection[str]:
        """Encoders that never learn."""
        ...

    @property
    def widths(self) -> Mapping[str, int]:
        """D by port (`encoded.NAME`, `fused.NAME`) and by name."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        ...

    def prepare(self, samples: Sequence[Sample], encoders: Sequence[str] | None = None) -> Batch:
        """Prepare samples as a batch on the CPU for the named encoders (default: all)."""
        ...

    def plan(self, needs: Sequence[str] | None) -> Any:
        """Return the parts behind the ports that `needs` names, and the parts that those need; None means all.

        A plan may be given to the model in place of `needs`, where it is called many times.
        """
        ...

    def encode(self, name: str, batch: Batch) -> Features:
        """Return the features of one encoder: cached ones where the batch carries them."""
        ...

    def behind(self, fused: str) -> Sequence[str]:
        """Return the encoders that one output of the fuser, by its name, is made from."""
        ...

    def __call__(self, batch: Batch, needs: Any = None) -> Outputs:
        """Run the parts behind the ports that `needs`, a sequence of ports or a plan, names (default: all)."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Set the mode of every part but the frozen ones."""
        ...

    def to(self, device: torch.device) -> Any:
        """Move the parameters."""
        ...

    def eval(self) -> Any:
        """Set the evaluation mode."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Yield the parameters."""
        ...

    def state_dict(self) -> Any:
        """Return the weights by name."""
        ...


class Run(Protocol):
    """The run as tasks, hooks and figures use it."""

    id: str
    """Name of the run folder."""
    experiment: str
    """Name of the experiment."""
    seed: int
    """Seed of the run; derive every other one from it."""
    device: torch.device
    """Where the model runs."""
    folder: Path
    """The run folder; write only below `folder / "media"`."""
    split: str
    """The split to judge: "test" unless the user names another."""

    def batches(
        self,
        model: Model,
        samples: Sequence[Sample],
        encoders: Sequence[str] | None = None,
        batch_size: int = 32,
    ) -> Iterator[Batch]:
        """Yield batches of `samples` in order on `device`, for `encoders` (default: all), raw samples attached."""
        ...

    def untrained(self) -> Model:
        """Return a new model with the weights that this one had before training."""
        ...

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        """Show progress with an ETA while `items` are consumed."""
        ...

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Send numbers to the journal and the tracker."""
        ...

    # Optional: curves() -> Mapping[str, Sequence[tuple[int, float]]]. What was logged while training, by key.


@runtime_checkable
class Task(Protocol):
    """Judging a trained model, and predicting with it."""

    needs: Sequence[str]
    """Ports it reads from the model and the corpus."""

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the model: metrics with chance, untrained and controls, figures, media, per-item predictions."""
        ...

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Predict for a user's own input: field name -> raw value."""
        ...

    # Optional: check(model, corpus, split) -> Sequence[str]. What the corpus lacks for `evaluate` on `split`, a line
    # each that names the option to change; looked up before anything is trained. Default: the split is there.
    # Optional: least_items: int. Items without which `evaluate` may raise: `mmx check` and `mmx.testing`, which judge
    # 32, then take an exception as a lack of items. Default 0: every exception but a DataError is a fault of the task.
    # Optional: conflict(first: str, second: str) -> Task. What `mmx eval RUN --conflict FIRST,SECOND` judges by.
    # Optional: score(outputs, batch) -> Tensor (B,). As of an objective, for what each modality contributes at test.
    # Optional: read(model, path: Path, extras: Mapping[str, Path]) -> Mapping[str, Any]. What `predict` takes for a
    # file of a user, where that is more than decoding it (long videos, face boxes). Default: media are decoded whole.
