"""Card of the imbalance of modalities (Peng et al. 2022, Wang et al. 2020)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "1,000 drawn items of six classes, a sensor and images of 16 pixels, 7,400 parameters, 500 steps of 64",
    "command": "mmx prove modality_balance settings.threads=1 --write",
}

CARD = Card(
    title="Balanced Multimodal Learning via On-the-fly Gradient Modulation",
    summary="A quick, weak modality outruns a slow, strong one; its gradients are slowed while it is ahead.",
    authors="Xiaokang Peng, Yake Wei, Andong Deng, Dong Wang, Di Hu; Weiyao Wang, Du Tran, Matt Feiszli (blending)",
    year=2022,
    url="https://arxiv.org/abs/2203.15332",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code",
    citation="Peng, Wei, Deng, Wang, Hu: Balanced Multimodal Learning via On-the-fly Gradient Modulation. CVPR 2022. "
    "Wang, Tran, Feiszli: What Makes Training Multi-Modal Classification Networks Hard? CVPR 2020.",
    deviations=(
        "A drawn sensor and drawn gratings instead of CREMA-D, Kinetics-Sounds, VGGSound and AVE; small convolutional "
        "networks instead of two ResNet-18.",
        "More than two modalities are each compared with the mean of the others.",
        "Gradient-Blending: trials start from the weights of the moment and end with them; a loss that a trial did not "
        "lower has weight 0.",
    ),
    caveats=(
        "Not better than a simple method: nearest neighbours on statistics of image and sensor together lead the joint "
        "network (0.934 against 0.904, 0.906 and 0.900 with seeds 0 to 2), because the gratings are few and small.",
        "No gain of accuracy is claimed: on these data modulation lowers the ratio and leaves the accuracy as it is.",
        "Gradient-Blending (offline) lost accuracy, on one seed half of it: its weights divide a small gain by "
        "the square of a small, noisy growth of overfitting.",
        "The ratio is measured on batches of training, as the public code does.",
    ),
    claims=(
        Claim(
            metric="largest ratio of the sensor's score to the image's while training, and the joint accuracy",
            paper="ratios are drawn, not tabled; accuracies known from memory only",
            result="default",
            keys=("peak_ratio", "accuracy", "probe_sensor", "probe_image"),
            **_RUN,
        ),
        Claim(
            metric="the same with OGM-GE, alpha 0.8",
            paper="not stated here: known from memory only",
            result="ogm-ge",
            keys=("peak_ratio", "accuracy", "probe_sensor", "probe_image"),
            **_RUN,
        ),
        Claim(
            metric="accuracy of the image alone",
            paper="not comparable",
            result="image-only",
            keys=("accuracy",),
            **_RUN,
        ),
        Claim(
            metric="the same with Gradient-Blending, offline",
            paper="not comparable",
            result="blend",
            keys=("peak_ratio", "accuracy"),
            **_RUN,
        ),
    ),
)
