"""An incomplete card is found out."""

from __future__ import annotations

from dataclasses import replace

from mmx.testing.cards import check_card
from mmx.types import Card, Claim
from tests.core.testing.findings import failed


def test_cards() -> None:
    claim = Claim("accuracy", "0.5", "not measured", "tiny", "mmx run x", "none", "none")
    whole = Card("t", "s", "MIT", "A. Author", 2020, "https://example.org", "T. 2020.", claims=(claim,))
    assert failed(check_card(whole, paper=True)) == set()
    assert failed(check_card(Card("t", "s", "MIT"), paper=False)) == set()
    for name in ("authors", "year", "url", "citation", "claims"):
        (finding,) = check_card(replace(whole, **{name: ()}), paper=True)
        assert (finding.ok, finding.detail) == (False, f"empty: {name}")
    (finding,) = check_card(replace(whole, claims=(replace(claim, command=""),)), paper=True)
    assert finding.detail == "empty: claims[0].command"
    stored = Claim("accuracy", "0.5", scale="tiny", command="mmx prove x --write", result="default", keys=["accuracy"])
    assert failed(check_card(replace(whole, claims=(stored,)), paper=True)) == set()
    (finding,) = check_card(replace(whole, claims=(replace(stored, keys=()),)), paper=True)
    assert finding.detail == "empty: claims[0].keys"
    (finding,) = check_card(replace(whole, claims=(replace(claim, commit=""),)), paper=True)
    assert finding.detail == "empty: claims[0].commit"
    assert failed(check_card(None, paper=False)) == {"card"}
