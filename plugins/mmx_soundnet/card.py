"""The card of SoundNet (Aytar, Vondrick, Torralba 2016): summary, deviations, caveats and claims."""

from __future__ import annotations

from functools import partial

from mmx import Card, Claim

_claim = partial(Claim, result="default", command="mmx prove soundnet settings.threads=1 --write")
CARD = Card(
    title="SoundNet: Learning Sound Representations from Unlabeled Video",
    summary="A raw-waveform network learns to predict what vision networks recognise in the frames of the same clip.",
    authors="Yusuf Aytar, Carl Vondrick, Antonio Torralba",
    year=2016,
    url="https://arxiv.org/abs/1610.09001",
    licence="Code Apache-2.0, written from the paper and its public description; the released weights are not included",
    citation="Aytar, Vondrick, Torralba: SoundNet, Learning Sound Representations from Unlabeled Video. NIPS 2016.",
    deviations=(
        "Clips are composed from a small set of real recordings and images instead of two million Flickr videos.",
        "The object teacher is EfficientNet-Lite0 instead of VGG-16 or AlexNet.",
        "The scene teacher is a small network trained here on the places of the photos, not a Places-401 network.",
        "The default network is narrower, its clips shorter and its training far shorter than the paper's.",
        "Layer sizes and paddings follow the official code where the paper's tables print other values.",
        "Features are standardised before the support vector machine, and averaged over time by default.",
        "Layer, steps and augmentation of the default were chosen with transfer accuracy in view, on other seeds.",
    ),
    caveats=(
        "Not better than a simple method: of real recordings, on the same folds, logistic regression on the mean "
        "log-spectrum recognises more than the default student (0.598 against 0.410, 0.481, 0.490 with seeds 0 to 2), "
        "and so do MFCC (0.560) and nearest neighbours on seven scalars (length, level, centroid ...: 0.517). No "
        "seed's paired interval over the untrained network lies above zero, whose best layer (0.49) equals it.",
        "The default training set holds a few dozen recordings: a demonstration, not a general audio model.",
        "Object and scene names predicted from audio are guesses of a network that was trained without audio labels.",
    ),
    claims=(
        _claim(
            metric="accuracy on labelled recordings, linear classifier on frozen features",
            paper="0.742 (ESC-50, 50 classes, pool5, AlexNet teacher)",
            keys=("accuracy",),
            scale="half the width, 2 s clips, 600 steps on composed clips; 84 files of 73 real recordings, "
            "13 classes; layer (conv6), steps and augmentation chosen with transfer accuracy in view, on other seeds",
        ),
        _claim(
            metric="the same after training on shuffled pairs",
            paper="not reported",
            scale="as above",
            result="shuffled",
            keys=("accuracy",),
        ),
        _claim(
            metric="divergence from the teachers on clips of unseen files, nats per time step",
            paper="not reported",
            keys=("kl",),
            scale="both teachers added up, 240 clips of split test",
        ),
    ),
)
