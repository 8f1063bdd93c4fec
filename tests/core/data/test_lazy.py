from __future__ import annotations

import pickle
from functools import partial

import pytest

from mmx.data.lazy import LazyFields, LazySplit, unknown_split
from mmx.types import Sample


def make(number: int) -> Sample:
    return Sample(str(number), {"square": number * number})


def test_a_split_behaves_like_a_list() -> None:
    split = LazySplit(7, make)
    whole = [make(number) for number in range(7)]
    assert list(split) == whole
    assert len(split) == 7
    assert split[-1] == whole[-1]
    for part in (slice(2, 5), slice(None, None, -2), slice(5, 2), slice(-3, None)):
        assert list(split[part]) == whole[part]
    assert list(split[1:6][1:3]) == whole[1:6][1:3]
    for outside in (7, -8):
        with pytest.raises(IndexError):
            split[outside]


def test_a_split_can_be_sent_to_another_process() -> None:
    split = pickle.loads(pickle.dumps(LazySplit(4, make)[1:]))
    assert [sample.id for sample in split] == ["1", "2", "3"]


def test_fields_are_made_once_and_only_when_wanted() -> None:
    made: list[str] = []

    def render(name: str) -> str:
        made.append(name)
        return name.upper()

    fields = LazyFields({name: partial(render, name) for name in ("a", "b")})
    assert set(fields) == {"a", "b"}
    assert "a" in fields and "c" not in fields and made == []
    assert (fields["b"], fields["b"]) == ("B", "B")
    assert made == ["b"]
    with pytest.raises(KeyError):
        fields["c"]


def test_fields_pickle_as_a_recipe() -> None:
    fields = LazyFields({"a": partial(bytes, 100_000)})
    assert len(fields["a"]) == 100_000
    sent = pickle.dumps(fields)
    assert len(sent) < 1000
    assert pickle.loads(sent)["a"] == bytes(100_000)


def test_an_unknown_split_is_answered_with_the_nearest() -> None:
    assert str(unknown_split("worlds/x", "trian", ("train", "val"))) == (
        "worlds/x has no split 'trian'; did you mean 'train'?; splits: train, val"
    )
