"""Card of HERO (Li et al. 2020): summary, deviations from the paper, caveats, and the paper's results beside ours."""

from __future__ import annotations

from mmx import Card, Claim

CARD = Card(
    title="HERO: Hierarchical Encoder for Video+Language Omni-representation Pre-training",
    summary="Subtitles are fused with their frames, then all frames over time; sentences retrieve moments of videos.",
    authors="Linjie Li, Yen-Chun Chen, Yu Cheng, Zhe Gan, Licheng Yu, Jingjing Liu",
    year=2020,
    url="https://arxiv.org/abs/2005.00200",
    licence="Code Apache-2.0, written from the paper; the authors' code is MIT, their weights are not part of mmx",
    citation="Li, Chen, Cheng, Gan, Yu, Liu: HERO: Hierarchical Encoder for Video+Language Omni-representation "
    "Pre-training. EMNLP 2020.",
    deviations=(
        "Episodes are composed by a program from real drawings and photos (worlds/episodes), with subtitles written by "
        "it, instead of TV and HowTo100M.",
        "The default model is some hundred times smaller, reads words instead of byte pairs, and starts from random "
        "weights; preset paper has the released sizes, and takes released weights by path.",
        "Frames are encoded by an image network (EfficientNet-lite0), not by ResNet-152 and SlowFast; features of "
        "those two are read from files (hero/features).",
        "Padding is no negative of the frame contrast unless objective.padding is set.",
        "Masked frame regression averages distances over frames; the released code takes mean squares (norm: mse).",
        "VSM never removes all subtitles of a video: one stays.",
        "A moment's frames in training are those it covers by half or more; the released code takes every frame it "
        "touches, at least two. Retrieved moments have two frames or more (`shortest`), in the released code three, "
        "which preset paper takes.",
        "Presets answers and inference encode a candidate as a query and compare it with the frames, after fine-tuning "
        "on moment retrieval; the paper's joint encoding (heads.answer.reads) did not learn from pre-training alone.",
        "Preset captions shares the word table with masked language modelling, but not the layers that predict words.",
    ),
    caveats=(
        "The default model is trained on the names, reasons and objects of a synthetic world: on your own videos it is "
        "of use only after training on them.",
        "Moments are located to a frame of 1.5 s.",
        "Of questions about the synthetic world it answers who and what; on why it is at chance level.",
        "Subtitles, object size and recipe of the default were changed after test results of earlier versions were "
        "known; the changes themselves were chosen on validation data.",
        "Objects of the synthetic world fill most of the frame: the model was never trained on small objects.",
    ),
    claims=(
        Claim(
            metric="moments in a corpus (VCMR), R@1 at IoU .7",
            paper="5.13 % (TVR val, pre-trained on TV and HowTo100M)",
            ours="38.2, 37.4, 37.3 % (chance 0.01 %, ceiling 42.4 %); trained without subtitles 2.0 %, without "
            "frames 3.8 % (at 20483ef), flat 2.2 % (seed 0)",
            scale="300 unseen episodes made by a program, 4.3 M parameters, 250 + 450 steps of 32",
            command="mmx run hero --seed 0",
            seeds="0, 1, 2",
            commit="6fa0ecd",
        ),
        Claim(
            metric="videos (VR), R@1; moments in the given video (SVMR), R@1 at IoU .7",
            paper="not reported here",
            ours="38.3, 37.6, 37.8 % (chance 0.3 %, ceiling 42.4 %; trained without subtitles 3.2 %, without frames "
            "4.7 %, flat 4.2 %); 98.3, 98.6, 97.4 % (chance 3 %; 59 %, 92 %, 59 %)",
            scale="300 unseen episodes made by a program, 4.3 M parameters, 250 + 450 steps of 32",
            command="mmx run hero --seed 0",
            seeds="0, 1, 2",
            commit="6fa0ecd",
        ),
        Claim(
            metric="answers to questions, one of five; statements, true or false (accuracy)",
            paper="74.24 % (TVQA val, pre-trained on TV and HowTo100M); not reported here",
            ours="55.7, 59.3, 58.3 % (chance 20 %; question only 20.0, 24.3, 20.3 %; trained without subtitles 26.3 %, "
            "without frames 20.3 %); 82.0, 85.3, 83.0 % (chance 50 %; statement only 44.7, 42.7, 44.0 %; 50.7, 51 %)",
            scale="300 questions and statements about unseen episodes, 60 and 80 steps of 32 after the default's",
            command="mmx run hero --preset answers (inference) --seed 0 fuser.weights=RUN/checkpoint/model.safetensors "
            "stages.pretrain.steps=0 stages.moments.steps=0",
            seeds="0, 1, 2",
            commit="39b103a, 20483ef",
        ),
        Claim(
            metric="captions of moments: CIDEr-D, BLEU-4",
            paper="43.62, 10.75 (TVC val, without pre-training)",
            ours="67.3, 68.0 (most frequent caption 2.5, 6.3; evaluated without subtitles 13.3, 18.6, without "
            "frames 22.7, 30.7)",
            scale="1200 moments of unseen episodes; sentences of one pattern; 400 steps of 32 after the default's",
            command="mmx run hero --preset captions --seed 0 fuser.weights=RUN/checkpoint/model.safetensors "
            "stages.pretrain.steps=0 stages.moments.steps=0",
            seeds="0",
            commit="20483ef",
        ),
    ),
)
