"""Exported runs: used like runs, read by others, and nothing in them of the machine."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

import mmx
from mmx import DataError, LoadedRun, UserError
from mmx.sharing.export import export, portable
from mmx.training import checkpoint

FILES = ["README.md", "config.json", "config.yaml", "meaning.json", "model.safetensors", "report.json"]


@pytest.fixture(scope="module")
def exported(trained: LoadedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given") / "bars-model"
    written = export(trained.catalog, trained.folder, folder)
    assert [path.name for path in written] == FILES
    return folder


def test_it_is_a_run_like_any_other(exported: Path, trained: LoadedRun, tmp_path: Path) -> None:
    again = mmx.load(exported)
    file = mmx.write_image(tmp_path / "a.png", trained.corpus("test")[0].fields["image"])
    assert [*again.predict(file).rows] == [*trained.predict(file).rows]
    ours, theirs = trained.embed([file]), again.embed([file])
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[port], theirs[port]) for port in ours)
    assert again.verdict == trained.verdict


def test_others_read_it_without_mmx(exported: Path, trained: LoadedRun) -> None:
    tensors = load_file(str(exported / "model.safetensors"))
    assert tensors.keys() == trained.model.state_dict().keys()
    _, front, text = (exported / "README.md").read_text().split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["library_name"] == "mmx"
    assert {"mmx", "image"} <= set(told["tags"])
    metric = trained.report["metrics"][0]
    (found,) = told["model-index"][0]["results"][0]["metrics"]
    assert (found["name"], found["value"]) == (metric["name"], pytest.approx(metric["value"]))
    assert f"Verdict: {trained.verdict}" in text and "chance" in text
    config = json.loads((exported / "config.json").read_text())
    assert config["fields"] == {"image": "image"}
    assert config["classes"]["shape"] == [*trained.built.corpus.targets["shape"]]


def test_nothing_of_the_machine_goes_with_it(exported: Path, trained: LoadedRun) -> None:
    everything = b"".join(path.read_bytes() for path in exported.iterdir())
    root = Path(mmx.__file__).parent
    for place in (trained.folder, trained.folder.parents[2], Path.home(), root):
        assert str(place).encode() not in everything
    report = json.loads((exported / "report.json").read_text())
    assert not {"environment", "command", "peak_rss_mb"} & report.keys()
    assert platform.platform().encode() not in everything


def test_a_small_one_has_half_the_bits_and_no_frozen_part_that_has_a_name(trained: LoadedRun, tmp_path: Path) -> None:
    export(trained.catalog, trained.folder, tmp_path / "plain")
    export(trained.catalog, trained.folder, tmp_path / "small", small=True)
    full = load_file(str(tmp_path / "plain" / "model.safetensors"))
    half = load_file(str(tmp_path / "small" / "model.safetensors"))
    assert half.keys() == full.keys(), "nothing is frozen"
    for name, tensor in full.items():
        wanted = tensor.half() if tensor.dim() > 1 else tensor
        assert half[name].dtype == wanted.dtype and torch.equal(half[name], wanted), name
    again = mmx.load(tmp_path / "small").model.state_dict()
    assert all(torch.equal(again[name], tensor.to(again[name].dtype)) for name, tensor in half.items())


def test_what_is_elsewhere_is_not_missed_and_what_is_nowhere_is(tmp_path: Path) -> None:
    model = torch.nn.ModuleDict({"kept": torch.nn.Linear(2, 2), "named": torch.nn.Linear(2, 2)})
    own = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("kept.")}
    before = model["named"].weight.clone()
    checkpoint.write_weights(tmp_path / "model.safetensors", own, ["named"])
    checkpoint.load_weights(tmp_path, model)
    assert torch.equal(model["named"].weight, before)
    checkpoint.write_weights(tmp_path / "model.safetensors", own)


def test_nothing_is_overwritten(exported: Path, trained: LoadedRun, tmp_path: Path) -> None:
    before = (exported / "README.md").stat().st_mtime_ns
    with pytest.raises(UserError, match="nothing is overwritten"):
        export(trained.catalog, trained.folder, exported)
    assert (exported / "README.md").stat().st_mtime_ns == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="nothing is overwritten"):
        export(trained.catalog, trained.folder, tmp_path / "file")
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match=r"has no meaning\.json"):
        export(trained.catalog, tmp_path / "run", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "run"]


def test_a_configuration_without_places(tmp_path: Path) -> None:
    data = {"use": "std/files", "root": "/data/me/birds", "csv": "C:\\me\\rows.csv", "sides": [1, "~/x/faces"]}
    found = portable(
        {"name": "n", "corpus": data, "settings": {"seed": 3, "device": "cuda:1"}, "tracking": {"uri": "x"}}
    )
    assert found["corpus"] == {"use": "std/files", "root": "birds", "csv": "rows.csv", "sides": [1, "faces"]}
    assert found["settings"] == {"seed": 3}
    assert "tracking" not in found
    named = {"encoders": {"a": {"use": "std/timm", "weights": "asset:std/efficientnet-lite0", "model": "org/name"}}}
    assert portable(named) == named
    (tmp_path / "w").mkdir()
    with pytest.raises(UserError, match=r"encoders\.a\.weights \(.*\): is a place on this machine"):
        portable({"encoders": {"a": {"use": "std/timm", "weights": str(tmp_path / "w")}}})
