"""Pairs of image and caption: from the web, some with the wrong caption; and bootstrapped ones (CapFilt)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import torch
from pydantic import Field

from mmx import Card, Corpus, DataError, LazyFields, LazySplit, Model, Sample

IMAGE: Final = "image"
CAPTION: Final = "caption"
CLAIMS: Final[Mapping[str, Sequence[str] | None]] = {"sentence": None, "clean": None}
"""Targets of every pair: what its caption says, and whether it is its image's own (-1: unknown)."""
Pair = tuple[Sequence[Sample], int, str | None]
"""Samples, the place among them, and another caption than theirs."""
BATCH: Final = 64
"""Images that are captioned, and pairs that are filtered, at once."""


class Web:
    """Pairs as the web has them: a share of the captions of split train are those of other images.

    Target `clean` tells which are not. Other splits are as they are.

    Args:
        pairs: The pairs with their right captions.
        noise: Share of the captions of training that are another image's.
        seed: What is drawn from.
    """

    def __init__(
        self,
        pairs: Corpus,
        *,
        noise: Annotated[float, Field(ge=0, le=1)] = 0.3,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._pairs, self._noise, self._seed = pairs, noise, seed
        self.fields: Mapping[str, str] = pairs.fields
        self.targets: Mapping[str, Sequence[str] | None] = {**pairs.targets, **CLAIMS}
        self.card: Card = pairs.card
        self.digest = _digest(pairs.digest, noise, seed)

    def split(self, name: str) -> Sequence[Sample]:
        """Return a split of the pairs, that of training with wrong captions."""
        samples = self._pairs.split(name)
        return LazySplit(len(samples), partial(self._sample, samples, name == "train"))

    def _sample(self, samples: Sequence[Sample], noisy: bool, position: int) -> Sample:
        own = samples[position]
        rng = np.random.default_rng((self._seed, position))
        wrong = noisy and bool(rng.random() < self._noise)
        other = int(rng.integers(1, max(2, len(samples))))
        said = samples[(position + other) % len(samples)].fields[CAPTION] if wrong else own.fields[CAPTION]
        return captioned(own, own.id, str(said), clean=float(not wrong), more=own.targets)


class Bootstrapped:
    """CapFilt: web pairs, synthetic captions of web images, and what people wrote, filtered, as one corpus.

    The captioner writes one caption for each web image (nucleus sampling); the filter throws away web and synthetic
    captions that its matching head calls another image's. People's pairs are all kept (section 3.3). Without a
    captioner nothing is written, without a filter all is kept: with neither the pairs as they were found.

    Both are models at the end of earlier stages, so that this is a corpus of a stage. Split train is made when it is
    first read after those stages; before them (checks before training) it is the pairs as they were found. The other
    splits are those of `human`.

    Args:
        trained: Gives models at the end of earlier stages (filled in).
        web: Pairs from the web.
        human: Pairs that people wrote.
        captioner: Stage at whose end the model writes.
        filter: Stage at whose end the model filters.
        top_p: Share of the probability that is drawn from.
        writer: Head of the captioner.
        match: Head of the filter, with two logits: other, own.
        seed: What is drawn from.
    """

    def __init__(
        self,
        trained: Callable[[str], Callable[[], Model]],
        web: Corpus,
        human: Corpus,
        *,
        captioner: str | None = None,
        filter: str | None = None,
        top_p: Annotated[float, Field(gt=0, le=1)] = 0.9,
        writer: str = "words",
        match: str = "aligned",
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._web, self._human, self._top_p, self._seed = web, human, top_p, seed
        self._captioner = None if captioner is None else trained(captioner)
        self._filter = None if filter is None else trained(filter)
        self._writer, self._match = writer, match
        self._made: list[Pair] | None = None
        self.fields: Mapping[str, str] = {name: web.fields[name] for name in (IMAGE, CAPTION)}
        self.targets: Mapping[str, Sequence[str] | None] = CLAIMS
        self.card: Card = web.card
        self.digest = _digest(web.digest, human.digest, captioner, filter, top_p, seed)

    def split(self, name: str) -> Sequence[Sample]:
        """Return the bootstrapped pairs, or another split of those that people wrote."""
        if name != "train":
            others = self._human.split(name)
            return LazySplit(
                len(others), partial(self._sample, [(others, place, None) for place in range(len(others))])
            )
        if self._made is None:
            try:
                models = [None if each is None else each() for each in (self._captioner, self._filter)]
            except DataError:  # their stages are not over: nobody trains on this yet
                found = list(self._bootstrapped(None, None))
                return LazySplit(len(found), partial(self._sample, found))
            self._made = list(self._bootstrapped(*models))
        return LazySplit(len(self._made), partial(self._sample, self._made))

    @staticmethod
    def _sample(made: Sequence[Pair], position: int) -> Sample:
        samples, place, text = made[position]
        own = samples[place]
        said = str(own.fields[CAPTION]) if text is None else text
        clean = own.targets.get("clean", 1.0) if text is None else -1.0  # nobody knows of what a model wrote
        return captioned(own, f"{position:06d}-{own.id}", said, clean=float(clean))

    def _bootstrapped(
        self, captioner: Model | None, filter: Model | None
    ) -> Iterator[tuple[Sequence[Sample], int, str | None]]:
        web, human = self._web.split("train"), self._human.split("train")
        pairs: list[tuple[int, str | None]] = [(place, None) for place in range(len(web))]
        if captioner is not None:
            pairs += list(enumerate(self._written(captioner, web)))
        kept = [True] * len(pairs) if filter is None else self._kept(filter, web, pairs)
        yield from ((web, place, text) for (place, text), keep in zip(pairs, kept, strict=True) if keep)
        yield from ((human, place, None) for place in range(len(human)))

    def _written(self, model: Model, web: Sequence[Sample]) -> Iterator[str]:
        """Yield a caption of each image."""
        head, generator = model.heads[self._writer], torch.Generator().manual_seed(self._seed)
        tokenizer = model.encoders[CAPTION].tokenizer
        for first in range(0, len(web), BATCH):
            images = web[first : first + BATCH]
            with torch.inference_mode():
                batch = model.prepare([*images], [IMAGE]).to(model.device)
                seen = {IMAGE: model.encode(IMAGE, batch)}
                ids_BT = head.generate(seen, generator=generator, top_p=self._top_p).ids_BT.tolist()
            yield from (tokenizer.decode([number for number in ids if number >= 0]) for ids in ids_BT)

    def _kept(self, model: Model, web: Sequence[Sample], pairs: Sequence[tuple[int, str | None]]) -> list[bool]:
        """Return whether the filter finds that a caption belongs to its image."""
        port, kept = f"heads.{self._match}", []
        for first in range(0, len(pairs), BATCH):
            chosen = [self._sample([(web, *pair)], 0) for pair in pairs[first : first + BATCH]]
            with torch.inference_mode():
                batch = model.prepare(chosen, [IMAGE, CAPTION]).to(model.device)
                logits_B2 = model(batch, (port,)).heads[self._match]
            kept += (logits_B2[:, 1] > logits_B2[:, 0]).tolist()
        return kept


def captioned(
    sample: Sample, name: str, caption: str, *, clean: float, more: Mapping[str, Any] | None = None
) -> Sample:
    """Return a sample under another id, with another caption; its image is read when it is asked for.

    Args:
        sample: Whose image it is, and whose other fields where its targets are kept.
        name: The id.
        caption: What is said.
        clean: Whether that is the image's own.
        more: Targets that are kept.
    """
    kept = [IMAGE] if more is None else [field for field in sample.fields if field != CAPTION]
    makers: dict[str, Callable[[], Any]] = {field: partial(sample.fields.__getitem__, field) for field in kept}
    makers[CAPTION] = partial(str, caption)
    return Sample(name, LazyFields(makers), {**(more or {}), "sentence": caption, "clean": clean})


def _digest(*facts: Any) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
