"""Card of ImageBind (Girdhar et al. 2023)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "600 drawn shapes, 0.44 M parameters, 300 steps of 128 for images and text, 300 of 64 for the others",
    "command": "mmx prove imagebind settings.threads=1 --write",
    "result": "default",
}

CARD = Card(
    title="ImageBind: One Embedding Space To Bind Them All",
    summary="Audio, depth, heat and motion are each learned from pairs with images, and find text that they never met.",
    authors="Rohit Girdhar, Alaaeldin El-Nouby, Zhuang Liu, Mannat Singh, Kalyan Vasudev Alwala, Armand Joulin, "
    "Ishan Misra",
    year=2023,
    url="https://arxiv.org/abs/2305.05665",
    licence="Code Apache-2.0, written from the paper and the sizes of its public code (CC-BY-NC-4.0); its weights, "
    "which presets can load from a file of yours, are CC-BY-NC-SA-4.0: not for commercial use",
    citation="Girdhar et al.: ImageBind: One Embedding Space To Bind Them All. CVPR 2023.",
    deviations=(
        "Drawn shapes instead of AudioSet, SUN RGB-D, LLVIP and Ego4D. Depth is a map of which things are near; heat "
        "is a stand-in, in which a colour is a temperature, for want of a thermal camera; motion is a simulated "
        "inertial unit that is led along the outline of the shape.",
        "The towers of images and text are a small CLIP that is trained first, and then frozen; the paper's are "
        "OpenCLIP's ViT-H.",
        "The default towers are convolutions (images, depth, heat, motion) and a transformer of two blocks over the "
        "spectrogram (audio); the paper's six are the preset paper.",
        "Still images only: the paper repeats them to two frames, whose patches are added up here where its weights "
        "are loaded. Videos are one clip, not five with three crops.",
        "All modalities learn in one stage, from the same images; the paper's each have a data set and a stage.",
    ),
    caveats=(
        "Combinations of shape and colour that no pair had are never named by their audio: accuracy 0 in every seed.",
        "Trained on shapes, it knows some thirty words; it says nothing about photos and recordings.",
        "A text is ranked against what is offered: the first of several wrong texts is still wrong.",
        "The authors call ImageBind a research prototype, with the biases of the weights that it is bound to.",
    ),
    claims=(
        Claim(
            metric="audio named by text that it never met (emergent zero-shot)",
            paper="not reported on shapes (ESC-50 0.669, Ego4D 0.250, LLVIP 0.634, NYU-D 0.540)",
            keys=("accuracy", "accuracy/baselines/neighbours_through_image", "accuracy_novel"),
            **_RUN,
        ),
        Claim(
            metric="heat and motion named among 24 classes, depth among four shapes",
            paper="as above",
            keys=("thermal_accuracy", "motion_accuracy", "depth_accuracy"),
            **_RUN,
        ),
        Claim(
            metric="image of one thing + audio of another find an image of both, first answer",
            paper="shown by examples",
            keys=("sum_at_1", "sum_at_1/controls/a_alone", "sum_at_1/controls/b_alone"),
            **_RUN,
        ),
        Claim(
            metric="the same with towers of images and text that never learned",
            paper="not reported",
            keys=("accuracy", "class_match"),
            **{**_RUN, "result": "random-image"},
        ),
        Claim(
            metric="the same with every modality paired with images of other things",
            paper="not reported",
            keys=("accuracy", "class_match"),
            **{**_RUN, "result": "shuffled"},
        ),
    ),
)
