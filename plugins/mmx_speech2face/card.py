"""The card of Speech2Face (Oh et al. 2019): summary, deviations, caveats and claims."""

from __future__ import annotations

from functools import partial

from mmx import Card, Claim

_SCALE = "3 s at 8 kHz, 2,400 people made by a program, 400 unseen ones judged"
_COMMAND = "mmx prove speech2face settings.threads=1 --write"
_claim = partial(Claim, result="default", scale=_SCALE, command=_COMMAND)
CARD = Card(
    title="Speech2Face: Learning the Face Behind a Voice",
    summary="A voice encoder learns to predict a face network's feature of the speaker; a decoder draws the face.",
    authors="Tae-Hyun Oh, Tali Dekel, Changil Kim, Inbar Mosseri, William T. Freeman, Michael Rubinstein, "
    "Wojciech Matusik",
    year=2019,
    url="https://arxiv.org/abs/1905.09773",
    licence="Code Apache-2.0, written from the paper; its authors released no code and no weights",
    citation="Oh et al.: Speech2Face: Learning the Face Behind a Voice. CVPR 2019.",
    deviations=(
        "People are synthetic (worlds/identities) instead of some million speakers of AVSpeech; in it sex, age and "
        "size shape voice and face, so that the best possible score is known.",
        "The face network of the default run is small and trained on drawn faces, by identity and attributes; "
        "VGG-Face, by identity alone, takes weights by path (encoders.face.use=speech2face/vgg-face).",
        "Attributes are sex, age decade, build and shape, predicted by our own classifier of drawn faces, trained on "
        "more people than the rest, instead of a service; "
        "there is no ethnicity in this world, and skin is independent of the voice on purpose.",
        "Landmarks of drawn faces are those of the decoder's own branch; no landmark detector is run on images.",
        "The decoder is trained on landmarks, texture and image; no loss compares face features of its images.",
        "The weights of the loss are set by the gradients' norms (balance), which is how the paper chose its own; with "
        "its constants and sizes they are in preset paper.",
        "Recordings are brought to one loudness; the paper states nothing about it (encoders.voice.level=null).",
        "The default run encodes magnitudes of the spectrogram, which carry more within minutes of training; the "
        "paper's real and imaginary parts are in presets paper and complex.",
        "The default run has 3 s at 8 kHz, few channels and minutes of training; preset paper has the sizes.",
        "Sizes, rates and the world's weights were chosen on other people (corpus.seed=100), not on those judged here.",
        "Whether the face feature is taken before its ReLU, and whether f_dec has one, is not stated: two switches.",
    ),
    caveats=(
        "Not better than a simple method with one seed of three: ridge regression from statistics of the voice finds "
        "6.2 to 7.1 % of faces first among 100, the network 9.5, 9.7 and 8.5 %; one interval touches zero. Among the "
        "first ten it leads with no seed: ridge regression from the mean spectrum finds 49.8, 50.2 and 49.5 %, the "
        "network 51.8, 52.6 and 52.6 %, and each interval holds zero.",
        "Trained on synthesised voices and drawn faces: for a real recording the image is meaningless.",
        "The face network was taught sex, age, build and shape, the very traits that a voice shares with a face: its "
        "feature lies open to a voice more than a face recogniser's would.",
        "It shows average-looking faces of people whose voices have something in common with a voice. It does not "
        "show the speaker, and it identifies nobody; do not use it to find, verify or accuse anyone.",
        "It reflects the voices and faces of its training data. Groups that are rare or drawn alike there come out "
        "wrong, and such errors fall on the same people every time: always read the numbers by group.",
        "Guessing sex, age or looks from a voice can offend, expose or exclude the speaker. Do not decide anything "
        "about a person by it, and do not draw a voice's face without the speaker's consent.",
        "A drawn face looks more certain than it is: one voice goes with many faces.",
    ),
    claims=(
        _claim(
            metric="recall at 1 by cosine, gallery of 100, %",
            paper="not stated here: known from memory only",
            keys=("recall_at_1_of_100",),
        ),
        _claim(
            metric="recall at 10 by cosine, gallery of 100, %",
            paper="not stated here: known from memory only",
            keys=("recall_at_10_of_100",),
        ),
        _claim(
            metric="angle between voice and face feature, degrees",
            paper="not stated here: known from memory only",
            keys=("cosine_degrees",),
        ),
        _claim(
            metric="sex agrees with the portrait's, in faces from voices (from face features)",
            paper="0.94 (0.98 men, 0.89 women), project page",
            keys=("sex_agreement", "sex_kappa"),
        ),
        _claim(
            metric="age decade agrees, in faces from voices (from face features)",
            paper="0.00 to 0.35 by decade (up to 0.61), project page",
            keys=("age_agreement", "age_kappa", "age_correlation"),
        ),
        _claim(
            metric="build and shape agree, in faces from voices (from face features)",
            paper="not reported",
            keys=("build_agreement", "build_kappa", "shape_agreement", "shape_kappa"),
        ),
        _claim(
            metric="craniofacial measures, Pearson's r between faces from voices and from face features",
            paper="0.11 to 0.38, 0.04 for the philtrum, project page",
            keys=("craniofacial_correlation",),
        ),
        _claim(
            metric="skin agrees, which is independent of the voice in this world: a check for leaks",
            paper="not reported",
            keys=("skin_agreement", "skin_kappa"),
        ),
    ),
)
