"""Check of cards: a licence always; for a paper also authors, year, address, citation and claims."""

from __future__ import annotations

from collections.abc import Iterator

from mmx.testing import Finding
from mmx.types import Card, Claim

_ALWAYS = ("title", "summary", "licence")
_PAPER = ("authors", "year", "url", "citation", "claims")


def check_card(card: Card | None, *, paper: bool) -> Iterator[Finding]:
    """Yield a finding about a plugin's card.

    Args:
        card: `CARD` of its top module.
        paper: Whether it reproduces a paper, so that it must say whose and with what result.
    """
    if card is None:
        yield Finding("card", False, "its top module has no CARD = mmx.Card(title=..., summary=..., licence=...)")
        return
    wanted = _ALWAYS + (_PAPER if paper else ())
    missing = [name for name in wanted if not getattr(card, name)]
    missing += [
        f"claims[{index}].{name}"
        for index, claim in enumerate(card.claims)
        for name in _wanted(claim)
        if not getattr(claim, name)
    ]
    detail = f"empty: {', '.join(missing)}" if missing else f"{card.title}; {card.licence}"
    yield Finding("card", not missing, detail)


def _wanted(claim: Claim) -> Iterator[str]:
    """Yield what a claim must say: where its number is stored, or the number with its seeds and commit."""
    yield from ("metric", "paper", "scale", "command")
    yield from ("result", "keys") if claim.result or claim.keys else ("ours", "seeds", "commit")
