"""Evaluation of VATT: zero-shot retrieval between video, audio and text, and linear probes (section 5).

Shapes: N items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmx import Clip, Corpus, Figure, Metric, Prediction, Report, Sample, SampleCache, measure
from mmx_std import baselines, judging, metrics, ports
from mmx_vatt.evaluation import matching, probing, showing, simple
from mmx_vatt.evaluation.figures import excerpt
from mmx_vatt.evaluation.items import having, still
from mmx_vatt.evaluation.matching import Judged, Match
from mmx_vatt.evaluation.vectors import Floats, Vectors, gather
from mmx_vatt.predict import Reader, compare, search

if TYPE_CHECKING:
    from mmx import Model, Run

CACHED: Final = 400
"""Decoded items that are cached in memory; others are decoded again for each use."""


class Judge:
    """Evaluate common spaces of video, audio and text on unseen clips.

    Args:
        dims: Widths by port (filled in).
        classes: Class names of the corpus's targets (filled in).
        target: Class that query and answer should share; null evaluates retrieval of single items only.
        facets: Further classes to evaluate, such as shape and motion.
        kinds: Target whose values are reported separately (drawn and real objects); null for none.
        text: Field whose text is a clip's own; null takes what the text encoder reads (of cues the nearest).
        windows: Windows per item, whose vectors are averaged before they are compared (the paper: 4).
        seconds: Length of a window.
        limit: Most items of the split, evenly spread; the gallery is as large.
        probe: Training clips that linear probes of video and audio are fitted on; 0 leaves them out.
        recordings: Corpus of labelled recordings for a linear probe.
        images: Corpus of labelled images for a linear probe; each becomes a still video.
        images_target: Class of the images.
        probe_windows: Windows per item of these corpora.
        classifier: Head of a fine-tuning stage whose accuracy is reported as well.
        margin: What the intervals of the distances to chance, the untrained model and the control must lie above.
        simple: Training clips, evenly spread, that simple methods learn from; 0 leaves them out.
        unit: Target that names the independent unit of a clip (its video), by default the column `group` of a manifest;
            where the corpus has no such target, or with null, every clip is one.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        *,
        target: str | None = None,
        facets: Sequence[str] = (),
        kinds: str | None = None,
        text: str | None = None,
        windows: Annotated[int, Field(ge=1)] = 4,
        seconds: Annotated[float, Field(gt=0)] = 3.2,
        limit: Annotated[int, Field(ge=2)] = 2000,
        probe: Annotated[int, Field(ge=0)] = 0,
        recordings: Corpus | None = None,
        images: Corpus | None = None,
        images_target: str = "label",
        probe_windows: Annotated[int, Field(ge=1)] = 4,
        classifier: str | None = None,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
        simple: Annotated[int, Field(ge=0)] = 1500,
        unit: str | None = "group",
    ) -> None:
        self.ports = tuple(f"fused.{name}" for name in matching_ports() if f"fused.{name}" in dims)
        self.target, self.facets, self.kinds, self.text = target, tuple(facets), kinds, text
        self.names: Sequence[str] = (classes.get(target) or ()) if target else ()
        self.kind_names: Sequence[str] = (classes.get(kinds) or ()) if kinds else ()
        self.windows, self.seconds, self.limit, self.probe = windows, seconds, limit, probe
        self.reader = Reader(seconds, windows)
        self.recordings, self.images, self.images_target = recordings, images, images_target
        self.probe_windows = probe_windows
        self.classifier, self.margin = classifier, margin
        self.simple, self.unit = simple, unit
        heads = (f"heads.{classifier}",) if classifier else ()
        self.needs = (*self.ports, *heads, *(f"targets.{name}" for name in (target, *self.facets, kinds) if name))

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Evaluate the model on the split `run.split`."""
        samples = self._limited(corpus.split(run.split))
        untrained = run.untrained()
        unit = judging.unit_of(corpus, self.unit)
        judged = Judged(
            self._vectors(model, run, samples, corpus, "judging"),
            self._vectors(untrained, run, samples, corpus, "untrained"),
            self._still(model, run, samples),
            run.seed,
            units=judging.units_of(samples, [sample.id for sample in samples], unit),
            unit="clips" if unit is None else f"values of {unit}",
        )
        classes = {name: self._classes(samples, name) for name in (self.target, *self.facets) if name}
        matches = matching.directions(judged.own)
        judged = replace(judged, simple=self._simple(matches, samples, corpus, model, run.seed))
        found = self._retrieval(judged, matches, classes)
        probes = self._probes(model, untrained, corpus, run, samples)
        found += [metric for metric, _ in probes]
        rows = [match.rows for match in matches]
        if self.classifier:
            metric, known_N = self._classified(model, untrained, run, samples, unit)
            found.append(metric)
            rows.append(known_N)
        drawn, clips = self._shown(model, judged.own, matches, samples, classes.get(self.target or ""))
        used = len(np.unique(np.concatenate(rows))) if rows else 0
        return Report(
            found,
            used=used,
            expected=len(samples),
            predictions=self._rows(judged.own, matches, samples),
            figures=drawn,
            clips=clips,
            notes=[
                *self._notes(judged.own, matches, samples, classes),
                *(lead for _, lead in probes),
                *judging.left_out(corpus),
            ],
            margin=self.margin,
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the input of `predict` for a path: a video with its audio, a recording, an image, or a folder.

        Args:
            model: The model.
            path: The file, of any length; or a folder of videos.
            extras: `texts`, separated by semicolons, to rank for a file; `query` for a folder. The text field's name
                stands for either.

        Raises:
            DataError: The file cannot be read, a folder comes without a query, or an extra is unknown.
        """
        return self.reader.read(model, path, extras)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Compare video, audio and text with one another, or rank the videos of a folder for a text.

        Args:
            model: The model.
            raw: At least two of video, audio and text by their fields' names, one of them perhaps a list to rank; or
                `query` (a text) and `folder`. A tuple of videos or recordings is the windows of one.

        Raises:
            UserError: Fewer than two, or two lists.
            DataError: No video in the folder.
        """
        if "query" in raw:
            return search(model, str(raw["query"]), Path(raw.get("folder") or "."), self.reader)
        return compare(model, raw, self.reader)

    def _limited(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        count = min(len(samples), self.limit)
        chosen = judging.Chosen(samples, [i * len(samples) // count for i in range(count)])
        return SampleCache(chosen, CACHED)

    def _vectors(self, model: Model, run: Run, samples: Sequence[Sample], corpus: Corpus, label: str) -> Vectors:
        text = self.text if self.text in corpus.fields else None
        options = {"seconds": self.seconds, "windows": self.windows, "text": text, "label": label}
        return gather(model, run, samples, self.ports, **options)  # type: ignore[arg-type]

    def _still(self, model: Model, run: Run, samples: Sequence[Sample]) -> Vectors | None:
        ports = [port for port in self.ports if port.startswith("fused.video")]
        if not ports:
            return None
        videos = still(samples, model.fields["video"])
        return gather(model, run, videos, ports, seconds=self.seconds, windows=1, label="still video")

    @staticmethod
    def _classes(samples: Sequence[Sample], target: str) -> NDArray[np.int64]:
        return np.array([int(sample.targets.get(target, -1)) for sample in samples])

    def _retrieval(
        self, judged: Judged, matches: Sequence[Match], classes: Mapping[str, NDArray[np.int64]]
    ) -> list[Metric]:
        found = []
        for name, classes_N in classes.items():
            for match in matches:
                if name == self.target or match.name in ("video_to_audio", "video_to_text"):
                    label = "class_match" if name == self.target else f"{name}_match"
                    values = judged.classes(match, classes_N, label)
                    found += [values] if values is not None else []
        first = matching.primary(found)
        ranked = [metric for match in matches for metric in judged.ranks(match)]
        # Without classes retrieval of single items comes first.
        lead = [m for m in ranked if not first and m.name.startswith("text_to_video_recall")][-1:]
        matched = [judged.metric(values.name, [values]) for values in found]
        together = [judged.metric("class_match", first)] if first else []
        return [*together, *lead, *matched, *(m for m in ranked if m not in lead)]

    def _simple(
        self, matches: Sequence[Match], samples: Sequence[Sample], corpus: Corpus, model: Model, seed: int
    ) -> Mapping[str, Mapping[str, Floats]]:
        """Return what simple methods make of the same items: direction -> method -> similarities (N, N)."""
        if not self.simple:
            return {}
        fields = {name: model.fields[name] for name in ("video", "audio", "text") if name in model.fields}
        if self.text in corpus.fields and "text" in fields:
            fields["text"] = self.text or ""
        learnt = baselines.learnable(corpus, self.simple)
        return simple.similarities(matches, learnt, samples, fields, self.seconds, seed)

    def _probes(
        self, model: Model, untrained: Model, corpus: Corpus, run: Run, samples: Sequence[Sample]
    ) -> list[tuple[Metric, str]]:
        models = (model, untrained)
        found = []
        target = self.target if self.probe else None
        for name in ("video", "audio"):
            if target is None or name not in model.encoders:
                continue
            train, field = judging.training(corpus), model.fields[name]
            first = judging.Chosen(train, range(min(self.probe, len(train))))
            known, judged = ([part[i] for i in having(part, field)] for part in (first, samples))
            if known and judged:
                labelled = probing.of_splits(known, judged, target)
                options = {"seconds": self.seconds, "windows": 1}
                found.append(probing.probe(f"{name}_probe", labelled, models, run, name, **options))  # type: ignore[arg-type]
        labels = ((self.recordings, "audio", "label", "recording"), (self.images, "video", self.images_target, "file"))
        for corpus_of, encoder, label, group in labels:
            if corpus_of is not None and encoder in model.encoders:
                labelled = probing.of_corpus(corpus_of, model, encoder, label, group)
                name = "recordings_probe" if encoder == "audio" else "images_probe"
                windows = self.probe_windows if encoder == "audio" else 1
                found.append(probing.probe(name, labelled, models, run, encoder, seconds=self.seconds, windows=windows))
        return found

    def _classified(
        self, model: Model, untrained: Model, run: Run, samples: Sequence[Sample], unit: str | None
    ) -> tuple[Metric, NDArray[np.int64]]:
        """Return the accuracy of the head that was fine-tuned, and which items it is over."""
        port = f"heads.{self.classifier}"
        variants = {"own": (model, judging.as_it_is), "untrained": (untrained, judging.as_it_is)}
        hits: dict[str, list[float]] = {name: [] for name in variants}
        ids: list[str] = []
        for batch, outputs in judging.outputs(variants, samples, (port,), run, "classifying"):
            truth = batch.targets[self.target or ""]
            ids += [name for name, label in zip(batch.ids, truth, strict=True) if label >= 0]
            for name, each in outputs.items():
                right = ports.read(each, port).argmax(1) == truth
                hits[name] += [float(value) for value in right[truth >= 0]]
        metric = measure(
            "finetuned_accuracy",
            hits["own"],
            chance=1 / max(1, len(self.names)),
            untrained=hits["untrained"],
            units=judging.units_of(samples, ids, unit),
            unit="clips" if unit is None else f"values of {unit}",
            seed=run.seed,
        )
        place = {sample.id: number for number, sample in enumerate(samples)}
        return metric, np.array([place[name] for name in ids], dtype=np.int64)

    def _shown(
        self,
        model: Model,
        vectors: Vectors,
        matches: Sequence[Match],
        samples: Sequence[Sample],
        classes_N: NDArray[np.int64] | None,
    ) -> tuple[list[Figure], list[Clip]]:
        known_N = np.full(len(samples), -1) if classes_N is None else classes_N
        text = self.text or model.fields.get("text")
        titles = [showing.described(sample, text, self._class(sample), self.seconds) for sample in samples]
        named = [self._class(sample) or title for sample, title in zip(samples, titles, strict=True)]
        drawn = showing.matrices(matches, vectors, known_N, self.names) if classes_N is not None else []
        clips: list[Clip] = []
        for match in matches:
            if match.name in ("text_to_video", "audio_to_video"):
                questions = titles if match.name.startswith("text") else named
                figures, players = showing.found(match, vectors, samples, questions, known_N, model.fields["video"])
                drawn += figures
                clips += players
        both = vectors.known(*[port for port in self.ports if port in ("fused.video_va", "fused.audio_va")])
        chosen = both[np.linspace(0, len(both) - 1, min(showing.ATTENDED, len(both))).astype(int)] if len(both) else []
        if "video" in model.encoders and "audio" in model.encoders:
            drawn += showing.attention_maps(model, [samples[i] for i in chosen], [named[i] for i in chosen])
            clips += [
                Clip(f"audio_{i}", excerpt(samples[n].fields[model.fields["audio"]], 10.0), f"Audio of: {named[n]}")
                for i, n in enumerate(chosen)
            ]
        return drawn, clips

    def _class(self, sample: Sample) -> str:
        label = int(sample.targets.get(self.target, -1)) if self.target else -1
        return self.names[label] if 0 <= label < len(self.names) else ""

    def _rows(self, vectors: Vectors, matches: Sequence[Match], samples: Sequence[Sample]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [{"id": s.id, "class": self._class(s)} for s in samples]
        for match in matches:
            scores_NN = match.scores(vectors)
            rank_N = (scores_NN > np.diag(scores_NN)[:, None]).sum(1) + 1
            for place, item in enumerate(match.rows):
                best = match.rows[int(scores_NN[place].argmax())]
                rows[item] |= {f"{match.name}_rank": int(rank_N[place]), f"{match.name}_first": samples[best].id}
        return rows

    def _notes(
        self,
        vectors: Vectors,
        matches: Sequence[Match],
        samples: Sequence[Sample],
        classes: Mapping[str, NDArray[np.int64]],
    ) -> list[str]:
        lacking = [
            f"{len(samples) - len(vectors.known(port))} without {port.removeprefix('fused.').partition('_')[0]}"
            for port in self.ports
            if port in ("fused.video_va", "fused.audio_va", "fused.text_vt")
        ]
        if not matches:
            return [f"Of {len(samples)} items: {', '.join(lacking)}."] if lacking else []
        sizes = ", ".join(f"{match.name} {len(match.rows)}" for match in matches)
        notes = [
            f"Every query is compared with all items that have the other side: {sizes}. "
            f"{self.windows} windows per item, vectors averaged before they are scaled to length 1.",
            "shuffled_pairs: the true answers are those of other items. still_video: each video is its middle "
            "frame. cca_..., nearest_neighbour_...: canonical correlation, and the partner of the nearest training "
            f"clip, of cheap statistics or of random convolutions of both sides, learnt from {self.simple} clips.",
            f"Of {len(samples)} items: {', '.join(lacking)}.",
        ]
        if any(match.name == "text_to_audio" for match in matches):
            never = "Audio and text were never trained on pairs"
            notes.insert(1, f"{never}: audio is projected to the space of text by the head of video.")
        return notes + ([self._by_kind(vectors, matches, samples, classes)] if self.kinds and self.target else [])

    def _by_kind(
        self,
        vectors: Vectors,
        matches: Sequence[Match],
        samples: Sequence[Sample],
        classes: Mapping[str, NDArray[np.int64]],
    ) -> str:
        """Return one sentence: the class match of the queries of each kind, against the whole gallery."""
        own_N, kinds_N = classes[self.target or ""], self._classes(samples, self.kinds or "")
        parts = []
        for match in matches:
            if match.name in ("video_to_audio", "video_to_text"):
                classes_N, kind_N = own_N[match.rows], kinds_N[match.rows]
                value_N = metrics.class_matches(match.scores(vectors), classes_N, classes_N)
                for kind, name in enumerate(self.kind_names):
                    if (kind_N == kind).any():
                        chance = metrics.chance_class_match(classes_N[kind_N == kind], classes_N)
                        share = value_N[kind_N == kind].mean()
                        parts.append(f"{match.name}, {name} {share:.3f} (chance {chance:.3f})")
        return f"Class match by {self.kinds}, against the whole gallery: {'; '.join(parts)}."


def matching_ports() -> list[str]:
    """Return the names of all vectors that are compared."""
    return ["video_va", "audio_va", "video_vt", "audio_vt", "text_vt"]
