"""Card of early and late fusion."""

from __future__ import annotations

from mmx import Card, Claim

_EARLY = {
    "scale": "1,000 drawn items, 2 channels of a sensor or 4, images of 16 pixels, 11,000 parameters, 400 steps of 64",
    "command": "mmx prove early_fusion settings.threads=1 --write",
}
_LATE = {
    "scale": "1,000 drawn items, 2 channels of a sensor or 4, images of 16 pixels, 7,000 parameters, 400 steps of 64 "
    "for each part",
    "command": "mmx prove late_fusion settings.threads=1 --write",
}

CARD = Card(
    title="Early and late fusion",
    summary="One network takes all modalities, or one per modality answers and the answers are combined.",
    authors="Tadas Baltrušaitis, Chaitanya Ahuja, Louis-Philippe Morency (the survey that names both)",
    year=2019,
    url="https://arxiv.org/abs/1705.09406",
    licence="Code Apache-2.0; written from textbook formulas",
    citation="Baltrušaitis, Ahuja, Morency: Multimodal Machine Learning: A Survey and Taxonomy. IEEE TPAMI 41, 2019.",
    deviations=(
        "Early fusion joins pooled features of an encoder per modality; raw channels are not concatenated, because a "
        "sensor and an image have no common clock.",
        "The data are drawn so that the exact posterior is known: what either modality and both can reach at best is "
        "in every report.",
        "Stacking has two folds of the training split, with a part for each, and the parts trained on all of it for "
        "judging.",
    ),
    caveats=(
        "Proofs on drawn cues: which fusion wins on real data depends on the data, and is not told here.",
        "The default is the case in which late fusion has all that it needs: cues independent given the class.",
    ),
    claims=(
        Claim(
            metric="redundant cues, accuracy of early fusion",
            paper="not reported",
            result="early_fusion-default",
            keys=("accuracy", "accuracy/references/posterior", "accuracy_without_image", "accuracy_without_sensor"),
            **_EARLY,
        ),
        Claim(
            metric="the same, every training image another item's (control): early fusion falls to its sensor",
            paper="not reported",
            result="early_fusion-shuffled",
            keys=("accuracy", "accuracy_without_image", "accuracy_without_sensor"),
            **{**_EARLY, "command": _EARLY["command"].replace(" --write", " --preset shuffled --write")},
        ),
        Claim(
            metric="exclusive or of two cues, accuracy of early fusion",
            paper="not reported",
            result="early_fusion-exclusive-or",
            keys=("accuracy",),
            **_EARLY,
        ),
        Claim(
            metric="redundant cues, accuracy of late fusion, of its parts, and with one input missing",
            paper="not reported",
            result="late_fusion-default",
            keys=(
                "accuracy",
                "sensor_accuracy",
                "image_accuracy",
                "accuracy_without_image",
                "accuracy_without_sensor",
                "calibration_error",
            ),
            **_LATE,
        ),
        Claim(
            metric="the same, every training image another item's (control): late fusion falls to its sensor",
            paper="not reported",
            result="late_fusion-shuffled",
            keys=("accuracy", "sensor_accuracy", "image_accuracy"),
            **{**_LATE, "command": _LATE["command"].replace(" --write", " --preset shuffled --write")},
        ),
        Claim(
            metric="exclusive or of two cues, accuracy of late fusion",
            paper="not reported",
            result="late_fusion-exclusive-or",
            keys=("accuracy",),
            **_LATE,
        ),
        Claim(
            metric="a useless image, accuracy of late fusion with weights learned on held-out items",
            paper="not reported",
            result="late_fusion-useless-weighted",
            keys=("accuracy", "sensor_accuracy", "image_accuracy"),
            **_LATE,
        ),
    ),
)
