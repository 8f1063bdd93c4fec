from __future__ import annotations

from mmx_bert.card import CARD


def test_a_row_of_a_preset_is_repeated_by_a_command_that_names_it() -> None:
    rows = [claim for claim in CARD.claims if not claim.result.endswith("default")]
    assert rows
    assert all(f"--preset {claim.result} " in claim.command for claim in rows)
