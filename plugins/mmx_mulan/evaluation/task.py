"""Evaluation of MuLan (section 5) on unseen tunes.

Zero-shot tagging, a linear probe on the frozen vectors, retrieval of playlists by title and description, triplets of
texts; with chance level, the untrained model, and controls that need no second training. Shapes: N recordings,
C tags, Q queries, D width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from mmx import Audio, Clip, Corpus, DataError, Figure, PortError, Prediction, Report, Sample, did_you_mean, read_audio
from mmx_mulan.evaluation import embedding, measures, simple
from mmx_mulan.evaluation.embedding import encode_one, encode_texts, silent
from mmx_mulan.evaluation.measures import Setting, Side
from mmx_mulan.evaluation.tagging import Tags, above
from mmx_mulan.predict import open_library
from mmx_std import file_library, judging, muted, plots, ports
from mmx_std import music_labels as labels
from mmx_std import music_words as words

if TYPE_CHECKING:
    from mmx import Model, Run

SHOWN = 6
LEARNED = 4000
"""Training samples over which the positives of each tag are counted."""
PLAYED = 30.0
"""Seconds of a recording that a report plays."""
FOR_MUSIC = (
    "Scores are cosines: compare them with each other. The model is trained on music only: for speech or noise "
    "the scores are meaningless."
)


class Judge:
    """Evaluate a joint space of music and text on recordings of unseen tunes.

    Args:
        classes: Class names of the corpus's targets (filled in).
        audio: Features of the music in the common space.
        text: Features of the text in the common space.
        tags: Target to tag with words: multi-hot, or one class.
        facts: Target with what is true of a recording by kind, for playlists and triplets; null leaves those out.
        catalogue: Target whose classes the audio tower's first stage learned (`mmx_std.music_labels`): tags of their
            concepts and other tags are averaged separately; null for a tower without such a stage.
        company: Target with the accompaniment of a recording: tagging is reported for each; null leaves it out.
        classifier: Head whose logits are evaluated instead of cosines: the supervised reference.
        window: Length of a window in seconds.
        windows: Windows per recording, whose vectors are averaged.
        least: A tag with fewer positive (or negative) recordings, or with fewer among the first 4,000 samples of
            training, is not evaluated, but counted and named.
        playlists: Most playlists to retrieve.
        triplets: Most triplets of each kind.
        probe: Training samples for the linear probe; 0 leaves it out.
        template: Prompt of a tag; {} stands for the tag.
        recordings: Corpus of real recordings that the report plays; no metric is computed on them.
        margin: What the intervals of the distances to chance, the untrained model and the control must lie above.
        remark: A sentence for the report on how to read the numbers.
        simple: Training recordings that simple methods learn from; 0 leaves them out.
        unit: Target that names the independent unit of a recording (its album), by default the column `group` of a
            manifest; where the corpus has no such target, or with null, every recording is one.
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
        margin: Annotated[float, Field(ge=0)] = 0.0,
        remark: str = "",
        simple: Annotated[int, Field(ge=0)] = 1000,
        unit: str | None = "group",
    ) -> None:
        names = ports.class_names(classes, tags)
        self.audio, self.text = ports.qualify(audio, "fused"), ports.qualify(text, "fused")
        self.tags, self.facts, self.classifier = tags, facts, classifier
        self.pretrained = labels.concepts(ports.class_names(classes, catalogue)) if catalogue else set()
        self.simple, self.unit = simple, unit
        self.company, self.parts = company, ports.class_names(classes, company) if company else ()
        self.recordings, self.margin, self.probe, self.remark = recordings, margin, probe, remark
        prompts = [_prompt(name, template) for name in names]
        self.setting = Setting(names, prompts, window, windows, least, playlists, triplets)
        heads = (f"heads.{classifier}",) if classifier else (self.text,)
        self.needs = (self.audio, *heads, f"targets.{tags}", *(f"targets.{name}" for name in (facts, company) if name))

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or a tag with enough recordings to judge it by."""
        if lacks := judging.lacks(corpus, split):
            return lacks
        tags = measures.truth(corpus.split(split), self.tags, self.setting, self._learned(corpus))
        if tags.judged:
            return []
        counts = sorted(zip((tags.truth_NC > 0).sum(0).tolist(), self.setting.names, strict=True), reverse=True)
        most = ", ".join(f"{name} {count}" for count, name in counts[:3])
        return [
            f"no tag has {self.setting.least} positive and {self.setting.least} negative of the {len(tags.truth_NC)} "
            f"recordings of split {split!r}, and {self.setting.least} positive in train (most: {most}); "
            "set task.least lower, or bring more"
        ]

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Evaluate the model on the run's split.

        Raises:
            DataError: No recording can be read, or no tag has enough of them.
        """
        # Splits, not lists of their samples: a sample is made again on each access, and no audio is kept.
        samples = corpus.split(run.split)
        known = judging.training(corpus)[: self.probe]
        trained = self._side(model, run, samples, known)
        untrained = self._side(run.untrained(), run, samples, known)
        kept = [samples[int(i)] for i in trained.encoded.positions]
        tags = measures.truth(kept, self.tags, self.setting, self._learned(corpus))
        if not tags.judged:
            raise DataError(f"no tag has {self.setting.least} positive recordings in split {run.split!r}")
        units = judging.units_of(kept, [sample.id for sample in kept], judging.unit_of(corpus, self.unit))
        plain = self._simple(model, corpus, kept)
        judged = measures.judge_tags(tags, trained, untrained, run.seed, self.pretrained, simple=plain, units=units)
        metrics, field = judged.metrics, model.fields[ports.short(self.audio)]
        facts = [sample.targets[self.facts] for sample in kept] if self.facts else None
        shown: list[Figure] = judged.figures()
        if len(known):
            metrics.append(measures.probing(tags, known, self.tags, trained, untrained, run.seed, units))
        if facts is not None and self.classifier is None:
            found = measures.retrieval(facts, trained, untrained, self._read, self.setting, run)
            metrics += found.metrics
            shown += found.figures
        examples = _spread(kept, SHOWN)
        shown.append(
            Figure(
                "spectrograms",
                plots.spectrograms([(self._caption(kept[i]), kept[i].fields[field]) for i in examples]),
                "Some of the judged recordings as the model gets them: mel spectrograms, decibels.",
            )
        )
        clips = [
            Clip(f"test_{i}", kept[i].fields[field], f"{self._caption(kept[i])} | tagged: {judged.best(i, 5)}")
            for i in examples
        ]
        notes = [*self._notes(corpus, tags), *judged.notes, *judging.left_out(corpus)]
        if self.company:
            notes += judged.by_part([sample.targets[self.company] for sample in kept], self.parts)
        if self.recordings is not None and self.classifier is None:
            real, more = self._real_recordings(model, self.recordings, trained)
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
            stand_in=getattr(corpus, "stand_in", ""),
            left_out=self._left_out(tags),
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the input of `predict` for a path: a recording, or a folder to search.

        Args:
            model: The model.
            path: A recording of any length, or a folder.
            extras: `texts` (separated by semicolons) for a recording; `query` for a folder. The text field's
                own name stands for either.

        Raises:
            DataError: The recording cannot be read, a folder comes without a query, or an extra is unknown.
        """
        field, text = model.fields[ports.short(self.audio)], model.fields.get(ports.short(self.text), "text")
        unknown = [name for name in extras if name not in ("texts", "query", text)]
        if unknown:
            raise DataError(f"nothing to do with {unknown[0]!r}{did_you_mean(unknown[0], ('texts', 'query', text))}")
        options = {name: str(value) for name, value in extras.items()}
        query = options.get("query", options.get(text))
        if path.is_dir():
            if query is None:
                raise DataError(f'{path} is a folder; give a query for it, e.g. query="slow fiddle waltz"')
            return {"query": query, "folder": path}
        if not path.suffix and not path.exists():
            raise DataError(f"{path}: no such file; to search recordings for a text: --query {str(path)!r} --in FOLDER")
        with muted.muted():
            raw: dict[str, Any] = {field: read_audio(path)}
        given = options.get("texts", options.get(text))
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
            raise PortError("this run was trained as a classifier of tags; it has no trained text tower to rank with")
        model.eval()
        field = model.fields[ports.short(self.audio)]
        if raw.get("query") is not None:
            return self._search(model, _text(raw["query"]), Path(raw.get("folder") or "."))
        audio = raw.get(field)
        if not isinstance(audio, Audio):
            raise DataError(f"give a recording ({field}) and texts, or a query and a folder")
        if silent(audio):
            raise DataError("the recording is silent and cannot be ranked")
        texts = [_text(text) for text in raw.get("texts") or self.setting.prompts]
        scores_N = encode_texts(model, texts, self.text) @ self._encode(model, audio)
        order = np.argsort(-scores_N, kind="stable")
        rows = [
            {"rank": place + 1, "text": texts[i], "score": round(float(scores_N[i]), 4)}
            for place, i in enumerate(order)
        ]
        return Prediction(rows, notes=(FOR_MUSIC,))

    def _search(self, model: Model, query: str, folder: Path) -> Prediction:
        place = file_library.place_of("mulan", model, self.audio, self.setting.window, self.setting.windows)
        library = open_library(folder, place, lambda audio: self._encode(model, audio))
        scores_N = library.vectors_ND @ encode_texts(model, [query], self.text)[0]
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
        notes += [f"skipped: {line}" for line in library.skipped]
        return Prediction(rows, notes=tuple(notes), searched=library.searched, unread=library.unread)

    def _encode(self, model: Model, audio: Audio) -> np.ndarray:
        """Return the vector of a recording: windows one after another, at most a minute of them, spread over it."""
        most = max(self.setting.windows, round(60 / self.setting.window))
        return encode_one(model, audio, self.audio, seconds=self.setting.window, count=most)

    def _learned(self, corpus: Corpus) -> Iterable[Sample] | None:
        """Return the samples of training over which positives are counted; None where the data has none."""
        train = judging.training(corpus)
        return islice(train, LEARNED) if len(train) else None

    def _read(self, texts: Sequence[str], model: Model) -> np.ndarray:
        return encode_texts(model, texts, self.text)

    def _side(self, model: Model, run: Run, samples: Sequence[Sample], known: Sequence[Sample]) -> Side:
        """Encode the recordings and the prompts with a model."""
        options: dict[str, Any] = {"seconds": self.setting.window}
        encoded = embedding.encode(model, run, samples, self.audio, count=self.setting.windows, **options)
        learned = embedding.encode(model, run, known, self.audio, count=1, **options) if len(known) else None
        if self.classifier is not None:
            port = f"heads.{self.classifier}"
            scores_NC = embedding.encode(
                model, run, samples, port, count=self.setting.windows, unit=False, **options
            ).vectors_ND
        else:
            scores_NC = encoded.vectors_ND @ encode_texts(model, self.setting.prompts, self.text).T
        return Side(model, encoded, learned, scores_NC)

    def _simple(self, model: Model, corpus: Corpus, kept: Sequence[Sample]) -> Mapping[str, np.ndarray]:
        """Return the scores (N, C) of simple methods on the same recordings, by method."""
        text = model.fields.get(ports.short(self.text), "text")
        if text not in corpus.fields:
            return {}
        audio = model.fields[ports.short(self.audio)]
        return simple.scores(corpus, kept, self.setting.prompts, audio, text, self.simple)

    def _real_recordings(self, model: Model, corpus: Corpus, trained: Side) -> tuple[list[Clip], list[str]]:
        """Tag the real recordings for the report; they are too few for a metric."""
        field = next((name for name, modality in corpus.fields.items() if modality == "audio"), None)
        if field is None:
            raise PortError("task.recordings: the corpus has no audio")
        samples = list(corpus.split("all"))
        prompts_CD = encode_texts(model, self.setting.prompts, self.text)
        clips = []
        for sample in samples:
            audio: Audio = sample.fields[field]
            score_C = above(prompts_CD @ self._encode(model, audio), trained.scores_NC)
            best = ", ".join(self.setting.names[i] for i in np.argsort(-score_C)[:5])
            excerpt = Audio(audio.samples_CT[:, : round(PLAYED * audio.rate)], audio.rate)
            caption = sample.fields.get("caption") or sample.id
            clips.append(Clip(f"real_{Path(sample.id).stem}", excerpt, f"REAL RECORDING: {caption} | tagged: {best}"))
        note = (
            f"The last {len(samples)} players are real recordings, {len(samples)} in all, tagged by a "
            "model trained on a synthesiser only. No metric uses them; tags are those furthest above the average "
            "test recording."
        )
        return clips, [note]

    def _caption(self, sample: Sample) -> str:
        """Return a recording's title, its facts, and its accompaniment where known."""
        known = sample.targets.get(self.facts) if self.facts else None
        if not known:
            return sample.id
        facts = ", ".join(known[kind] for kind in words.PHRASES if kind in known)
        company = f" ({self.parts[int(sample.targets[self.company])]})" if self.company else ""
        return f"{known.get('title', sample.id)}: {facts}{company}"

    def _notes(self, corpus: Corpus, tags: Tags) -> list[str]:
        notes = [*([self.remark] if self.remark else []), *getattr(corpus, "notes", ())]
        counts = ", ".join(f"{name} {count}" for name, count in tags.positives.items())
        notes.append(f"Judged tags and their positive recordings: {counts}.")
        return notes

    def _left_out(self, tags: Tags) -> list[str]:
        """Return sentences on the tags that are not judged."""
        lost = []
        if tags.skipped:
            lost.append(
                f"{len(tags.skipped)} tags skipped, fewer than {self.setting.least} positive or negative recordings: "
                f"{', '.join(tags.skipped)}."
            )
        if tags.unlearned:
            names = ", ".join(self.setting.names[number] for number in tags.unlearned)
            lost.append(
                f"{len(tags.unlearned)} tags not judged, fewer than {self.setting.least} positive among the first "
                f"{LEARNED:,} samples of training: {names}."
            )
        return lost


def _prompt(name: str, template: str) -> str:
    """Return the prompt of a tag: the folk corpus's own word for it, or its name."""
    tag = next((tag for tag in words.TAGS if tag.value == name), None)
    return template.replace("{}", tag.prompt if tag is not None else name)


def _text(value: Any) -> str:
    text = str(value).strip()
    if not text:
        raise DataError("an empty text describes no music; write at least one word")
    return text


def _spread(samples: Sequence[Sample], count: int) -> list[int]:
    return sorted({round(i) for i in np.linspace(0, len(samples) - 1, min(count, len(samples)))})
