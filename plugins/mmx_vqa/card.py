"""Card of visual question answering (Antol et al. 2015)."""

from __future__ import annotations

from mmx import Card, Claim

_SCALE = "1,000 questions about drawn shapes, 15 answers; 217,000 parameters, 48,000 training questions"
_COMMAND = "mmx prove vqa settings.threads=1 --write"
_TYPES = ("vqa_accuracy", *(f"vqa_accuracy_{name}" for name in ("colour", "shape", "count", "presence")))

CARD = Card(
    title="VQA: Visual Question Answering",
    summary="A question and an image give one of the usual answers: a deeper LSTM times normalised image features.",
    authors="Stanislaw Antol, Aishwarya Agrawal, Jiasen Lu, Margaret Mitchell, Dhruv Batra, C. Lawrence Zitnick, Devi "
    "Parikh",
    year=2015,
    url="https://arxiv.org/abs/1505.00468",
    licence="Code Apache-2.0; written from the paper and the behaviour of its public code",
    citation="Antol, Agrawal, Lu, Mitchell, Batra, Zitnick, Parikh: VQA: Visual Question Answering. International "
    "Conference on Computer Vision, 2015.",
    deviations=(
        "Drawn shapes and a small convolutional network trained with the rest, not photographs and frozen VGG-19.",
        "Image features have length 10, not 1: of 128 numbers of length 1 little passes the tangent (preset unscaled).",
        "Preset paper: gradients are clipped by their common norm of 10, not each to +-10; weights begin as torch "
        "makes them, not uniformly within 0.08; each question is seen once per pass, not drawn with replacement.",
    ),
    caveats=(
        "The product of both sides is no better here than putting them side by side before a hidden layer: 0.74, 0.70, "
        "0.72 against 0.73, 0.76, 0.73 (seeds 0 to 2).",
        "A language prior answers part of the questions without the image: compare with question-only.",
        "Drawn shapes with fifteen answers: it says nothing about photographs or people's own questions.",
        "It answers every question, also one about what is not there, and never answers that it does not know.",
    ),
    claims=(
        Claim(
            metric="VQA accuracy, and by type of question",
            paper="58.16 % open-ended on VQA v1 test-standard (README of the code)",
            scale=_SCALE,
            command=_COMMAND,
            result="default",
            keys=(*_TYPES, "vqa_accuracy/baselines/question_prior"),
        ),
        Claim(
            metric="the same without the image",
            paper="not stated here: known from memory only",
            scale=_SCALE,
            command=_COMMAND,
            result="question-only",
            keys=_TYPES,
        ),
        Claim(
            metric="the same without the question",
            paper="not stated here: known from memory only",
            scale=_SCALE,
            command=_COMMAND,
            result="image-only",
            keys=_TYPES,
        ),
        Claim(
            metric="features side by side, and a hidden layer",
            paper="not reported",
            scale=_SCALE,
            command=_COMMAND,
            result="concat",
            keys=_TYPES,
        ),
        Claim(
            metric="the sum of both projections",
            paper="not reported",
            scale=_SCALE,
            command=_COMMAND,
            result="sum",
            keys=_TYPES,
        ),
        Claim(
            metric="a gate per feature between both",
            paper="not reported",
            scale=_SCALE,
            command=_COMMAND,
            result="gated",
            keys=_TYPES,
        ),
        Claim(
            metric="questions of the package easy-vqa, 1,000 unseen images",
            paper="not reported",
            scale="2,000 questions, 13 answers; 34,700 training questions",
            command="mmx prove vqa settings.threads=1 --preset easy-vqa --write",
            result="easy-vqa",
            keys=("vqa_accuracy", "vqa_accuracy/baselines/question_prior"),
        ),
    ),
)
