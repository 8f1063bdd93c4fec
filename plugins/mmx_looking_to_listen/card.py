"""The card of Looking to Listen (Ephrat et al. 2018): summary, deviations, caveats and claims."""

from __future__ import annotations

from functools import partial

from mmx import Card, Claim

_claim = partial(Claim, result="default", command="mmx prove looking_to_listen settings.threads=1 --write")
CARD = Card(
    title="Looking to Listen at the Cocktail Party",
    summary="A network separates voices by the faces of the speakers, with complex masks, one output per visible face.",
    authors="Ariel Ephrat, Inbar Mosseri, Oran Lang, Tali Dekel, Kevin Wilson, Avinatan Hassidim, William T. Freeman, "
    "Michael Rubinstein",
    year=2018,
    url="https://arxiv.org/abs/1804.03619",
    licence="Code Apache-2.0, written from the paper; its authors released no code and no weights",
    citation="Ephrat et al.: Looking to Listen at the Cocktail Party. ACM Transactions on Graphics 37(4), 2018.",
    deviations=(
        "Faces and voices are synthetic (worlds/talkers) instead of 4,700 hours of AVSpeech.",
        "The face embedder is a small network trained on the drawn faces' lips and identities, not a face recogniser "
        "trained on millions of photos; others can be given by path.",
        "The visual stream stands in the fuser, so that embeddings are computed once and cached.",
        "Sources are brought to equal loudness before levels are drawn, and mixtures to one level after; the paper "
        "states neither.",
        "The default run has 8 kHz, 1.5 s, far fewer channels and minutes of training; preset paper has the sizes.",
        "Masks begin as equal shares of the mixture; the paper does not state the initial masks.",
        "Masks of the default run are bounded by tanh (-1 to 1) and work on magnitudes compressed by the power 0.5; "
        "preset paper has the sigmoid, and 0.3 of real and imaginary parts.",
        "Whether the LSTM's directions are joined or added, how the embedding's rate is raised, and how the power law "
        "treats complex numbers is not stated: all readings are switches.",
    ),
    caveats=(
        "Not better than a simple method that is told what no video shows: ridge regression on random cosines of the "
        "true lip openings, which the program that draws the faces knows, gains 4.85 dB, the network 4.39, 4.39 and "
        "4.38 dB (seeds 0 to 2; each paired interval below zero). From the pixels that the network sees the same "
        "method gains 2.56 dB and least squares 2.65 dB.",
        "Trained on drawn faces and synthetic voices: it will not separate people in a real video.",
        "Lips and voices share one timeline here, so numbers are not comparable with the paper's.",
        "Masks of the default run follow the lips in time and broad bands of frequency, not the harmonics of a voice.",
    ),
    claims=(
        _claim(
            metric="SDR (BSS Eval) of two clean speakers with two faces, dB",
            paper="10.3, AVSpeech, from a third party's list of results; not re-read in the paper",
            keys=("sdr", "si_sdr_improvement", "swap_followed"),
            scale="64 mixtures of 40 unseen synthetic speakers, 1.5 s at 8 kHz; 600 steps instead of 5 million; "
            "the world's melodies and pitches were changed once after results were seen (docs/decisions/0051)",
        ),
        _claim(
            metric="the same without faces: as many parameters, as many steps, permutation-invariant training, dB",
            paper="not stated here: known from memory only",
            result="audio-only",
            keys=("si_sdr_improvement",),
            scale="as above, each mixture in the order of outputs that suits it best. In the first version of this "
            "world every voice nearly kept one pitch, and with one seed of three this control was better than the "
            "network with faces. After that was seen, the world's melodies and pitches were set to what is measured "
            "in people's speech, once (docs/decisions/0051)",
        ),
        _claim(
            metric="the same trained with still faces, SI-SDR improvement, dB",
            paper="not reported",
            result="static-face",
            keys=("si_sdr_improvement",),
            scale="as above",
        ),
    ),
)
