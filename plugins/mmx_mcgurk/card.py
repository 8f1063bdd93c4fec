"""Card of the conflict of audio and lips (McGurk and MacDonald 1976)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "900 conflicts of 600 drawn syllables; 8,000 parameters, 400 steps of 64",
    "command": "mmx prove mcgurk settings.threads=1 --write",
}
_KEYS = (
    "posterior_correlation",
    "between",
    "between/references/posterior",
    "follows_audio",
    "follows_video",
    "dominance",
    "dominance/references/posterior",
)

CARD = Card(
    title="Hearing lips and seeing voices",
    summary="Audio of one syllable with the lips of another: which one does a model follow, or does it answer a third?",
    authors="Harry McGurk, John MacDonald",
    year=1976,
    url="https://doi.org/10.1038/264746a0",
    licence="Code Apache-2.0; the experiment's idea, no material of it",
    citation="McGurk, MacDonald: Hearing lips and seeing voices. Nature 264, 746-748, 1976.",
    deviations=(
        "Models instead of people, on synthetic bursts and drawn mouths with one number each; the exact posterior "
        "takes the place of listeners.",
        "Models learn from agreeing syllables only; conflicts are new to them.",
    ),
    caveats=(
        "Not better than a simple method: logistic regression on statistics of audio and video together is right as "
        "often (0.862 against 0.870, 0.877 and 0.867 with seeds 0 to 2; each paired interval holds zero). What the "
        "paper asks, what is answered where the two disagree, no baseline is asked.",
        "It tells how a classifier weighs two inputs, nothing about how people do.",
        "A conflict is unlike anything in training: compare with re-paired items of one class, in the notes.",
    ),
    claims=(
        Claim(
            metric="accuracy on agreeing syllables",
            paper="not comparable",
            result="default",
            keys=("accuracy", "accuracy/references/posterior"),
            **_RUN,
        ),
        Claim(
            metric="conflicts: correlation with the exact posterior; da answered to ba and ga (`between`); "
            "who is followed",
            paper="not stated here: the adults' answers are known from memory only",
            result="default",
            keys=_KEYS,
            **_RUN,
        ),
        Claim(
            metric="the same with parts trained alone and averaged",
            paper="not comparable",
            result="late-mean",
            keys=_KEYS,
            **_RUN,
        ),
        Claim(
            metric="the same with a model of the audio alone",
            paper="not comparable",
            result="audio-only",
            keys=("dominance",),
            **_RUN,
        ),
        Claim(
            metric="the same with a model of the lips alone",
            paper="not comparable",
            result="video-only",
            keys=("dominance",),
            **_RUN,
        ),
    ),
)
