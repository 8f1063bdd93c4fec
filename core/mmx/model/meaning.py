"""Meaning of a model's outputs: the fields, class names and digests of its data, kept beside its weights.

A run writes `meaning.json` before it trains. Whoever uses the weights later takes names from there and not from
whatever the data's file holds by then; labels of other data are matched by name. `meaning.safetensors` holds what the
model's parts computed from the corpus when they were built, such as a tokenizer's vocabulary or mean landmarks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from mmx.data.lazy import LazySplit
from mmx.errors import DataError
from mmx.support import run_files
from mmx.support.files import replacing, write_json

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mmx.interfaces import Corpus
    from mmx.types import Card, Sample

CORPUS: Final = "corpus"
"""Place of the experiment's corpus; a stage's own is at `stages.NAME.corpus`."""
Names = Mapping[str, Sequence[str] | None]
"""Target -> class names, None where it is no class."""


@dataclass(frozen=True)
class Source:
    """What one corpus offered when the model was made.

    Attributes:
        use: Name of the component.
        digest: Of its content.
        fields: Field -> modality.
        targets: Target -> class names in the order of the model's outputs; None where it is no class.
    """

    use: str
    digest: str
    fields: Mapping[str, str]
    targets: Names


@dataclass(frozen=True)
class Meaning:
    """What the outputs of a run's model mean.

    Attributes:
        sources: Place in the experiment -> its corpus.
        buffers: State of the parts that read the corpus while they were built, by name in the model.
    """

    sources: Mapping[str, Source]
    buffers: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def corpus(self) -> Source:
        """The experiment's own corpus."""
        return self.sources[CORPUS]

    def restore(self, model: nn.Module) -> None:
        """Give the parts of a new model the state that they had computed from the corpus.

        Raises:
            DataError: It belongs to another model.
        """
        try:
            model.load_state_dict(dict(self.buffers), strict=False)
        except RuntimeError as error:
            told = " ".join(line.strip() for line in str(error).splitlines()[:2])
            raise DataError(f"{run_files.MEANING_STATE} does not fit this model: {told}") from error

    def named(self, corpus: Corpus, place: str = CORPUS) -> Corpus:
        """Return a corpus whose classes are those of the model, each label matched by its name."""
        known = self.sources.get(place)
        return corpus if known is None else renamed(corpus, known.targets)


def changes(before: Mapping[str, Source], now: Mapping[str, Source]) -> Iterator[str]:
    """Yield a line for each corpus whose content is not what it was."""
    for place, source in before.items():
        other = now.get(place)
        if other is not None and (other.use, other.digest) != (source.use, source.digest):
            yield f"{place}: the data is {described(other)}, the run had {described(source)}"


def described(source: Source) -> str:
    """Return a corpus by name and digest."""
    return f"{source.use}, digest {source.digest[:12] or 'unknown'}"


def write(folder: Path, meaning: Meaning) -> None:
    """Write a run's `meaning.json`, and `meaning.safetensors` where there is state."""
    rows = {
        place: {
            "use": source.use,
            "digest": source.digest,
            "fields": dict(source.fields),
            "targets": {name: None if names is None else [*map(str, names)] for name, names in source.targets.items()},
        }
        for place, source in meaning.sources.items()
    }
    if meaning.buffers:
        from safetensors.torch import save_file  # it imports torch, which a list of runs does without

        tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in meaning.buffers.items()}
        with replacing(folder / run_files.MEANING_STATE, suffix="") as temporary:
            save_file(tensors, str(temporary))
    write_json(folder / run_files.MEANING, rows)


def read_sources(folder: Path) -> dict[str, Source] | None:
    """Return what a run's corpora offered; None for a run of a version that did not write it.

    Raises:
        DataError: The file is damaged.
    """
    path = folder / run_files.MEANING
    if not path.is_file():
        return None
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = {
            str(place): Source(str(row["use"]), str(row["digest"]), dict(row["fields"]), dict(row["targets"]))
            for place, row in rows.items()
        }
        for source in found.values():
            if not all(names is None or isinstance(names, list) for names in source.targets.values()):
                raise TypeError("targets must be lists of names")
        if CORPUS not in found:
            raise TypeError("it names no corpus")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as the meaning of a run's outputs: {error}") from error
    return found


def read(folder: Path) -> Meaning | None:
    """Return what a run's outputs mean; None for a run of a version that did not write it.

    Raises:
        DataError: A file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    sources = read_sources(folder)
    if sources is None:
        return None
    path = folder / run_files.MEANING_STATE
    try:
        return Meaning(sources, load_file(str(path)) if path.is_file() else {})
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: is damaged: {error}") from error


def renamed(corpus: Corpus, names: Names) -> Corpus:
    """Return a corpus whose targets have the classes `names`; labels are matched by name, others become unknown (-1).

    A corpus that keeps its labels as names does it itself (`with_classes`).

    Raises:
        DataError: A target that has classes there has none here.
    """
    for target, wanted in names.items():
        if wanted is not None and target in corpus.targets and corpus.targets[target] is None:
            raise DataError(f"target {target!r} of this data has no classes; the model knows {', '.join(wanted[:5])}")
    common = {
        target: tuple(wanted)
        for target, wanted in names.items()
        if wanted is not None and target in corpus.targets and [*map(str, corpus.targets[target] or ())] != [*wanted]
    }
    if not common:
        return corpus
    own = getattr(corpus, "with_classes", None)
    if own is not None:
        named: Corpus = own(common)
        return named
    return cast("Corpus", Renamed(corpus, common))


class Renamed:
    """A corpus under other class names: indices are those of the names given.

    Args:
        corpus: The corpus.
        names: Target -> class names.
    """

    def __init__(self, corpus: Corpus, names: Mapping[str, Sequence[str]]) -> None:
        self._corpus, self._names = corpus, names
        self.targets: Names = {**corpus.targets, **names}
        self._places = {
            target: [_place(str(name), names[target]) for name in corpus.targets[target] or ()] for target in names
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._corpus, name)

    def split(self, name: str) -> Sequence[Sample]:
        """Return a split of the corpus, with targets by the given names."""
        samples = self._corpus.split(name)
        return LazySplit(len(samples), partial(self._sample, samples))

    def strangers(self, split: str) -> dict[str, Counter[str]]:
        """Return target -> how often each class occurs in a split that is not among the names."""
        found: dict[str, Counter[str]] = {target: Counter() for target in self._names}
        samples = self._corpus.split(split)
        for index in range(len(samples)):
            targets = samples[index].targets
            for target, counter in found.items():
                own = self._corpus.targets[target] or ()
                for old in _chosen(targets.get(target), len(own)):
                    if self._places[target][old] < 0:
                        counter[str(own[old])] += 1
        return found

    def _sample(self, samples: Sequence[Sample], index: int) -> Sample:
        sample = samples[index]
        targets = {
            name: self._moved(name, value) if name in self._names else value for name, value in sample.targets.items()
        }
        return replace(sample, targets=targets)

    def _moved(self, target: str, value: Any) -> Any:
        import numpy as np

        places, count = self._places[target], len(self._names[target])
        if np.ndim(value) == 0 and isinstance(value, int | np.integer):
            return places[int(value)] if 0 <= value < len(places) else -1
        if np.shape(value) != (len(places),):
            return value  # not one value per class
        old = np.asarray(value)
        unknown = len(old) > 0 and bool((old < 0).all())
        new = np.full(count, -1 if unknown else 0, dtype=old.dtype)
        for place, each in zip(places, old, strict=True):
            if place >= 0:
                new[place] = each
        return new


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else -1


def _chosen(value: Any, count: int) -> list[int]:
    """Return the classes that a target's value says: one index, or the places of a multi-hot vector."""
    import numpy as np

    if isinstance(value, int | np.integer):
        return [int(value)] if 0 <= value < count else []
    return np.flatnonzero(np.asarray(value) > 0).tolist() if np.shape(value) == (count,) else []


class Remembered:
    """A corpus that is opened when its samples are asked for; what it offers is known, or asked of it as well.

    Args:
        opened: Opens it.
        source: What it offered when the model was made; None asks the corpus itself.
    """

    def __init__(self, opened: Callable[[], Corpus], source: Source | None = None) -> None:
        self._opened, self._source = opened, source
        self._corpus: Corpus | None = None

    @property
    def fields(self) -> Mapping[str, str]:
        """Field -> modality."""
        return self._source.fields if self._source is not None else self._there().fields

    @property
    def targets(self) -> Names:
        """Target -> class names."""
        return self._source.targets if self._source is not None else self._there().targets

    @property
    def digest(self) -> str:
        """The digest of the content."""
        return self._source.digest if self._source is not None else self._there().digest

    @property
    def card(self) -> Card:
        """Where the data is from."""
        return self._there().card

    def split(self, name: str) -> Sequence[Sample]:
        """Open the corpus and return a split of it."""
        return self._there().split(name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._there(), name)

    def _there(self) -> Corpus:
        if self._corpus is None:
            found = self._opened()
            self._corpus = found if self._source is None else renamed(found, self._source.targets)
        return self._corpus
