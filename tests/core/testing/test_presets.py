"""Every preset of an experiment is looked at, and each fault is told once, where it is."""

from __future__ import annotations

from pathlib import Path

from mmx.config.catalog import Catalog
from mmx.testing.presets import check_presets, preset_checks

REGISTRY = """
experiments:
  tiny:
    summary: One good preset, two bad ones
    corpus: {use: worlds/shapes, clips: 8%s}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36}}
    heads: {label: {use: linear, reads: fused.image, target: object}}
    stages: [{name: fit, steps: 1, trains: [heads], objective: {use: cross-entropy, head: label, target: object}}]
    task: {use: classification, target: object}
    presets:
      fine: {corpus: {clips: 9}}
      misspelt: {corpus: {klips: 9}}
      lost: {encoders: {image: {use: std/conv3d}}, stages: {fitt: {steps: 2}}}
"""


def outcome(folder: Path, more: str = "") -> dict[str, tuple[bool, str]]:
    (folder / "registry.yaml").write_text(REGISTRY % more)
    return {each.what: (each.ok, each.detail) for each in check_presets(Catalog.open(folder), "tiny")}


def test_presets_that_nobody_has_chosen_are_validated(tmp_path: Path) -> None:
    found = outcome(tmp_path)
    assert found["tiny: presets are valid"] == (True, "default, fine")
    ok, told = found["tiny: preset misspelt is valid"]
    assert not ok
    assert "registry.yaml:12:" in told and "klips" in told and "clips" in told
    ok, told = found["tiny: preset lost is valid"]
    assert not ok
    assert "std/conv3d" in told and "std/conv2d" in told and "fitt" in told
    assert len(found) == 3


def test_a_fault_that_all_inherit_is_told_once(tmp_path: Path) -> None:
    found = outcome(tmp_path, ", sides: 3")
    assert "sides" in found["tiny: preset default is valid"][1]
    assert "sides" not in found["tiny: preset misspelt is valid"][1]
    assert found["tiny: presets are valid"] == (True, "fine")


EVERY = """
experiments:
  tiny:
    summary: Presets that work, that lack what is the user's to bring, and that do not work
    corpus: {use: worlds/shapes, clips: 8}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36}}
    heads:
      label: {use: linear, reads: fused.image, target: object}
      other: {use: linear, reads: fused.image, target: object}
    stages: [{name: fit, trains: [encoders, heads.label], steps: 1, objective: {use: cross-entropy, target: object}}]
    task: {use: classification, head: label, target: object}
    presets:
      wide: {encoders: {image: {widths: [8]}}}
      own: {corpus: {use: manifest, path: nowhere.jsonl}}
      taught: {encoders: {image: {use: timm, model: tf_efficientnet_lite0, weights: nowhere.safetensors}}}
      greedy: {stages: {fit: {trains: [encoders, heads]}}}
      misspelt: {corpus: {klips: 9}}
      paper-wide: {stages: {fit: {trains: [encoders, heads], split: nowhere}}}
      paper: {heads: {label: {reads: fused.sound}}}
"""


def test_every_preset_is_tried_and_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(EVERY)
    checks = preset_checks(Catalog.open(tmp_path), "tiny", ["stages.fit.objective.head=label"])
    found = {}
    for check in checks:
        (finding,) = check.findings()
        assert "\n" not in finding.detail
        found[finding.what.removeprefix("tiny: preset ")] = (finding.ok, finding.skipped, finding.detail)
    assert list(found) == ["default", "wide", "own", "taught", "greedy", "misspelt", "paper-wide", "paper"]
    assert found["default"] == (True, False, "356 parameters; stages: fit")
    assert found["wide"][:2] == (True, False) and found["wide"][2] != found["default"][2]
    assert found["own"][:2] == found["taught"][:2] == (True, True), "what is not here is no fault of the preset"
    assert "nowhere.jsonl: no such file" in found["own"][2]
    assert "nowhere.safetensors" in found["taught"][2]
    assert found["greedy"][:2] == found["misspelt"][:2] == (False, False)
    assert "no gradient reaches heads.other.layer" in found["greedy"][2]
    assert "did you mean 'clips'" in found["misspelt"][2]
    assert found["paper-wide"] == (True, False, "356 parameters; built, and no batch tried: full scale")
    assert found["paper"][0] is False and "fused.sound" in found["paper"][2]
