"""Card of VATT (Akbari et al. 2021): summary, deviations, caveats, and the paper's results beside ours."""

from __future__ import annotations

from functools import partial

from mmx import Card, Claim

_claim = partial(
    Claim,
    result="default",
    scale="320 unseen composed clips, 82 classes, 1.0 M parameters, 800 steps of 64; steps, audio patch and size of "
    "the objects chosen on clips of another seed",
    command="mmx prove vatt settings.threads=1 --write",
)

CLAIMS = (
    _claim(
        "text to video, recall at 10 (median rank)",
        "29.7 % (49) on MSR-VTT, 45.5 % (13) on YouCook2: Medium-Base-Small",
        keys=("text_to_video_recall_at_10", "text_to_video_median_rank"),
    ),
    _claim(
        "video to audio, class of the first answer",
        "not reported",
        keys=("video_to_audio_class_match",),
    ),
    _claim(
        "video to text, class of the first answer",
        "not reported",
        keys=("video_to_text_class_match",),
    ),
    _claim(
        "text to audio, class of the first answer (never trained on pairs)",
        "not reported",
        keys=("text_to_audio_class_match",),
    ),
    _claim(
        "trained on shuffled pairs: video to audio, video to text",
        "not reported",
        result="shuffled",
        keys=("video_to_audio_class_match", "video_to_text_class_match"),
    ),
    _claim(
        "classifier of videos, all weights learning, from scratch: accuracy",
        "26.4 % (Kinetics-400)",
        scale="320 unseen composed clips, 82 classes, 150 steps of 64 with labels",
        result="scratch",
        keys=("finetuned_accuracy",),
    ),
    _claim(
        "the same after pre-training",
        "79.6 % (Kinetics-400, Base)",
        scale="320 unseen composed clips, 82 classes, 800 steps of 64 without labels, then 150 with them",
        result="finetune",
        keys=("finetuned_accuracy",),
    ),
    _claim(
        "linear probe on video and on audio of unseen clips, 80 classes",
        "not reported",
        keys=("video_probe", "audio_probe"),
    ),
    _claim(
        "linear probe on environmental sounds (real), 78 of 12 classes",
        "82.5 % (ESC-50, Medium, support vector machine; 84.7 % with its low-rank classifier)",
        keys=("recordings_probe",),
    ),
    _claim(
        "linear probe on unseen photos as still videos, 97 of 6 subjects",
        "not reported",
        keys=("images_probe",),
    ),
)
CARD = Card(
    title="VATT: Transformers for Multimodal Self-Supervised Learning from Raw Video, Audio and Text",
    summary="Transformers alone map raw video, audio and text to common spaces for retrieval across modalities.",
    authors="Hassan Akbari, Liangzhe Yuan, Rui Qian, Wei-Hong Chuang, Shih-Fu Chang, Yin Cui, Boqing Gong",
    year=2021,
    url="https://arxiv.org/abs/2104.11178",
    licence="Code Apache-2.0, written from the paper and from what its authors' released code does; the public "
    "checkpoints are Apache-2.0 and not part of mmx",
    citation="Akbari, Yuan, Qian, Chuang, Chang, Cui, Gong: VATT: Transformers for Multimodal Self-Supervised Learning "
    "from Raw Video, Audio and Text. NeurIPS 2021.",
    deviations=(
        "The default runs on drawn and composed videos of one second (worlds/scenes), 32 pixels, 4 kHz, with three "
        "layers of width 96, instead of HowTo100M and AudioSet at 224 pixels, 48 kHz and 12 to 24 layers.",
        "Where the paper and the released code differ, the paper is the default; `version: code` and the preset `code` "
        "take the code's dense layers, norms, dropout, heads and denominator.",
        "The loss counts the positives once and leaves out clips without text (`paper`); the code counts them once per "
        "direction, keeps the videos of such clips as negatives, and divides the losses' sum by the weights' sum "
        "(`asymmetric`).",
        "Preset paper has 227.3 M parameters where the paper counts 197 M: the table of 65,536 words alone is 33.6 M.",
        "DropToken picks tokens before the linear layer and leaves their order alone: the same numbers as picking "
        "after the positions.",
        "Audio is projected to the space of text by the head g of video, with g's statistics of video; the paper does "
        "not compare audio and text.",
        "Random regions are sampled bilinearly, hue is rotated in YIQ; the code uses TensorFlow's image operations.",
        "Position tables of public checkpoints are stretched linearly; the code uses a cubic spline.",
        "The patch of a spectrogram is 16 bands x 5 frames; the paper writes 16 x 5 without saying which is which.",
        "Linear evaluation is a linear support vector machine; the low-rank classifier of the paper is a head "
        "(`std/mlp`, hidden: [128]) under a stage.",
        "Clips of a long video lie on a grid of 3.2 seconds (`window` of `std/manifest`), in random order, instead of "
        "at random times.",
    ),
    caveats=(
        "Not better than a simple method: canonical correlation of random convolutions, learnt from 1,500 of its 6,000 "
        "clips, matches 65.0, 66.7, 65.6 % of classes, the network 59.5, 54.7, 55.6 % (seeds 0 to 2; each paired "
        "interval of the gap below zero). In a world where only order tells movements apart it "
        "fell further behind (decision 0090).",
        "The default model is trained on drawn objects in front of photos only; its results on other videos are "
        "meaningless.",
        "The public checkpoints themselves were not at hand: their conversion is tested on arrays of the released keys "
        "and shapes, against the released layers written again.",
        "Real objects are retrieved less reliably than drawn ones: there are few recordings of them.",
        "Photos are not learnt from at this size: on unseen ones a linear probe does no better than on an untrained "
        "model, and worse than on raw pixels.",
        "Of sounds a linear probe reads less from it than from the log-spectrum: environmental ones 0.462, 0.496, "
        "0.470 against 0.560, those of unseen clips 0.487, 0.475, 0.497 against 0.506 (seeds 0 to 2). On environmental "
        "ones the lead over an untrained model is of the size of its interval, seed by seed.",
        "Number of steps, audio patch size and size of the objects were chosen on clips of another seed "
        "(corpus.seed=1).",
    ),
    claims=CLAIMS,
)
