"""Schema of one experiment: the keys of `registry.yaml`, and the frozen value that a run is built from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

JUDGED = ("test", "all")
"""Splits with the items that are judged."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class Frozen(BaseModel):
    """Base of all configuration values: immutable, no unknown keys, no guessing ("5" is no number)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True, defer_build=True)


class Part(Frozen):
    """A component by name with its parameters: `{use: plugin/component, key: value, ...}`.

    Values of `params` are plain, or parts again (also inside lists and mappings).
    """

    use: str = Field(description="Registry name, `plugin/component`; `std/` may be left out.")
    params: Mapping[str, Any] = Field(default_factory=dict, description="Arguments of the component's constructor.")

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        """Accept the flat form of YAML, and a bare name for a part without parameters."""
        if isinstance(value, str):
            return {"use": value}
        if isinstance(value, Mapping) and "params" not in value:
            own = {key: value[key] for key in cls.model_fields if key in value}
            rest = {key: nested(item) for key, item in value.items() if key not in own}
            return {"use": None, **own, "params": rest}
        return value


def nested(value: Any) -> Any:
    """Make a `Part` of every mapping with a `use` key inside `value`."""
    if isinstance(value, Mapping):
        if "use" in value:
            return Part.model_validate(value)
        return {key: nested(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [nested(item) for item in value]
    return value


class EncoderPart(Part):
    """An encoder; its key under `encoders` names the features, and the sample's field unless `field` names another."""

    field: str | None = Field(None, description="Field of the sample it reads; default: its own key.")
    freeze: bool = Field(False, description="Never trained, always in evaluation mode, its features cached.")


class Paper(Frozen):
    """What is reproduced."""

    title: str = Field(description="Full title.")
    arxiv: str | None = Field(None, description="Number on arXiv, in quotes: a text.")
    url: str | None = Field(None, description="Where to read it.")
    venue: str | None = Field(None, description="Where it was published.")
    year: int | None = Field(None, description="Year of publication.")


class Update(Frozen):
    """One update of a step: which parts learn, on which objective, with which optimizer."""

    trains: tuple[str, ...] = Field(
        strict=False,
        description="Parts that learn: `encoders.NAME`, `encoders`, `fuser`, `heads.NAME`, `heads`, `objective`, or "
        "what is inside one of them: `fuser.projections.audio`.",
    )
    objective: Part = Field(description="The loss.")
    optimizer: Part = Field(Part(use="std/adamw"), description="Over the parameters of `trains`.")
    schedule: Part | None = Field(
        None, description="Factor on the learning rate per step, e.g. `{use: cosine, warmup: 50}`."
    )
    clip: float | None = Field(None, gt=0, description="Largest gradient norm.")
    balance: Part | None = Field(
        None, description="What keeps one modality from winning the training, e.g. `ogm-ge`; none by default."
    )
    every: int = Field(1, ge=1, description="Take this update at every n-th step only.")


class Stage(Frozen):
    """Part of a training: which parts learn, on which loss, for how many steps.

    A stage has one update, written flat (`trains`, `objective`, `optimizer`, ...), or several under `updates`, taken
    one after another at each step on the same batch (a generator and its critic).
    """

    name: Name = Field(description="What overrides, presets and metrics call it.")
    steps: int = Field(ge=0, description="Optimizer steps.")
    batch_size: int = Field(32, ge=1, description="Samples per batch and process.")
    accumulate: int = Field(1, ge=1, description="Batches per optimizer step.")
    split: str = Field("train", description="Split of the corpus to train on.")
    balanced: str | None = Field(
        None,
        description="Target whose classes are drawn alike often, with replacement: items count inversely to the number "
        "of their class (the sum over all classes of an item that has several); by default every item once per epoch.",
    )
    corpus: Part | None = Field(None, description="Another corpus for this stage only.")
    starts_from: str | None = Field(
        None,
        description="Weights of the model that the stage starts from: those at the end of an earlier stage, by name, "
        "or `untrained`; default: those of the stage before it.",
    )
    val_split: str = Field(
        "val",
        description="Split whose loss is the validation curve, where the corpus has it; empty: no curve. Never the one "
        "that is judged.",
    )
    keep: Literal["last", "best", "average"] = Field(
        "last",
        description="Weights that the stage ends with: those of its last step, those of its lowest validation loss, or "
        "the average of those at its last `averaged` validations.",
    )
    averaged: int = Field(5, ge=1, description="Validations whose weights `keep: average` averages.")
    patience: int | None = Field(
        None, ge=1, description="End the stage after so many validations in a row without a new lowest loss."
    )
    updates: tuple[Update, ...] = Field(
        min_length=1, strict=False, description="Updates of one step, in order; a stage with one writes its keys flat."
    )

    @property
    def validates(self) -> bool:
        """Whether the stage cannot do without a validation loss."""
        return self.keep != "last" or self.patience is not None

    @field_validator("val_split")
    @classmethod
    def _unseen(cls, value: str) -> str:
        if value in JUDGED:
            raise ValueError(f"{value!r} holds the items that are judged, which no choice in training may see")
        return value

    @model_validator(mode="before")
    @classmethod
    def _one_update(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "updates" in value:
            return value
        own = set(cls.model_fields)
        return {
            **{key: item for key, item in value.items() if key in own},
            "updates": [{key: item for key, item in value.items() if key not in own}],
        }


class Settings(Frozen):
    """How a run is executed; the same keys under `defaults` of a registry file apply to all experiments."""

    seed: int = Field(0, ge=0, description="Seed of everything that draws.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N, mps.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16 runs the forward pass under autocast; weights stay float32."
    )
    compile: bool = Field(False, description="Compile the model with torch.compile.")
    workers: int = Field(0, ge=0, description="Processes that prepare samples; 0 prepares in the training process.")
    threads: int | None = Field(None, ge=1, description="CPU threads of torch; default: torch's own choice.")
    log_every: int = Field(10, ge=1, description="Steps between logged points.")
    validate_every: int = Field(
        50, ge=0, description="Steps between validations of a stage, on its `val_split`; 0: none."
    )
    validate_batches: int = Field(2, ge=1, description="Batches of a validation, the same ones every time.")
    checkpoint_every: int = Field(200, ge=1, description="Steps between checkpoints.")
    monitor_every: int = Field(
        50, ge=0, description="Steps between looks at how much each modality gives and learns; 0: none."
    )
    on_nonfinite: Literal["stop", "skip"] = Field(
        "stop", description="A loss that is not finite: stop, or skip its update."
    )
    cache: bool = Field(True, description="Keep the features of frozen encoders on disk.")
    cache_samples: int = Field(
        0, ge=0, description="Samples that stay in memory once decoded or rendered, per process."
    )
    max_unreadable: float = Field(
        0.1, ge=0, le=1, description="Stop when more than this share of a corpus cannot be read."
    )


class Experiment(Frozen):
    """One resolved experiment: the only thing that `build` reads."""

    name: str = Field(description="Its key under `experiments`.")
    preset: str = Field("default", description="Which preset was laid on it.")
    summary: str = Field(description="One line for lists.")
    paper: Paper | None = Field(None, description="What it reproduces.")
    corpus: Part = Field(description="Data, for all stages and the task.")
    encoders: Mapping[Name, EncoderPart] = Field(min_length=1, description="One per field that is read, by name.")
    fuser: Part = Field(Part(use="std/none"), description="From the encoders' features to those that heads read.")
    heads: Mapping[Name, Part] = Field(default_factory=dict, description="Predictions by name.")
    stages: tuple[Stage, ...] = Field((), strict=False, description="What is trained, in order; none: judge only.")
    task: Part = Field(description="What is judged, and how.")
    settings: Settings = Field(Settings(), description="How it is executed.")
