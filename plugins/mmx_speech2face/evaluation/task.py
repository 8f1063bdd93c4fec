"""Judgement of faces from voices: feature similarity, retrieval, craniofacial measures, and attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmx import Audio, Corpus, DataError, Metric, Prediction, Report, Sample, UserError
from mmx_speech2face.evaluation import guesses as guessing
from mmx_speech2face.evaluation import scores, showing, simple
from mmx_speech2face.evaluation.encoding import (
    Drawn,
    Encoded,
    Names,
    draw,
    encode_split,
    faces_of,
    judged,
    mean_feature,
)
from mmx_speech2face.evaluation.groups import Group, by_group
from mmx_speech2face.evaluation.labels import Labelled, accuracy_metrics, label_metrics
from mmx_speech2face.evaluation.measures import NEEDED, Correlation, correlations
from mmx_speech2face.evaluation.retrieval import Distance, angles, closeness
from mmx_speech2face.evaluation.scores import Guesses
from mmx_speech2face.evaluation.showing import Scene
from mmx_std import judging
from mmx_std import metrics as std_metrics

if TYPE_CHECKING:
    from mmx import Model, Run

T = TypeVar("T")
_KNOWN = 1500
"""Most people of the train split that baselines and references are computed from."""


class FaceFromVoice:
    """Feature similarity, retrieval, craniofacial measures and attributes of decoded faces, on unseen people.

    Chance is a random order (recall) or independent labels (agreement); `untrained` is the voice encoder before
    training, with the trained face network. Controls: the mean face for everyone, and other people's voices.
    Baselines: ridge regression from cheap statistics of the voice to the face feature, and the face of the training
    person whose voice is nearest. Intervals of recall and similarity are over people.
    References: `perfect_listener` (the mean face feature of people who could have the voice; decoded, the upper bound
    of its attributes), `attributes` (predicted from the true attributes alone), `best_ranking` and `shared_causes`
    (rankings that no model can beat), `face_features` (decoded from the face itself).

    Args:
        classes: The corpus's class names by target (filled in).
        face: Name of the face features.
        voice: Name of the voice features.
        decoder: The face decoder.
        judge: Encoder and head that classify attributes of face images; null for none.
        told: Head that classifies attributes from the voice directly; features then follow from them. For the
            supervised reference.
        portrait: Encoder whose field is the true face.
        attributes: Attributes that make up the coarse reference and the groups.
        ordered: Attributes whose classes are in order, for their correlation.
        distance: Distance whose numbers come first.
        gallery: People in a small gallery.
        ceiling: People sampled for each voice, whose mean feature is the perfect listener; 0 for none.
        exaggeration: Factor on the distance from the mean feature, in its figure and in predictions.
        shown: People in the figures.
        margin: What the intervals of the distances to chance, the untrained model and controls must lie above.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        face: str = "face",
        voice: str = "voice",
        decoder: str = "decoder",
        judge: str | None = "judge",
        told: str | None = None,
        portrait: str = "portrait",
        attributes: Sequence[str] = (
            "sex",
            "age",
            "build",
            "shape",
        ),
        ordered: Sequence[str] = (
            "age",
            "build",
            "shape",
        ),
        distance: Distance = "cos",
        gallery: Annotated[int, Field(ge=2)] = 100,
        ceiling: Annotated[int, Field(ge=0)] = 12,
        exaggeration: Annotated[float, Field(gt=0)] = 1.5,
        shown: Annotated[int, Field(ge=1, le=16)] = 10,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        self.names = Names(face, voice, decoder, judge, told)
        self.classes, self.portrait, self.distance, self.gallery = classes, portrait, distance, gallery
        self.ceiling, self.exaggeration, self.shown, self.margin = ceiling, exaggeration, shown, margin
        self.ordered = tuple(ordered)
        self.attributes = [name for name in attributes if classes.get(name) is not None]
        heads = [f"heads.{name}" for name in (decoder, judge, told) if name is not None]
        self.needs = (f"fused.{face}", f"fused.{voice}", *heads)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the people of the split `run.split`."""
        split = corpus.split(run.split)
        encoded = encode_split(model, split, run, self.names)
        learnt, known_ND, known = self._known(model, corpus, run)
        apart = disjoint(corpus, encoded, run.split)
        guesses = self._guesses(model, corpus, run, encoded, known_ND, known)
        field = model.fields[self.names.voice]
        guesses = replace(guesses, baselines=simple.from_voices(learnt, known_ND, encoded.samples, field))
        truth = guessing.true_scores(corpus, encoded)
        kinds = {"voice": guesses.own, "face": encoded.face_ND, "untrained": guesses.untrained, **guesses.controls}
        kinds |= {name: each for name, each in guesses.references.items() if name == "perfect_listener"}
        drawn = {name: draw(model, self.names, each_ND) for name, each_ND in kinds.items()}
        portraits = self._portraits(model, encoded, drawn["face"].images_NSSC.shape[1])
        labels = {name: judged(model, self.names, faces.images_NSSC) for name, faces in drawn.items()}
        measures = self._measures(corpus, drawn, encoded, run.seed)
        scene = Scene(model, self.names, encoded, guesses, drawn, portraits, truth, self.classes)
        metrics = self._metrics(guesses, encoded, truth, drawn, portraits, labels, measures, run.seed)
        groups = self._groups(guesses, encoded, labels)
        images = [
            *showing.face_figures(scene, self.shown, self.exaggeration),
            *showing.feature_figures(scene, self.gallery, self.distance),
            *showing.measure_figure(measures),
            *showing.group_figure(groups, min(self.gallery, len(encoded.ids))),
            *showing.label_figures(scene, labels),
        ]
        return Report(
            metrics,
            used=len(encoded.ids),
            expected=encoded.expected,
            predictions=self._rows(guesses, encoded, labels),
            figures=images,
            clips=showing.players(scene, self.shown),
            notes=[apart, *self._notes(corpus, encoded, measures, groups), *judging.left_out(corpus)],
            margin=self.margin,
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Draw a face for a user's own recording.

        Args:
            model: The model.
            raw: The recording, under the voice encoder's field.

        Raises:
            UserError: No recording.
            DataError: Silence, or nothing in it.
            PortError: The run classifies voices and has no face features.
        """
        from mmx_speech2face.predict import answer

        field = model.fields[self.names.voice]
        audio = raw.get(field)
        if not isinstance(audio, Audio):
            raise UserError(f"give a recording of a voice ({field}): mmx predict RUN voice.wav")
        return answer(model, self.names, audio, self.exaggeration)

    def _known(
        self, model: Model, corpus: Corpus, run: Run
    ) -> tuple[Sequence[Sample], NDArray[np.float64], Mapping[str, Any]]:
        """Return people that were learned from, their face features and their truth."""
        train = corpus.split("train")
        places = sorted({round(place) for place in np.linspace(0, len(train) - 1, min(_KNOWN, len(train)))})
        return faces_of(model, judging.Chosen(train, places), run, self.names)

    def _guesses(
        self,
        model: Model,
        corpus: Corpus,
        run: Run,
        encoded: Encoded,
        known_ND: NDArray[np.float64],
        known: Mapping[str, Any],
    ) -> Guesses:
        own_ND = encoded.voice_ND
        if encoded.told:
            own_ND = guessing.from_attributes(known_ND, known, encoded.told, list(encoded.told))
        mean_ND = np.tile(mean_feature(model, self.names), (len(own_ND), 1))
        references = {}
        there = [name for name in self.attributes if name in encoded.targets and name in known]
        if there:
            sure = {name: guessing.certain(encoded.targets[name], len(self.classes[name] or ())) for name in there}
            references["attributes"] = guessing.from_attributes(known_ND, known, sure, there)
        listener = guessing.perfect_listener(model, corpus, encoded, self.names, self.ceiling, run)
        if listener is not None:
            references["perfect_listener"] = listener
        controls = {"mean_face": mean_ND, "other_voice": guessing.others(own_ND, run.seed)}
        people = [str(person) for person in encoded.targets.get("person", encoded.ids)]
        return Guesses(own_ND, encoded.untrained_ND, controls, references, people=people)

    def _portraits(self, model: Model, encoded: Encoded, side: int) -> NDArray[np.uint8]:
        """Return the true faces (N, S, S, 3)."""
        encoder: Any = model.encoders[self.portrait]
        field = model.fields[self.portrait]
        prepared = [encoder.prepare(sample.fields[field]).permute(1, 2, 0).numpy() for sample in encoded.samples]
        if prepared[0].shape[0] != side:
            raise DataError(f"portraits have {prepared[0].shape[0]} pixels, drawn faces {side}: set both sides alike")
        return np.stack(prepared)

    def _measures(
        self, corpus: Corpus, drawn: Mapping[str, Drawn], encoded: Encoded, seed: int
    ) -> Mapping[str, Correlation]:
        names = getattr(corpus, "landmark_names", None)
        if names is None or not set(names) >= NEEDED or drawn["voice"].landmarks_NL2.shape[1] != len(names):
            return {}
        true = encoded.targets.get("landmarks")
        return correlations(drawn["voice"].landmarks_NL2, drawn["face"].landmarks_NL2, names, seed, true)

    def _metrics(
        self,
        guesses: Guesses,
        encoded: Encoded,
        truth: Mapping[str, NDArray[np.float64]],
        drawn: Mapping[str, Drawn],
        portraits: NDArray[np.uint8],
        labels: Mapping[str, Mapping[str, NDArray[np.int64]]],
        measures: Mapping[str, Correlation],
        seed: int,
    ) -> list[Metric]:
        metrics = list(scores.recall_metrics(guesses, encoded.face_ND, truth, self.gallery, self.distance, seed))
        there = [name for name in self.attributes if name in encoded.targets]
        for names in dict.fromkeys((tuple(there[:1]), tuple(there[:2]), tuple(there))):
            if names:
                among_NN = scores.same([encoded.targets[name] for name in names])
                name = f"same_{'_'.join(names)}"
                grouped = scores.group_metric(
                    name, guesses, encoded.face_ND, among_NN, self.gallery, self.distance, seed
                )
                metrics += [] if grouped is None else [grouped]
        metrics += scores.similarity_metrics(guesses, encoded.face_ND, seed)
        for name, portrait_N in encoded.labels.items():
            by_kind = {kind: labels_by_name[name] for kind, labels_by_name in labels.items()}
            controls, references = split_kinds(by_kind)
            each = Labelled(name, portrait_N, by_kind["voice"], by_kind["untrained"], controls, references)
            metrics += label_metrics(each, name in self.ordered, seed)
        images = {name: faces.images_NSSC for name, faces in drawn.items()}
        metrics.append(
            scores.portrait_metric(portraits, images["voice"], images["untrained"], *split_kinds(images), seed)
        )
        metrics += scores.craniofacial_metrics(measures, seed)
        metrics += accuracy_metrics(encoded.told, encoded.targets)
        return metrics

    def _groups(
        self, guesses: Guesses, encoded: Encoded, labels: Mapping[str, Mapping[str, NDArray[np.int64]]]
    ) -> list[Group]:
        there = {name: self.classes[name] or () for name in self.attributes[:2] if name in encoded.targets}
        return by_group(guesses, encoded, labels, there, self.gallery, self.distance) if there else []

    def _rows(
        self, guesses: Guesses, encoded: Encoded, labels: Mapping[str, Mapping[str, NDArray[np.int64]]]
    ) -> list[dict[str, Any]]:
        scores_NN = closeness(guesses.own, encoded.face_ND, self.distance)
        count = len(encoded.ids)
        hits_N = std_metrics.recalls_in_galleries(scores_NN, np.eye(count, dtype=bool), 1, min(self.gallery, count))
        closer_N = (scores_NN > np.diag(scores_NN)[:, None]).sum(1)
        degrees_N = angles(guesses.own, encoded.face_ND)
        rows = []
        for index, name in enumerate(encoded.ids):
            row: dict[str, Any] = {"id": name, "closer": int(closer_N[index]), "recall_at_1": float(hits_N[index])}
            row["cosine_degrees"] = round(float(degrees_N[index]), 2)
            for attribute, names in self.classes.items():
                if names is not None and attribute in encoded.targets:
                    row[attribute] = names[int(encoded.targets[attribute][index])]
                    if attribute in labels["voice"]:
                        row[f"{attribute}_drawn"] = names[int(labels["voice"][attribute][index])]
            rows.append(row)
        return rows

    def _notes(
        self, corpus: Corpus, encoded: Encoded, measures: Mapping[str, Correlation], groups: Sequence[Group]
    ) -> list[str]:
        count, size = len(encoded.ids), min(self.gallery, len(encoded.ids))
        notes = [
            "Faces drawn from voices show what is common to people with such a voice. They are not the speakers, and "
            "identify nobody.",
            f"recall_at_k_of_{size}: mean over all galleries of {size} people, exactly; recall_at_k: k places among "
            f"all {count}. The paper's table can be read either way.",
            "ridge_...: face features by ridge regression from cheap statistics of the voice; nearest_voice: those of "
            "the training person whose statistics are nearest.",
        ]
        if corpus.card.synthetic:
            notes.append("Faces and voices were made by a program: no number here is about real people.")
        if "skin" in encoded.labels:
            notes.append(
                "Skin is independent of the voice in this corpus: skin_agreement above chance would be a fault."
            )
        if measures:
            listed = ", ".join(
                f"{name.replace('_', ' ')} {each.r:.2f} (p {each.p:.1g})" for name, each in measures.items()
            )
            notes.append(f"Craniofacial correlations over {count} people, landmarks by the decoder: {listed}.")
        if groups:
            title = next(iter(groups[0].numbers))
            order = sorted(groups, key=lambda group: group.numbers[title])
            worst, best = order[0], order[-1]
            notes.append(
                f"By group, {title} is lowest for {worst.name} ({worst.numbers[title]:.2f}, {worst.count} people) and "
                f"highest for {best.name} ({best.numbers[title]:.2f}, {best.count} people)."
            )
        return notes


def split_kinds(kinds: Mapping[str, T]) -> tuple[dict[str, T], dict[str, T]]:
    """Return controls and references among what was made of each kind of drawn face."""
    controls = {name: kinds[name] for name in ("mean_face", "other_voice") if name in kinds}
    references = {"face_features": kinds["face"]}
    return controls, references | {name: kinds[name] for name in ("perfect_listener",) if name in kinds}


def disjoint(corpus: Corpus, encoded: Encoded, split: str) -> str:
    """Return a note that no person of the judged split is in train.

    Raises:
        DataError: A person is in both.
    """
    if split == "train":
        return "The people judged here are those of the training."
    if "person" not in encoded.targets or "person" not in corpus.targets:
        return f"It could not be checked that no person of {split} is in train (no target 'person')."
    train = judging.training(corpus)
    if not len(train):
        return f"It could not be checked that no person of {split} was learned from (no split train)."
    learned = {int(train[index].targets["person"]) for index in range(len(train))}
    judged_people = {int(person) for person in encoded.targets["person"]}
    both = learned & judged_people
    if both:
        raise DataError(
            f"{len(both)} people are in both train and {split}, e.g. number {min(both)}: recall would mean nothing; "
            "split by person"
        )
    return f"People in both train and {split}: 0 of {len(judged_people)} (checked)."
