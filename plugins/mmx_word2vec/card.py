"""Card of word2vec (Mikolov et al. 2013)."""

from __future__ import annotations

from mmx import Card, Claim

CARD = Card(
    title="Distributed Representations of Words and Phrases and their Compositionality",
    summary="Words are vectors that predict the words around them; relations between words become differences.",
    authors="Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado, Jeffrey Dean",
    year=2013,
    url="https://arxiv.org/abs/1310.4546",
    licence="Code Apache-2.0, written from the papers and the behaviour of the public C code (Apache-2.0)",
    citation="Mikolov, Sutskever, Chen, Corrado, Dean: Distributed Representations of Words and Phrases and their "
    "Compositionality. Advances in Neural Information Processing Systems 26, 2013.",
    deviations=(
        "Sentences of a made grammar, 264 words; the preset scripture reads real text, a thousandth of the paper's.",
        "Batches of sentences with Adam instead of one word at a time with decaying SGD in several threads.",
        "Phrases (words joined by their counts) are left out.",
    ),
    caveats=(
        "Not better than a simple method: factors of word counts (mutual information) solve as many analogies.",
        "The grammar's analogies have one right answer each and are attested alike: real words are harder, see the "
        "preset scripture.",
    ),
    claims=(
        Claim(
            metric="analogies, b - a + c nearest to d among all words (3CosAdd)",
            paper="not stated here: the published values are known from memory only",
            scale="20,000 made sentences, 264 words of 48 numbers, 300 steps of 256 sentences",
            command="mmx prove word2vec settings.threads=1 --write",
            result="default",
            keys=("analogy_accuracy",),
        ),
        *(
            Claim(
                metric=f"the same, {told}",
                paper="not stated here: known from memory only",
                scale="20,000 made sentences, 264 words of 48 numbers, 300 steps of 256 sentences",
                command=f"mmx prove word2vec settings.threads=1 --preset {preset} --write",
                result=preset,
                keys=("analogy_accuracy",),
            )
            for preset, told in {
                "permuted": "the words dealt out anew to the same sentences",
                "cbow": "predicted from the mean of the company (CBOW)",
                "hierarchical": "along a Huffman tree instead of noise words",
            }.items()
        ),
        Claim(
            metric="the same on real text: the King James Bible, questions about 62 pairs of words",
            paper="not reported",
            scale="0.8 million words, vectors of 100 numbers",
            command="mmx prove word2vec settings.threads=1 --preset scripture --write",
            result="scripture",
            keys=("analogy_accuracy",),
        ),
    ),
)
