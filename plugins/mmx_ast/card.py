"""Card of the Audio Spectrogram Transformer (Gong et al. 2021)."""

from __future__ import annotations

from mmx import Card, Claim

CARD = Card(
    title="AST: Audio Spectrogram Transformer",
    summary="A vision transformer over overlapping patches of a spectrogram: no convolution but that of the patches.",
    authors="Yuan Gong, Yu-An Chung, James Glass",
    year=2021,
    url="https://arxiv.org/abs/2104.01778",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code (BSD-3-Clause); the public "
    "weights that presets can load are BSD-3-Clause",
    citation="Gong, Chung, Glass: AST: Audio Spectrogram Transformer. Interspeech 2021.",
    deviations=(
        "Three thousand synthetic clips of one second instead of two million of ten; a transformer of width 96 and "
        "three blocks over 64 bands, from random weights. The paper's recipes are presets of full scale.",
        "SpecAugment hides with the clip's mean after normalisation; the paper's zeros before it are another constant.",
        "The recipes of full scale draw by class, mix waveforms, average weights, add noise and roll as the public "
        "code does; but the second clip of a mixture is one of the same batch, not any of the set.",
        "Real recordings are judged by a linear classifier on frozen features, as SoundNet's are, not by fine-tuning.",
    ),
    caveats=(
        "The default knows 24 synthetic sounds and says nothing about recordings.",
        "Trained on composed clips, its features of real recordings are not better than those of the untrained "
        "network, nor than simple statistics.",
        "Only as many frames as the model has are read: of a longer recording the beginning.",
        "Tags of public weights are those of AudioSet: labels of videos, many of them missing or wrong.",
    ),
    claims=(
        Claim(
            metric="accuracy over 24 synthetic sounds, in pairs that differ in their order in time alone",
            paper="not reported on these sounds (ESC-50 0.956, Speech Commands 0.981, AudioSet 0.459 mean average "
            "precision, of weights from ImageNet)",
            keys=("accuracy", "accuracy/controls/unordered_audio"),
            scale="600 clips of one second, 0.37 M parameters, 500 steps of 32",
            command="mmx prove ast settings.threads=1 --write",
            result="default",
        ),
        Claim(
            metric="whether the tones rise or fall",
            paper="not reported",
            keys=("chirps_accuracy", "chirps_accuracy/controls/unordered_audio"),
            scale="as above, a second classifier",
            command="mmx prove ast settings.threads=1 --write",
            result="default",
        ),
        Claim(
            metric="the same, trained on clips whose frames are in a random order",
            paper="not reported",
            keys=("accuracy", "chirps_accuracy"),
            scale="as above",
            command="mmx prove ast settings.threads=1 --write",
            result="unordered",
        ),
        Claim(
            metric="accuracy on real recordings, linear classifier on frozen features",
            paper="not reported (ESC-50, fine-tuned: 0.956)",
            keys=("accuracy", "accuracy/baselines/mfcc"),
            scale="84 files of 73 recordings, 13 classes; trained on 1,500 composed clips of 18 other classes",
            command="mmx prove ast settings.threads=1 --write",
            result="sounds",
        ),
    ),
)
