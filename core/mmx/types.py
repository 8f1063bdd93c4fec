"""Values that parts pass to each other: raw media, samples, batches, features, outputs, reports.

Shape legend, used as suffixes everywhere: B batch, T time or tokens, D features, C channels, H height, W width.
This module imports neither torch nor numpy, so that plugins may import it at discovery time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

Losses = dict[str, "Tensor"]
"""What an objective returns: `loss` is the scalar that is minimised; every other key is a term that is only logged."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A waveform: float32 `samples_CT` (channels, time) in [-1, 1] at `rate` Hz."""

    samples_CT: np.ndarray
    rate: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.samples_CT.shape[-1]) / self.rate


@dataclass(frozen=True, slots=True)
class Video:
    """Frames over time: uint8 `frames_THWC` (time, height, width, 3 = RGB) at `fps` frames per second."""

    frames_THWC: np.ndarray
    fps: float

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.frames_THWC.shape[0]) / self.fps


@dataclass(frozen=True, slots=True)
class Signal:
    """Any sampled measurement: float32 `values_TC` (time, channels) at `rate` Hz."""

    values_TC: np.ndarray
    rate: float


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: `text` that is shown from `start` to `end`, in seconds. A field of them is a tuple in order."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a corpus: raw modalities by field name, and its targets.

    Attributes:
        id: Stable over runs and machines; tables, caches and predictions are keyed by it.
        fields: `Audio`, `Video`, `Signal`, str (text), `Cue` tuple (cues), uint8 HWC (image); None or absent: missing.
        targets: Targets by name: int (class index), float, str, array, or any plain structure.
    """

    id: str
    fields: Mapping[str, Any]
    targets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """Samples as tensors, by encoder name and target name.

    Attributes:
        ids: Sample ids, length B.
        inputs: Encoder name -> prepared input (B, ...); zero-padded along dim 1 where lengths differ.
        masks: Encoder name -> bool (B, T), True where the input is real; only where lengths differ.
        present: Encoder name -> bool (B,), False where a sample lacks the field; only where one does.
        targets: Target name -> tensor (B, ...) where it stacks, else a list of length B.
        cached: Encoder name -> features computed before (frozen encoders); the model uses them as they are.
        samples: The raw samples, for tasks and figures; empty in training.
        skipped: One line per sample that could not be read and was left out or replaced.
    """

    ids: Sequence[str]
    inputs: dict[str, Tensor] = field(default_factory=dict)
    masks: dict[str, Tensor] = field(default_factory=dict)
    present: dict[str, Tensor] = field(default_factory=dict)
    targets: dict[str, Any] = field(default_factory=dict)
    cached: dict[str, Features] = field(default_factory=dict)
    samples: Sequence[Sample] = ()
    skipped: Sequence[str] = ()

    @property
    def size(self) -> int:
        """Number of samples, B."""
        return len(self.ids)

    def to(self, device: torch.device) -> Batch:
        """Return the same batch with every tensor on `device`."""

        def move(value: Any) -> Any:
            return value.to(device) if hasattr(value, "to") else value

        moved: dict[str, Any] = {}
        for name in ("inputs", "masks", "present", "targets"):
            moved[name] = {key: move(value) for key, value in getattr(self, name).items()}
        return replace(self, **moved, cached={k: v.map(move) for k, v in self.cached.items()})


@dataclass(frozen=True, slots=True)
class Features:
    """What an encoder or a fuser returns for one field.

    Attributes:
        pooled_BD: One vector per sample.
        tokens_BTD: One vector per token, frame or patch; None where there is no such axis.
        mask_BT: True where a token is real; None means all are.
        layers: Intermediate activations by layer name, for probes and figures; empty unless the part offers them.
    """

    pooled_BD: Tensor
    tokens_BTD: Tensor | None = None
    mask_BT: Tensor | None = None
    layers: Mapping[str, Tensor] = field(default_factory=dict)

    def map(self, function: Callable[[Tensor], Tensor]) -> Features:
        """Return the same features with `function` applied to every tensor (device, detach, slicing the batch)."""
        tokens, mask = (None if x is None else function(x) for x in (self.tokens_BTD, self.mask_BT))
        return Features(function(self.pooled_BD), tokens, mask, {k: function(v) for k, v in self.layers.items()})


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the model computed for a batch: only what the objective or the task needs.

    Attributes:
        encoded: Encoder name -> features.
        fused: Name (a field, or "joint") -> features after the fuser.
        heads: Head name -> its prediction.
    """

    encoded: Mapping[str, Features] = field(default_factory=dict)
    fused: Mapping[str, Features] = field(default_factory=dict)
    heads: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A number of a paper beside ours, with everything needed to repeat ours: a stored result, or words.

    Attributes:
        metric: What is measured, on which data.
        paper: The paper's value and where it stands, or "not reported".
        ours: "not measured", or our value with its spread where no result is stored.
        scale: How our setting differs from the paper's.
        command: The command that gives ours.
        seeds: Seeds it was run with, where no result is stored.
        commit: Commit it was measured at, where no result is stored.
        result: Stem of a file in the plugin's folder `results/`, which `mmx prove NAME --write` writes: a preset.
        keys: Metrics of that file, or `METRIC/GROUP/NAME` for what stands beside one: `accuracy/controls/majority`.
    """

    metric: str
    paper: str
    ours: str = ""
    scale: str = ""
    command: str = ""
    seeds: str = ""
    commit: str = ""
    result: str = ""
    keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """Origin and terms of use of a plugin, a corpus, an asset or a paper.

    Attributes:
        title: Full title of the paper, data set or package.
        summary: One sentence.
        authors: Authors or makers.
        year: Year of publication.
        url: Where to read about it.
        licence: SPDX identifier or a plain statement; never empty.
        citation: BibTeX or one line.
        synthetic: True where the data are made by a program.
        deviations: What differs from the paper, one line each.
        caveats: What it must not be used or trusted for, one line each.
        claims: The paper's numbers beside ours.
    """

    title: str
    summary: str
    licence: str
    authors: str = ""
    year: int | None = None
    url: str = ""
    citation: str = ""
    synthetic: bool = False
    deviations: Sequence[str] = ()
    caveats: Sequence[str] = ()
    claims: Sequence[Claim] = ()


@dataclass(frozen=True, slots=True)
class PaperValue:
    """A number that a paper states, and the scale at which it was reached."""

    value: float
    scale: str


class Beside(NamedTuple):
    """A number that a metric is read beside; `kind` is chance, untrained, baseline, control, reference or paper."""

    kind: str
    name: str
    value: float

    @property
    def label(self) -> str:
        """The kind with the name, where there are several of a kind: "chance", "control shuffled"."""
        return f"{self.kind} {self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a judgement, with everything that it must be read beside.

    Attributes:
        name: Key without an `@` (MLflow refuses it), the same meaning in every experiment: `accuracy`, `recall_at_1`.
        value: The model's value on the judged split.
        better: Which direction is better.
        ci95: Interval over independent units, or None where there are none.
        chance: The chance level.
        untrained: The value of the same network before training.
        baselines: Simple method -> value on the same items (a linear map, nearest neighbour, doing nothing).
        controls: Control name -> value (one modality removed, shuffled, ...).
        references: Reference name -> value (oracle, original weights, supervised).
        paper: What the paper reports.
        gaps: Label of `beside` -> 95 % interval of how much better the model is, paired over units (`mmx.measure`).
        units: Independent units that the intervals are over, or None where they were not told.
        unit: What units are, in the plural: "recordings", "speakers".
    """

    name: str
    value: float
    better: Literal["higher", "lower"] = "higher"
    ci95: tuple[float, float] | None = None
    chance: float | None = None
    untrained: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)
    controls: Mapping[str, float] = field(default_factory=dict)
    references: Mapping[str, float] = field(default_factory=dict)
    paper: PaperValue | None = None
    gaps: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    units: int | None = None
    unit: str = "items"

    def beside(self) -> list[Beside]:
        """Return every number that stands beside the value, in the order in which it is shown."""
        single = (("chance", self.chance), ("untrained", self.untrained))
        found = [Beside(kind, "", value) for kind, value in single if value is not None]
        named = (("baseline", self.baselines), ("control", self.controls), ("reference", self.references))
        found += [Beside(kind, name, value) for kind, values in named for name, value in values.items()]
        return found if self.paper is None else [*found, Beside("paper", "", self.paper.value)]


@dataclass(frozen=True, slots=True)
class Figure:
    """An image for the report and the tracker: uint8 `pixels_HWC`, or a matplotlib figure, with one caption."""

    key: str
    image: Any
    caption: str


@dataclass(frozen=True, slots=True)
class Clip:
    """Media for the report: an `Audio`, a `Video`, a pair of both, or an image, with one caption."""

    key: str
    media: Any
    caption: str


@dataclass(frozen=True, slots=True)
class Report:
    """A task's judgement of a model.

    Attributes:
        metrics: The first one is the primary metric, which the verdict is about; no two of one name.
        used: Items that were judged.
        expected: Items that should have been.
        predictions: One row per item; the key `id` comes first and is stable over runs.
        figures: Images.
        clips: Media.
        notes: Plain sentences: what is synthetic, what failed, how to read the numbers.
        margin: What the lower ends of the primary metric's `gaps` must lie above for it to be called learned.
        stand_in: What the data are, where they stand in for those that the experiment is about; told with the verdict.
        left_out: Sentences that count what was there and not judged; told with the verdict, and among the notes.
    """

    metrics: Sequence[Metric]
    used: int
    expected: int
    predictions: Sequence[Mapping[str, Any]] = ()
    figures: Sequence[Figure] = ()
    clips: Sequence[Clip] = ()
    notes: Sequence[str] = ()
    margin: float = 0.0
    stand_in: str = ""
    left_out: Sequence[str] = ()

    def __post_init__(self) -> None:
        if doubled := [name for name, count in Counter(each.name for each in self.metrics).items() if count > 1]:
            raise ValueError(f"a report has two metrics of one name: {doubled[0]}")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model predicts for a user's own input: a table, and what is to be written beside it.

    Attributes:
        rows: The table.
        clips: Audio, images and video, by key.
        notes: Plain sentences.
        arrays: Numbers by name (features, masks), each written as NAME.npy.
        pages: File name -> self-contained HTML.
        searched: Files that were looked at, where a folder was; `unread`: those that could not be, told in the notes.
    """

    rows: Sequence[Mapping[str, Any]]
    clips: Sequence[Clip] = ()
    notes: Sequence[str] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    searched: int = 0
    unread: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """One file inside a pinned package, and what becomes of it.

    Attributes:
        name: `plugin/asset`.
        package: Name of the distribution that holds it.
        version: Exact version of that distribution.
        member: Path of the file inside the wheel.
        sha256: Checksum of that file, in hexadecimal.
        convert: `module:function`; the function takes the file's path and returns a dict of arrays or tensors.
        licence: Terms of the content: an SPDX identifier or a plain statement.
        source: Where the content comes from.
        size_mb: Size of the file.
        summary: One sentence.
        hub: The same content's id on a model hub, for those who have it.
    """

    name: str
    package: str
    version: str
    member: str
    sha256: str
    convert: str
    licence: str
    source: str
    size_mb: float
    summary: str
    hub: str = ""

    @property
    def requirement(self) -> str:
        """`package==version`."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class Check:
    """A finding of `mmx doctor`: what was looked at, whether it is usable, what was found, what to do (`fix`)."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
