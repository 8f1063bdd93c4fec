"""Card of BERT (Devlin et al. 2018)."""

from __future__ import annotations

from mmx import Card, Claim

_UNSTATED = "not stated here: the published values, of other data and tasks, are known from memory only"
_TOLD = {
    "scale": "4,000 made documents of six sentences, 0.2 M parameters, batches of 64 pairs of 35 tokens",
    "command": "mmx prove bert settings.threads=1 --write",
    "result": "default",
}


def _preset(name: str, metric: str, *keys: str) -> Claim:
    """Return the row of a preset's result."""
    command = f"mmx prove bert settings.threads=1 --preset {name} --write"
    return Claim(metric, "not reported", scale=_TOLD["scale"], command=command, result=name, keys=keys)


CARD = Card(
    title="BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
    summary="A transformer that reads both directions learns from hidden words, and from which text follows another.",
    authors="Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova",
    year=2018,
    url="https://arxiv.org/abs/1810.04805",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code (Apache-2.0)",
    citation="Devlin, Chang, Lee, Toutanova: BERT: Pre-training of Deep Bidirectional Transformers for Language "
    "Understanding. NAACL 2019.",
    deviations=(
        "Made documents instead of books and Wikipedia; the presets base and large take documents of your own.",
        "Toy scale: width 96, two layers, no dropout, pairs of 35 tokens from the first step on; the paper has 128 "
        "for nine tenths of its steps and then 512.",
        "Words are hidden anew whenever a pair is shown. The public code hides them once in each of ten copies of the "
        "data; here copies differ in their pairs alone.",
        "Pairs are packed and cut by words, where the public code counts word pieces: with word pieces the encoder "
        "cuts what is still too long.",
        "A hidden word is never replaced by a special token; the public code draws among all rows of the table.",
        "The rate of the optimizer falls from the end of the warm-up on, the public code's from the first step; and "
        "Adam corrects its first steps for the bias of its means, which the public code leaves out.",
    ),
    caveats=(
        "Of eight made topics, and one form of sentence: it knows nothing of any real language.",
        "Half of the pairs of unrelated texts differ in their topic or their order, which single words give away: that "
        "the next text is told is no proof that sentences are understood.",
        "A released model is judged on your own documents by the preset pretrained; none is shipped, and none was run "
        "here beyond a random one of the same layout.",
        "GLUE and SQuAD are not in this project.",
        "The topic of the first of two texts, which it was not trained to tell, is read from the mean of all tokens "
        "better than with a random network; from the first token it is not reliably so: the layer behind that token "
        "learns nothing but whether texts follow.",
    ),
    claims=(
        Claim(
            metric="hidden words that are named, full stops not counted",
            paper=_UNSTATED,
            keys=("masked_accuracy", "masked_accuracy/baselines/bigram"),
            **_TOLD,
        ),
        Claim(
            metric="pairs of texts of which it is told whether the second follows the first",
            paper=_UNSTATED,
            keys=("accuracy", "accuracy/controls/majority"),
            **_TOLD,
        ),
        _preset(
            "probe",
            "topic of the first of two texts by a linear classifier of the mean of all tokens, and of a random network",
            "probe_accuracy",
            "probe_accuracy/untrained",
        ),
        _preset("probe", "the same from the first token", "first_token_accuracy", "first_token_accuracy/untrained"),
        _preset(
            "probe",
            "whether texts follow, by a linear classifier of the first token, and of a random network",
            "follows_accuracy",
            "follows_accuracy/untrained",
        ),
        _preset("finetune", "topic of the first of two texts after fine-tuning of 100 steps", "accuracy"),
        _preset("words-shuffled", "the same training on sentences whose words are shuffled", "masked_accuracy"),
        _preset("documents-shuffled", "the same training on documents whose sentences are shuffled", "accuracy"),
    ),
)
