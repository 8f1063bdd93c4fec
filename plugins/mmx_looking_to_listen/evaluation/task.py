"""Judgement of separation: the improvement of every voice, and whether outputs follow their faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
from pydantic import Field

from mmx import Clip, Corpus, DataError, Figure, Metric, Prediction, Report, measure
from mmx_looking_to_listen.evaluation import figures, linear
from mmx_looking_to_listen.evaluation.metrics import sdr_function, si_sdrs
from mmx_looking_to_listen.evaluation.packages import measured
from mmx_looking_to_listen.evaluation.players import players
from mmx_looking_to_listen.evaluation.separation import (
    CONTROLS,
    RANDOM,
    Ports,
    Separated,
    by_voice,
    gain,
    inner,
    judge_mixtures,
    mean,
    row_of,
    speakers,
    table,
)
from mmx_looking_to_listen.model.front import front_of

if TYPE_CHECKING:
    from mmx import Model, Run
    from mmx_looking_to_listen.model.faces import FaceCnn
    from mmx_looking_to_listen.model.front import Front
    from mmx_looking_to_listen.model.head import Masks

ORACLES = ("irm", "crm", "time_gate")
FACE_CONTROLS = ("zero", "static_frame", "shuffled", "other_face")


class Separation:
    """SI-SDR improvement on unseen speakers, with visual controls, the swap test and oracles.

    The mixture as it is (0 dB) is the chance level; `untrained` is the network before training. Baselines: eight band
    gains by least squares from mouth pixels, and from the drawn lips where the corpus tells them. Controls: faces that
    are blank, still, out of order, or of another person. References: ideal ratio mask, ideal complex mask, and one true
    gain per frame. Intervals are over speakers. SDR of BSS Eval is added where `fast-bss-eval` or `mir_eval` is
    installed (mmx[separation]), PESQ and STOI where `pesq` and `pystoi` are (mmx[perception]).

    Args:
        dims: Widths by name (filled in).
        head: Head with the masks.
        audio: Encoder of the mixture.
        faces: Encoder of the faces; null for a model without faces.
        voices: Encoder of the clean voices.
        permute: Judge every mixture in the order of outputs that suits it best (for a model without faces).
        shown: Number of mixtures with figures and players.
        window: Seconds of a user's video that are separated at once.
        margin: Decibels that the intervals of the distances to chance, untrained and controls must lie above.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        head: str = "masks",
        audio: str = "audio",
        faces: str | None = "faces",
        voices: str = "voices",
        permute: bool = False,
        shown: Annotated[int, Field(ge=0)] = 3,
        window: Annotated[float, Field(gt=0.2, le=30)] = 3.0,
        margin: Annotated[float, Field(ge=0)] = 0.0,
    ) -> None:
        self.ports = Ports(audio, faces, voices, head)
        self.permute, self.shown, self.window, self.margin = permute, shown, window, margin
        face_ports = () if faces is None else (f"encoded.{faces}",)
        self.needs = (f"heads.{head}", f"encoded.{audio}", f"encoded.{voices}", *face_ports)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Separate the mixtures of the judged split.

        Raises:
            DataError: Every voice is silent.
        """
        samples = corpus.split(run.split)
        alone = cast("Masks", model.heads[self.ports.head]).faces == 1  # there is no other face to swap with
        controls = () if self.ports.faces is None else FACE_CONTROLS if alone else CONTROLS
        separated = judge_mixtures(
            model, run, samples, self.ports, controls=controls, oracles=True, permute=self.permute, shown=len(samples)
        )
        untrained = judge_mixtures(run.untrained(), run, samples, self.ports, permute=self.permute)
        for row, before in zip(separated, untrained, strict=True):
            row.ratios["untrained"] = before.ratios["model"]
        front = front_of(model, self.ports.audio)
        judged = [row for row in separated if not np.isnan(row.ratios["model"]).all()]
        if not judged:
            raise DataError(f"all voices of split {run.split} are silent: there is nothing to judge")
        silent = sum(int(np.isnan(row.ratios["model"]).sum()) for row in separated)
        methods = () if self.ports.faces is None else tuple(_simple(judged, corpus, run.split, front))
        return Report(
            metrics=self._metrics(judged, front, run.seed, methods),
            used=len(judged),
            expected=len(samples),
            predictions=[row_of(row) for row in separated],
            figures=self._figures(judged, front),
            clips=self._clips(judged, front),
            notes=self._notes(judged, corpus, run.split),
            margin=self.margin,
            left_out=[f"{silent} silent voices have no ratio."] if silent else [],
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Separate a user's own video, or audio with its faces.

        Args:
            model: The model.
            raw: What `read` returned, or `audio` and `faces`.
        """
        from mmx_looking_to_listen.predict import separate

        return separate(model, self.ports, self.window, raw)

    def read(self, model: Model, path: Path, extras: Mapping[str, Path]) -> Mapping[str, Any]:
        """Return what `predict` takes for a video on disk, which is then read window by window.

        Args:
            model: The model.
            path: The video.
            extras: `faces`: a JSON file with face boxes (see `mmx_std.face_boxes`).
        """
        from mmx_looking_to_listen.predict import inputs

        count = None if self.ports.faces is None else cast("FaceCnn", model.encoders[self.ports.faces]).faces
        return inputs(path, extras.get("faces"), count)

    def _metrics(self, separated: Sequence[Separated], front: Front, seed: int, methods: Sequence[str]) -> list[Metric]:
        controls = {name: by_voice(separated, name) for name in FACE_CONTROLS if name in separated[0].ratios}
        if self.permute:
            controls[RANDOM] = by_voice(separated, f"model_{RANDOM}")
        over: dict[str, Any] = {"units": speakers(separated), "unit": "speakers", "seed": seed}
        improvement = measure(
            "si_sdr_improvement",
            by_voice(separated, "model"),
            chance=0.0,  # the mixture as it is
            untrained=by_voice(separated, "untrained"),
            baselines={name: by_voice(separated, name) for name in methods},
            controls=controls,
            references={name: by_voice(separated, name) for name in ORACLES},
            **over,
        )
        plain = measure(
            "si_sdr",
            table(separated, "model").ravel(),
            baselines={name: table(separated, name).ravel() for name in ("mixture", *methods)},
            references={name: table(separated, name).ravel() for name in ORACLES},
            **over,
        )
        swap = self._swap(separated, over) if "followed" in separated[0].ratios else []
        return [improvement, plain, *swap, *measured(separated, front)]

    def _swap(self, separated: Sequence[Separated], over: Mapping[str, Any]) -> list[Metric]:
        """Return whether outputs follow when two faces are swapped."""
        follows = (table(separated, "followed") > table(separated, "swapped")).astype(float)
        after = table(separated, "followed") - table(separated, "mixture")[:, ::-1]
        old = by_voice(separated, "swapped")
        return [
            measure("swap_followed", follows.ravel(), chance=0.5, **over),
            measure(
                "swap_si_sdr_improvement",
                after.ravel(),
                chance=0.0,
                controls={"against_the_old_order": old},
                **over,
            ),
        ]

    def _figures(self, separated: Sequence[Separated], front: Front) -> list[Figure]:
        names = [
            name
            for name in ("model", *FACE_CONTROLS, "swapped", "untrained", "time_gate", "irm", "crm")
            if name in separated[0].ratios
        ]
        before = table(separated, "mixture").ravel()
        real = ~np.isnan(before)
        curves = {
            name: table(separated, name).ravel()[real] for name in names if name in ("model", "static_frame", "irm")
        }
        found = [
            Figure(
                "conditions",
                figures.conditions({name: mean(gain(separated, name)) for name in names}),
                "Improvement with the true faces, with altered faces, and with ideal masks.",
            ),
            Figure(
                "by_level",
                figures.by_level(before[real], curves),
                "Improvement by how loud the voice was in the mixture.",
            ),
        ]
        for number, row in enumerate(separated[: self.shown]):
            found.append(
                Figure(
                    f"separation_{number + 1}",
                    figures.separation(row, front.rate, front.window, front.hop),
                    f"{row.sample.id}: every column is a voice under its speaker's face; decibels are SI-SDR.",
                )
            )
        return found

    def _clips(self, separated: Sequence[Separated], front: Front) -> list[Clip]:
        clips: list[Clip] = []
        for number, row in enumerate(separated[: self.shown], 1):
            clips += players(row, number, front.rate)
        return clips

    def _notes(self, judged: Sequence[Separated], corpus: Corpus, split: str) -> list[str]:
        notes = [
            "Faces and voices are synthetic: no number here is about real people.",
            "Decibels are SI-SDR, without the first and last window; not comparable with BSS Eval's SDR.",
            "mixture: the mixture as it is, so that an improvement over it has a chance level of 0 dB. untrained: the "
            "same network before training. zero, static_frame, shuffled, other_face: the trained network with faces "
            "that are blank, still, out of order, or another person's. Controls that need a training of their own are "
            "presets: audio-only, static-face.",
            "irm, crm: the ideal ratio mask, and the ideal complex mask within the range of the model's masks. "
            "time_gate: one true gain per frame for all frequencies. linear_from_...: eight band gains by least "
            f"squares from the faces of {linear.MIXTURES} training mixtures; true lips are known to the program that "
            f"draws the faces, and to nobody who sees a video. fourier_from_...: the same from {linear.WAVES} random "
            "cosines besides, a Gaussian kernel.",
        ]
        notes += _pitch_note(judged, corpus, split)
        if self.permute:
            notes.append(
                "Outputs are judged in the order that suits each mixture best (oracle permutation), which is not "
                "known in use. random_order: the mean over all orders, the value of the outputs without that knowledge."
            )
        sdr = sdr_function()
        notes.append(
            "SDR of BSS Eval v3 is added where it is installed: pip install 'mmx[separation]'."
            if sdr is None
            else f"sdr: BSS Eval v3, computed by {sdr[0]}."
        )
        splits = getattr(corpus, "speakers", None)
        if splits is not None:
            shared = set(splits("train")) & set(splits(split))
            notes.append(f"Speakers in both train and {split}: {len(shared)} of {len(set(splits(split)))}.")
        return notes


def _simple(separated: Sequence[Separated], corpus: Corpus, split: str, front: Front) -> Iterator[str]:
    """Judge the linear baselines on the same voices, and yield their names."""
    judged = linear.known(corpus, split)
    for name, tracks in linear.known(corpus, "train").items():
        for waves, way in ((0, name), (linear.WAVES, name.replace("linear", "fourier"))):
            learnt = linear.learn(corpus.split("train"), tracks, front, waves)
            for row in separated:
                guess_NT = learnt.estimates(row.mixture_T, judged[name](row.sample), front)
                row.ratios[way] = si_sdrs(inner(guess_NT, front), inner(row.truth_NT, front))
            yield way


def _pitch_note(separated: Sequence[Separated], corpus: Corpus, split: str) -> list[str]:
    """Compare mixtures of like and unlike voices, where the corpus gives the pitch of its speakers."""
    pitches = getattr(corpus, "pitches", None)
    known = None if pitches is None else pitches(split)
    if not known:
        return []
    apart = np.array(
        [np.ptp([np.log2(known[clip]) for clip in row.sample.targets["components"]["clips"]]) for row in separated]
    )
    improvement = gain(separated, "model")
    like = apart <= np.median(apart)
    return [
        f"Voices less than {12 * np.median(apart):.1f} semitones apart improve by {mean(improvement[like]):.1f} dB, "
        f"others by {mean(improvement[~like]):.1f} dB."
    ]
