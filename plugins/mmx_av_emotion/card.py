"""Card of emotion from speech and face (Zhang et al. 2018)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "480 clips of 10 simulated speakers that were not trained on; 112,000 parameters, three stages",
    "command": "mmx prove av_emotion settings.threads=1 --write",
}

CARD = Card(
    title="Learning Affective Features With a Hybrid Deep Model for Audio-Visual Emotion Recognition",
    summary="A 2-D network on the voice and a 3-D network on the face meet in each segment; segments are averaged.",
    authors="Shiqing Zhang, Shiliang Zhang, Tiejun Huang, Wen Gao, Qi Tian",
    year=2018,
    url="https://doi.org/10.1109/TCSVT.2017.2719043",
    licence="Code Apache-2.0; written from the abstract, no public code",
    citation="Zhang, Zhang, Huang, Gao, Tian: Learning Affective Features With a Hybrid Deep Model for Audio-Visual "
    "Emotion Recognition. IEEE Transactions on Circuits and Systems for Video Technology 28(10), 2018.",
    deviations=(
        "Simulated voices and drawn faces; small networks trained from scratch. Preset paper has AlexNet and C3D.",
        "The fusion network is trained by back-propagation, without layer-wise pretraining as a deep belief network.",
        "A network of one modality learns from the average over a clip's segments, not from each segment by itself.",
        "The answer is a softmax; the paper's linear support vector machine on the same features stands beside it.",
        "Segments of the default do not overlap; faces are not searched for.",
        "How segments are put together makes no difference here: average, largest value and fusion after averaging are "
        "within each other's intervals, where the paper found the average better.",
    ),
    caveats=(
        "Simulated: what it tells apart was put in by hand, one pair of emotions alike in the voice, one in the face.",
        "It must not be used to judge what a person feels: expressions are not feelings, and this saw no person.",
    ),
    claims=(
        Claim(
            metric="accuracy on unseen speakers; with a linear support vector machine; of one segment alone",
            paper="not stated here: known from memory only",
            result="default",
            keys=("accuracy", "svm", "one_segment"),
            **_RUN,
        ),
        Claim(
            metric="the voice alone",
            paper="not stated here: known from memory only",
            result="audio-only",
            keys=("accuracy",),
            **_RUN,
        ),
        Claim(
            metric="the face alone",
            paper="not stated here: known from memory only",
            result="video-only",
            keys=("accuracy",),
            **_RUN,
        ),
        Claim(
            metric="each alone, probabilities averaged",
            paper="lower than fused",
            result="late",
            keys=("accuracy",),
            **_RUN,
        ),
        Claim(
            metric="the largest value of each feature over the segments instead of the average (one seed)",
            paper="average pooling is better",
            result="max",
            keys=("accuracy",),
            **_RUN,
        ),
        Claim(
            metric="each modality averaged over the segments before fusion (one seed)",
            paper="not reported",
            result="pool-first",
            keys=("accuracy",),
            **_RUN,
        ),
    ),
)
