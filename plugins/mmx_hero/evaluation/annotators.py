"""Queries with times of several annotators, as in DiDeMo: a moment is right if enough of them agree (section 5).

Shape legend: N queries, A annotators of one query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mmx_hero.evaluation.reading import Read
from mmx_hero.model import rows


def gather(found: Read, agree: int) -> tuple[Read, Sequence[int]]:
    """Join queries of a video with the same text into one query that has the times of all its annotators.

    Args:
        found: Encoded split; every row is one annotator's time for one text.
        agree: How many must agree on a moment. With 1 nothing is joined: a text that occurs twice in a video means
            two moments, as in TVR.

    Returns:
        The queries to judge, with `times` (A, 2) in seconds each, and the row in which each first occurs.
    """
    if agree == 1:
        return found, range(len(found.owner_N))
    members: dict[tuple[int, ...], list[int]] = {}
    words = found.query_rows_NR[:, rows.COUNT :].long().tolist()
    for index, (owner, tokens) in enumerate(zip(found.owner_N.tolist(), words, strict=True)):
        members.setdefault((owner, *tokens), []).append(index)
    spans_N2 = found.query_rows_NR[:, : rows.COUNT].double().numpy()
    first = [group[0] for group in members.values()]
    joined = replace(
        found,
        queries={name: vectors_NW[first] for name, vectors_NW in found.queries.items()},
        query_rows_NR=found.query_rows_NR[first],
        owner_N=found.owner_N[first],
        times=[spans_N2[group] for group in members.values()],
    )
    return joined, first
