"""The card of the paper: what it is, what differs from it, and its claims beside what was measured here."""

from __future__ import annotations

from mmx import Card, Claim

CARD = Card(
    title="Representation Learning with Contrastive Predictive Coding",
    summary="PLUGIN_SUMMARY",
    authors="Aaron van den Oord, Yazhe Li, Oriol Vinyals",
    year=2018,
    url="https://arxiv.org/abs/1807.03748",
    licence="LICENCE_ID",
    citation="van den Oord, Li, Vinyals: Representation Learning with Contrastive Predictive Coding. 2018.",
    deviations=("Only the loss of section 2.3 is used, between a signal and an image instead of past and future.",),
    caveats=("Trained on synthetic shapes: it shows that the method works, not how well.",),
    claims=(
        Claim(
            metric="recall at 1 among 16 images, worlds/shapes",
            paper="not reported",
            ours="not measured",
            scale="synthetic shapes, a minute of training",
            command="mmx run my_plugin",
            seeds="none yet",
            commit="none yet",
        ),
    ),
)
