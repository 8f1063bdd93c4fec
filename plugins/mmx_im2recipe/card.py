"""Card of im2recipe (Salvador et al. 2017)."""

from __future__ import annotations

from functools import partial
from typing import Final

from mmx import Card, Claim

_UNSTATED: Final = "not stated here: known from memory only"
_claim = partial(
    Claim,
    scale="300 unseen drawn dishes of 40 pixels, 0.2 M parameters; steps chosen on dishes of another seed",
    command="mmx prove im2recipe settings.threads=1 --write",
)

CARD = Card(
    title="Learning Cross-modal Embeddings for Cooking Recipes and Food Images",
    summary="An image of a dish finds its recipe (ingredients and instructions), and a recipe finds its image.",
    authors="Amaia Salvador, Nicholas Hynes, Yusuf Aytar, Javier Marin, Ferda Ofli, Ingmar Weber, Antonio Torralba",
    year=2017,
    url="http://im2recipe.csail.mit.edu",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code",
    citation="Salvador, Hynes, Aytar, Marin, Ofli, Weber, Torralba: Learning Cross-modal Embeddings for Cooking "
    "Recipes and Food Images. CVPR 2017.",
    deviations=(
        "Drawn dishes and made recipes instead of Recipe1M; a small image network, which first learns to name main "
        "ingredient and cooking (the paper's ResNet-50 was trained on ImageNet).",
        "Word vectors and sentence vectors are learnt with the rest; the paper's are trained before, by word2vec and "
        "by skip-instructions. Ingredients are words of a list, not entries of a table.",
        "Sides learn in turn for fixed numbers of steps; the public code changes sides when the validation's median "
        "rank no longer falls, the preset paper when its loss does not.",
        "Each recipe is given an image and each image a recipe, own or random; the public code does the first alone "
        "(preset paper). Equal dishes are no negatives of each other.",
        "Images are neither cropped at random nor flipped.",
    ),
    caveats=(
        "Trained on drawn dishes of eight ingredients, the default knows some eighty words; it says nothing about "
        "photos of food.",
        "What a recipe's text leaves out (allergens, amounts, hygiene) cannot be found in an image: never decide by it "
        "what is safe to eat.",
    ),
    claims=(
        _claim(
            metric="both directions, of 300: median rank, recall at 1 and at 10",
            paper=_UNSTATED,
            result="default",
            keys=("median_rank", "recall_at_1", "recall_at_10"),
        ),
        _claim(
            metric="the same of canonical correlation of cheap statistics",
            paper=_UNSTATED,
            result="default",
            keys=("median_rank/baselines/cca", "recall_at_1/baselines/cca", "recall_at_10/baselines/cca"),
        ),
        _claim(
            metric="ingredients alone, trained and judged",
            paper="not stated here",
            result="ingredients-only",
            keys=("median_rank", "recall_at_1", "recall_at_10"),
        ),
        _claim(
            metric="instructions alone, trained and judged",
            paper="not stated here",
            result="instructions-only",
            keys=("median_rank", "recall_at_1", "recall_at_10"),
        ),
        _claim(
            metric="trained on shuffled pairs",
            paper="not reported (chance: median rank 500 of 1,000)",
            result="shuffled",
            keys=("median_rank", "recall_at_1", "recall_at_10"),
        ),
    ),
)
