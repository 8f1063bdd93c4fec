"""Card of driver stress (Rastgoo et al. 2019)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "720 simulated windows of 12 drivers that were not trained on; 51,000 parameters, 500 steps of 64",
    "command": "mmx prove driver_stress settings.threads=1 --write",
}

CARD = Card(
    title="Automatic driver stress level classification using multimodal deep learning",
    summary="Low, medium or high stress from ECG, vehicle and surroundings: convolutions by modality, then an LSTM.",
    authors="Mohammad Naim Rastgoo, Bahareh Nakisa, Frederic Maire, Andry Rakotonirainy, Vinod Chandran",
    year=2019,
    url="https://doi.org/10.1016/j.eswa.2019.07.010",
    licence="Code Apache-2.0; written from the abstract and highlights, no public code",
    citation="Rastgoo, Nakisa, Maire, Rakotonirainy, Chandran: Automatic driver stress level classification using "
    "multimodal deep learning. Expert Systems with Applications 138, 2019.",
    deviations=(
        "Simulated signals; the paper's data are private. Sizes of the networks are our own.",
        "Drivers, not windows, are divided into splits, and no windows overlap.",
        "Signals are normalised by window (ECG) or not at all, never by a driver's own statistics.",
    ),
    caveats=(
        "Not better than a simple method: logistic regression on moments of all signals comes as far (0.719 against "
        "0.704, 0.706 and 0.703), and a support vector machine on heart-rate variability, vehicle statistics and "
        "surroundings is right more often (metric handcrafted); it counts beats by rule, of which 600 windows teach a "
        "network little. Nor proven above its own control without ECG over three seeds.",
        "Simulated drivers: it says nothing about people, and must not be used to judge anybody's fitness to drive.",
        "The simulated links of signals to stress are what the model finds; its accuracy is that of the simulation.",
    ),
    claims=(
        Claim(
            metric="accuracy on unseen drivers, and of a support vector machine on handcrafted features",
            paper="not stated here: known from memory only",
            result="default",
            keys=("accuracy", "handcrafted"),
            **_RUN,
        ),
        Claim(metric="ECG alone", paper="lower than fused", result="ecg-only", keys=("accuracy",), **_RUN),
        Claim(metric="vehicle alone", paper="lower than fused", result="vehicle-only", keys=("accuracy",), **_RUN),
        Claim(metric="surroundings alone", paper="lower than fused", result="context-only", keys=("accuracy",), **_RUN),
        Claim(
            metric="early: pooled features side by side",
            paper="not reported",
            result="early",
            keys=("accuracy",),
            **_RUN,
        ),
        Claim(
            metric="late: parts trained alone, averaged",
            paper="not reported",
            result="late",
            keys=("accuracy",),
            **_RUN,
        ),
    ),
)
