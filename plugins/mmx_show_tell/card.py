"""Card of Show and Tell (Vinyals et al. 2015) and of Show, Attend and Tell (Xu et al. 2015)."""

from __future__ import annotations

from mmx import Card, Claim

_UNSTATED = "not stated here: the published values, of other data, are known from memory only"
_TOLD = {
    "scale": "4,000 drawn images of one or two things, 48 pixels, 0.6 M parameters, 400 steps of 64 naming things, 400 "
    "writing, 150 of both",
    "command": "mmx prove show_attend_tell settings.threads=1 --write",
    "result": "show_attend_tell-default",
}
_ONCE = {
    "scale": "4,000 drawn images of one or two things, 48 pixels, 0.4 M parameters, 400 steps of 64 naming things, 800 "
    "writing",
    "command": "mmx prove show_and_tell settings.threads=1 --write",
    "result": "show_and_tell-default",
}
_DRAWN = "3,000 images of one or two of 40 real drawings in new arrangements, 72 pixels, 800 steps of 64"


def _trained(name: str, preset: str, told: str, scale: str) -> Claim:
    """Return the row of a training under another preset."""
    return Claim(
        metric=f"{'Show, Attend and Tell' if name == 'show_attend_tell' else 'Show and Tell'}, {told}: share of the "
        "things that the caption names, captions that are right word by word",
        paper="not reported",
        scale=scale,
        command=f"mmx prove {name} settings.threads=1 --preset {preset} --write",
        result=f"{name}-{preset}",
        keys=("object_recall", "exact"),
    )


CARD = Card(
    title="Show and Tell; Show, Attend and Tell",
    summary="An LSTM writes the caption of an image: from its features, seen once, or looking at one place after "
    "another.",
    authors="Oriol Vinyals, Alexander Toshev, Samy Bengio, Dumitru Erhan (Show and Tell); Kelvin Xu, Jimmy Lei Ba, "
    "Ryan Kiros, Kyunghyun Cho, Aaron Courville, Ruslan Salakhutdinov, Richard S. Zemel, Yoshua Bengio",
    year=2015,
    url="https://arxiv.org/abs/1502.03044",
    licence="Code Apache-2.0, written from the papers and the behaviour of the second one's public code",
    citation="Vinyals, Toshev, Bengio, Erhan: Show and Tell: A Neural Image Caption Generator. CVPR 2015. Xu, Ba, "
    "Kiros, Cho, Courville, Salakhutdinov, Zemel, Bengio: Show, Attend and Tell: Neural Image Caption Generation with "
    "Visual Attention. ICML 2015.",
    deviations=(
        "Drawn shapes and sentences of one form instead of Flickr8k, Flickr30k and COCO; the image network is small "
        "and first learns to name things; then it stays as it is, but for the last stage of Show, Attend and "
        "Tell; those of the papers are pretrained and (at first) frozen.",
        "Adam with a cosine schedule; Show and Tell has SGD with a fixed rate, and averages several models.",
        "The loss is a mean over words, and the weight of the attention's penalty far smaller: with 1/64 beside a mean "
        "(preset strong-penalty) attention looks at a thing before its name begins, and everywhere alike while the "
        "name is written. The preset paper sums over words with weight 1. The penalty sums over the words of a text; "
        "the public code also over its padding, of which its batches of equal length have little.",
        "The LSTM of Show and Tell has a second bias, as torch's has: 4 x 512 weights more.",
        "Hard attention, trained by sampling, is left out.",
    ),
    caveats=(
        "Trained on shapes, it knows some thirty words and one form of sentence: of a photo it will name shapes.",
        "In a world of drawn shapes naming is easy: ridge regression from k-means features of patches names as many "
        "things as Show and Tell, without writing a sentence, and fewer than Show, Attend and Tell (decision 96; not "
        "among the report's baselines).",
        "The preset drawings shows drawings in test that were shown in training, in new arrangements: it tells nothing "
        "about things that were never named.",
        "Where attention looks is what the decoder weighed, not a proof of why it chose a word.",
        "The weight of the attention penalty was chosen after runs that were judged on split test; the stages, their "
        "steps and rates on a world of another seed (corpus.seed=9).",
        "METEOR is in the report only where its authors' program is (pycocoevalcap and Java), SPICE never.",
    ),
    claims=(
        Claim(
            metric="Show, Attend and Tell: share of the things that the caption names, and captions that are right "
            "word by word",
            paper=_UNSTATED,
            keys=("object_recall", "exact", "cider", "bleu_4"),
            **_TOLD,
        ),
        Claim(
            metric="the same decoder, looking everywhere alike or at another image",
            paper="not reported",
            keys=("object_recall/controls/uniform_attention", "object_recall/controls/shuffled_image"),
            **_TOLD,
        ),
        Claim(
            metric="attention: the place looked at most when a thing is named lies in its cell (uniform 0.11)",
            paper="shown by examples",
            keys=("pointing",),
            **_TOLD,
        ),
        Claim(
            metric="Show and Tell: share of the things that the caption names, captions that are right word by word",
            paper=_UNSTATED,
            keys=("object_recall", "exact", "cider", "bleu_4"),
            **_ONCE,
        ),
        _trained("show_attend_tell", "uniform", "trained with all places alike", _TOLD["scale"]),
        _trained("show_attend_tell", "shuffled", "trained with the caption of another image", _TOLD["scale"]),
        _trained("show_and_tell", "shuffled", "trained with the caption of another image", _ONCE["scale"]),
        _trained("show_attend_tell", "drawings", "real drawings and their names", _DRAWN),
        _trained("show_and_tell", "drawings", "real drawings and their names", _DRAWN),
    ),
)
