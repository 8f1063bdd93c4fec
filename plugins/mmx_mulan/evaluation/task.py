"""MuLan's test (section 5 of the specification): does the space of music and words hold for tunes never heard?

Zero-shot tagging, a linear probe on the frozen vectors, retrieval of playlists by title and description, triplets of
texts; everything beside chance, the untrained model, and controls that need no second training. Shapes: N recordings,
C tags, Q queries, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from mmx import Audio, Clip, Corpus, DataError, Figure, PortError, Prediction, Report, Sample, did_you_mean, read_audio
from mmx_mulan.data import labels, words
from mmx_mulan.evaluation import embedding, figures, measures
from mmx_mulan.evaluation.embedding import hear_one, silent, understand
from mmx_mulan.evaluation.measures import Setting, Side
from mmx_mulan.evaluation.tagging import Tags, above
from mmx_mulan.predict import open_library
from mmx_std import file_library, muted, ports

if TYPE_CHECKING:
    from mmx import Model, Run

SHOWN = 6
LEARNED = 4000
"""How many training samples are looked at to see which tags are learned at all."""
LISTEN = 30.0
"""Seconds of a recording that a report plays."""
FOR_MUSIC = (
    "Scores are cosines: compare them with each other. The model knows music only: speech or noise gets answers too, "
    "and they mean nothing."
)


class Judge:
    """Judge a space of music and words on recordings of unseen tunes.

    Args:
        classes: Class names of the corpus's targets (filled in).
        audio: Features of the music in the common space.
        text: Features of the text in the common space.
        tags: Target to tag with words: multi-hot, or one class.
        facts: Target with what is true of a recording by kind, for playlists and triplets; null leaves those out.
        catalogue: Target whose classes the audio tower was prepared with (`mmx_mulan.data.labels`): tags that they tell and
            tags that were never classes are averaged apart; null for a tower that no label prepared.
        company: Target that parts the recordings by who plays along: tagging is told for each part; null leaves it out.
        classifier: Head whose logits are judged instead of cosines: the supervised reference.
        window: Seconds that the model hears at once.
        windows: Windows per recording, whose vectors are averaged.
        least: A tag with fewer positive (or negative) recordings, or with fewer among the first 4,000 samples of
            training, is not judged, but counted and named.
        playlists: Most playlists to look for.
        triplets: Most triplets of each kind.
        probe: Training samples for the linear probe; 0 leaves it out.
        template: What is asked for a tag; {} stands for the tag.
        recordings: Corpus of real recordings to look at and listen to; they are shown, not measured.
        margin: What the primary metric must lead by to count as learned.
        remark: A sentence for the report: what the numbers must be read with.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        audio: str = "fused.audio",
        text: str = "fused.text",
        *,
        tags: str = "tags",
        facts: str | None = None,
        catalogue: str | None = None,
        company: str | None = None,
        classifier: str | None = None,
        window: Annotated[float, Field(gt=0)] = 10.0,
        windows: Annotated[int, Field(ge=1)] = 3,
        least: Annotated[int, Field(ge=1)] = 10,
        playlists: Annotated[int, Field(ge=1)] = 60,
        triplets: Annotated[int, Field(ge=1)] = 400,
        probe: Annotated[int, Field(ge=0)] = 800,
        template: str = "{}",
        recordings: Corpus | None = None,
        margin: Annotated[float, Field(ge=0)] = 0.05,
        remark: str = "",
    ) -> None:
        names = ports.class_names(classes, tags)
        self.audio, self.text = ports.qualify(audio, "fused"), ports.qualify(text, "fused")
        self.tags, self.facts, self.classifier = tags, facts, classifier
        self.told = labels.concepts(ports.class_names(classes, catalogue)) if catalogue else set()
        self.company, self.parts = company, ports.class_names(classes, company) if company else ()
        self.recordings, self.margin, self.probe, self.remark = recordings, margin, probe, remark
        prompts = [_prompt(name, template) for name in names]
        self.setting = Setting(names, prompts, window, windows, least, playlists, triplets)
        heads = (f"heads.{classifier}",) if classifier else (self.text,)
        self.needs = (self.audio, *heads, f"targets.{tags}", *(f"targets.{name}" for name in (facts, company) if name))

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the model on the run's split.

        Raises:
            DataError: No recording can be read, or no tag has enough of them.
        """
        # Splits, not lists of their samples: a sample that is looked at again is made again, and no sound is kept.
        samples = corpus.split(run.split)
        known = corpus.split("train")[: self.probe]
        trained = self._side(model, run, samples, known)
        floor = self._side(run.untrained(), run, samples, known)
        kept = [samples[int(i)] for i in trained.heard.positions]
        tags = measures.truth(kept, self.tags, self.setting, islice(corpus.split("train"), LEARNED))
        if not tags.judged:
            raise DataError(f"no tag has {self.setting.least} positive recordings in split {run.split!r}")
        judged = measures.judge_tags(tags, trained, floor, run.seed, self.told)
        metrics = judged.metrics
        facts = [sample.targets[self.facts] for sample in kept] if self.facts else None
        shown: list[Figure] = judged.figures()
        if self.probe:
            metrics.append(measures.probing(tags, known, self.tags, trained, floor, run.seed))
        if facts is not None and self.classifier is None:
            found = measures.retrieval(facts, trained, floor, self._read, self.setting, run)
            metrics += found.metrics
            shown += found.figures
        field = model.fields[ports.short(self.audio)]
        examples = _spread(kept, SHOWN)
        shown.append(
            Figure(
                "spectrograms",
                figures.spectrograms([(self._caption(kept[i]), kept[i].fields[field]) for i in examples]),
                "Some of the judged recordings as the model sees them: mel spectrograms, decibels.",
            )
        )
        clips = [
            Clip(f"test_{i}", kept[i].fields[field], f"{self._caption(kept[i])} | tagged: {judged.best(i, 5)}")
            for i in examples
        ]
        notes = [*([self.remark] if self.remark else []), *self._notes(corpus, tags), *judged.notes]
        if self.company:
            notes += judged.by_part([sample.targets[self.company] for sample in kept], self.parts)
        if self.recordings is not None and self.classifier is None:
            real, more = self._listen(model, self.recordings, trained)
            clips += real
            notes += more
        return Report(
            metrics=metrics,
            used=len(kept),
            expected=len(samples),
            predictions=[
                {"id": sample.id, "tags": judged.true(i), "best": judged.best(i, 5)} for i, sample in enumerate(kept)
            ],
            figures=shown,
            clips=clips,
            notes=notes,
            margin=self.margin,
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what `predict` takes for a path that was typed: a recording, or a folder to search.

        Args:
            model: The model.
            path: A recording of any length, or a folder.
            extras: `texts` (several are parted by semicolons) for a recording; `query` for a folder. The text field's
                own name stands for either.

        Raises:
            DataError: The recording cannot be read, a folder comes without a query, or an extra is unknown.
        """
        field, text = model.fields[ports.short(self.audio)], model.fields.get(ports.short(self.text), "text")
        unknown = [name for name in extras if name not in ("texts", "query", text)]
        if unknown:
            raise DataError(f"nothing to do with {unknown[0]!r}{did_you_mean(unknown[0], ('texts', 'query', text))}")
        said = {name: str(value) for name, value in extras.items()}
        asked = said.get("query", said.get(text))
        if path.is_dir():
            if asked is None:
                raise DataError(f'{path} is a folder; say what to look for in it, e.g. query="slow fiddle waltz"')
            return {"query": asked, "folder": path}
        with muted.muted():
            raw: dict[str, Any] = {field: read_audio(path)}
        given = said.get("texts", said.get(text))
        return raw if given is None else {**raw, "texts": given.split(";")}

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Rank texts for a recording, or a folder's recordings for a text.

        Args:
            model: In evaluation mode.
            raw: The recording under its field's name and, if given, `texts` to rank (default: the tags); or `query`
                (a text) and `folder`. See `read`.

        Raises:
            DataError: Silence, an empty text, a folder without music.
            PortError: The run is a classifier and has no space of words.
        """
        if self.classifier is not None:
            raise PortError("this run was trained as a classifier of tags; its text tower knows nothing to rank with")
        model.eval()
        field = model.fields[ports.short(self.audio)]
        if raw.get("query") is not None:
            return self._search(model, _text(raw["query"]), Path(raw.get("folder") or "."))
        audio = raw.get(field)
        if not isinstance(audio, Audio):
            raise DataError(f"give a recording ({field}) and texts, or a query and a folder")
        if silent(audio):
            raise DataError("the recording is silent: there is nothing to rank")
        texts = [_text(text) for text in raw.get("texts") or self.setting.prompts]
        scores_N = understand(model, texts, self.text) @ self._hear(model, audio)
        order = np.argsort(-scores_N, kind="stable")
        rows = [
            {"rank": place + 1, "text": texts[i], "score": round(float(scores_N[i]), 4)}
            for place, i in enumerate(order)
        ]
        return Prediction(rows, notes=(FOR_MUSIC,))

    def _search(self, model: Model, query: str, folder: Path) -> Prediction:
        place = file_library.place_of("mulan", model, self.audio, self.setting.window, self.setting.windows)
        library = open_library(folder, place, lambda audio: self._hear(model, audio))
        scores_N = library.vectors_ND @ understand(model, [query], self.text)[0]
        order = np.argsort(-scores_N, kind="stable")
        rows = [
            {
                "rank": place + 1,
                "file": str(library.files[i].relative_to(folder)),
                "score": round(float(scores_N[i]), 4),
            }
            for place, i in enumerate(order)
        ]
        notes = [
            f"{len(library.files)} recordings ranked, {library.cached} of them from the index.",
            FOR_MUSIC,
        ]
        if library.skipped:
            notes.append(f"{len(library.skipped)} {'file' if len(library.skipped) == 1 else 'files'} skipped:")
            notes += [f"skipped: {line}" for line in library.skipped]
        return Prediction(rows, notes=tuple(notes))

    def _hear(self, model: Model, audio: Audio) -> np.ndarray:
        """Return the vector of a recording: windows one after another, at most a minute of them, spread over it."""
        most = max(self.setting.windows, round(60 / self.setting.window))
        return hear_one(model, audio, self.audio, seconds=self.setting.window, count=most)

    def _read(self, texts: Sequence[str], model: Model) -> np.ndarray:
        return understand(model, texts, self.text)

    def _side(self, model: Model, run: Run, samples: Sequence[Sample], known: Sequence[Sample]) -> Side:
        """Let a model hear the recordings and read the prompts."""
        options: dict[str, Any] = {"seconds": self.setting.window}
        heard = embedding.hear(model, run, samples, self.audio, count=self.setting.windows, **options)
        learned = embedding.hear(model, run, known, self.audio, count=1, **options) if known else None
        if self.classifier is not None:
            port = f"heads.{self.classifier}"
            scores_NC = embedding.hear(
                model, run, samples, port, count=self.setting.windows, unit=False, **options
            ).vectors_ND
        else:
            scores_NC = heard.vectors_ND @ understand(model, self.setting.prompts, self.text).T
        return Side(model, heard, learned, scores_NC)

    def _listen(self, model: Model, corpus: Corpus, trained: Side) -> tuple[list[Clip], list[str]]:
        """Tag the real recordings: something to look at and listen to, too few to measure anything."""
        field = next((name for name, modality in corpus.fields.items() if modality == "audio"), None)
        if field is None:
            raise PortError("task.recordings: the corpus has no audio")
        samples = list(corpus.split("all"))
        prompts_CD = understand(model, self.setting.prompts, self.text)
        clips = []
        for sample in samples:
            audio: Audio = sample.fields[field]
            score_C = above(prompts_CD @ self._hear(model, audio), trained.scores_NC)
            best = ", ".join(self.setting.names[i] for i in np.argsort(-score_C)[:5])
            heard = Audio(audio.samples_CT[:, : round(LISTEN * audio.rate)], audio.rate)
            caption = sample.fields.get("caption") or sample.id
            clips.append(Clip(f"real_{Path(sample.id).stem}", heard, f"REAL RECORDING: {caption} | tagged: {best}"))
        note = (
            f"Look and listen: the last {len(samples)} players are real recordings, {len(samples)} in all, tagged by a "
            "model that only ever heard a synthesiser. They measure nothing; tags are those furthest above the average "
            "test recording."
        )
        return clips, [note]

    def _caption(self, sample: Sample) -> str:
        """Return a recording's title, what is true of it, and who plays along where that is told."""
        known = sample.targets.get(self.facts) if self.facts else None
        if not known:
            return sample.id
        said = ", ".join(known[kind] for kind in words.PHRASES if kind in known)
        company = f" ({self.parts[int(sample.targets[self.company])]})" if self.company else ""
        return f"{known.get('title', sample.id)}: {said}{company}"

    def _notes(self, corpus: Corpus, tags: Tags) -> list[str]:
        notes = list(getattr(corpus, "notes", ()))
        counts = ", ".join(f"{name} {count}" for name, count in tags.positives.items())
        notes.append(f"Judged tags and their positive recordings: {counts}.")
        if tags.skipped:
            notes.append(
                f"{len(tags.skipped)} tags skipped, fewer than {self.setting.least} positive or negative recordings: "
                f"{', '.join(tags.skipped)}."
            )
        if tags.unlearned:
            names = ", ".join(self.setting.names[number] for number in tags.unlearned)
            notes.append(
                f"{len(tags.unlearned)} tags not judged, fewer than {self.setting.least} positive among the first "
                f"{LEARNED:,} samples of training: {names}."
            )
        return notes


def _prompt(name: str, template: str) -> str:
    """Return what is asked for a tag: the folk corpus's own word for it, or its name."""
    tag = next((tag for tag in words.TAGS if tag.value == name), None)
    return template.replace("{}", tag.prompt if tag is not None else name)


def _text(value: Any) -> str:
    text = str(value).strip()
    if not text:
        raise DataError("an empty text describes no music; write at least one word")
    return text


def _spread(samples: Sequence[Sample], count: int) -> list[int]:
    return sorted({round(i) for i in np.linspace(0, len(samples) - 1, min(count, len(samples)))})
