"""Answers of a server that was bounded are small, and those of all others are as they were."""

from __future__ import annotations

import pytest
import requests

from mmx.tracking import bounded_answers
from tests.faults.sick_server import BOMB, sick_server


@pytest.mark.parametrize(
    "way", ["healthy then 100 MB of anything", "healthy then a bomb", "healthy then endless at once"]
)
def test_a_large_answer_is_refused_while_it_is_read(way: str) -> None:
    with sick_server(way) as address:
        bounded_answers.bound(f"{address}/")
        with pytest.raises(requests.exceptions.RequestException, match="more than 8,000,000 bytes"):
            requests.get(f"{address}/api", timeout=60)


def test_a_small_answer_is_read_and_its_encoding_not_guessed() -> None:
    with sick_server("healthy then another kind") as address:
        bounded_answers.bound(address.replace("http://", "http://me:pw@"))
        found = requests.get(f"{address}/api", timeout=60)
        assert (found.content, found.encoding) == (b"\x89PNG", "utf-8")
        with requests.get(f"{address}/api", timeout=60, stream=True) as streamed:
            assert streamed.raw.read() == b"\x89PNG"


def test_other_servers_are_left_alone() -> None:
    with sick_server("refuses") as ours, sick_server("healthy then a bomb") as other:
        bounded_answers.bound(ours)
        assert len(requests.get(f"{other}/api", timeout=60).content) == BOMB
