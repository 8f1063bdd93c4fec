from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Features, Outputs
from mmx_std.ops.ports import class_names, pick, qualify, read, short, width

SOUND = Features(torch.arange(6.0).reshape(2, 3))
OUTPUTS = Outputs(fused={"audio": SOUND}, heads={"label": torch.ones(2, 4), "boxes": {"corner": torch.zeros(2, 2)}})


def test_names_are_qualified_once() -> None:
    assert qualify("label", "heads") == "heads.label"
    assert qualify("encoded.audio", "heads") == "encoded.audio"
    assert short("fused.audio") == "audio"
    assert short("audio") == "audio"


def test_read_finds_features_and_predictions() -> None:
    assert read(OUTPUTS, "fused.audio") is SOUND.pooled_BD
    assert read(OUTPUTS, "heads.label").shape == (2, 4)
    with pytest.raises(PortError, match=r"heads\.boxes is a dict"):
        read(OUTPUTS, "heads.boxes")


@pytest.mark.parametrize("port", ["heads.labels", "fussed.audio", "heads.boxes.corner"])
def test_read_names_the_ports_there_are(port: str) -> None:
    with pytest.raises(PortError, match=r"no output .* it has fused.audio, heads.boxes, heads.label"):
        read(OUTPUTS, port)


def test_pick_takes_the_full_port_first_then_the_name() -> None:
    other = Features(torch.zeros(2, 1))
    assert pick({"audio": SOUND, "encoded.audio": other}, "encoded.audio") is other
    assert pick({"audio": SOUND}, "fused.audio") is SOUND
    with pytest.raises(PortError, match="did you mean 'audio'"):
        pick({"audio": SOUND}, "fused.audi")


def test_width_and_class_names_name_the_nearest() -> None:
    assert width({"joint": 8}, "fused.joint") == 8
    assert class_names({"label": ["a", "b"]}, "label") == ["a", "b"]
    with pytest.raises(PortError, match="did you mean 'joint'"):
        width({"joint": 8}, "fused.jiont")
    with pytest.raises(PortError, match="did you mean 'label'"):
        class_names({"label": ["a"]}, "lable")
    with pytest.raises(PortError, match="no classes"):
        class_names({"caption": None}, "caption")
