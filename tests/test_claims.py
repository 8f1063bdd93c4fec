"""Every number of a card comes from a stored result, at a commit of this history."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmx import Card, Claim
from mmx.runs.caveats import BEHIND
from mmx.studies import results

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
from generators import claims, papers  # noqa: E402

sys.path.remove(str(ROOT / "docs"))  # processes that other tests start must not find docs/build.py

ROWS = [(record.name, claim) for record, card, _ in papers.papers() for claim in card.claims]
NAMED = [f"{plugin}: {claim.metric[:40]}" for plugin, claim in ROWS]
FILES = sorted(ROOT.glob("plugins/*/results/*.json"))
_COMMIT = re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b")


def known(commit: str) -> bool:
    found = subprocess.run(["git", "-C", str(ROOT), "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True)
    return found.returncode == 0


@pytest.fixture(autouse=True, scope="module")
def whole_history() -> None:
    git = ["git", "-C", str(ROOT), "rev-parse", "--is-shallow-repository"]
    if subprocess.run(git, capture_output=True, text=True).stdout.strip() != "false":
        pytest.skip("this is no checkout with its history")


def commits(plugin: str, claim: Claim) -> Iterator[str]:
    for text in (claim.ours, claim.commit, claim.scale, claims.commit(plugin, claim)):
        yield from _COMMIT.findall(text)


@pytest.mark.parametrize(("plugin", "claim"), ROWS, ids=NAMED)
def test_a_row_is_read_from_a_stored_result(plugin: str, claim: Claim) -> None:
    assert claim.result, "name the stored result that the row is read from"
    for name in ("ours", "seeds", "commit"):
        assert not getattr(claim, name), f"{name} is read from the file"
    assert claim.keys
    told = claims.ours(plugin, claim)
    content = claims.stored(plugin, claim)
    assert content, f"results/{claim.result}.json is missing: mmx prove --write"
    for key in claim.keys:
        assert results.values(content, key), f"{key} is not in results/{claim.result}.json"
    first = results.values(content, claim.keys[0])[0]
    assert f"{first:.3g}" in told


@pytest.mark.parametrize(("plugin", "claim"), ROWS, ids=NAMED)
def test_commits_of_rows_exist(plugin: str, claim: Claim) -> None:
    missing = [commit for commit in commits(plugin, claim) if not known(commit)]
    assert not missing


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_stored_results_name_seeds_seconds_and_a_commit(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    for seed in content.get("seeds") or [content]:
        assert known(seed["git_commit"])
        assert seed["seconds"] > 0
        assert isinstance(seed["seed"], int)
    assert content["metrics"]


def unbeaten(content: Mapping[str, Any]) -> set[str]:
    """Baselines that the first metric of some stored seed does not beat by its paired interval."""
    first = content["metrics"][0]["name"]
    gaps = [seed["metrics"][first].get("gaps", {}) for seed in content.get("seeds", [])]
    return {name for each in gaps for name, gap in each.items() if name.startswith("baseline ") and not gap[0] > 0}


def test_unbeaten_baselines_are_those_whose_interval_holds_zero() -> None:
    gaps = {
        "chance": [-1.0, 1.0],
        "baseline near": [-0.1, 0.2],
        "baseline even": [0.0, 0.2],
        "baseline far": [0.1, 1.0],
    }
    seeds = [{"metrics": {"accuracy": {"gaps": gaps}}}, {"metrics": {"accuracy": {}}}]
    assert unbeaten({"metrics": [{"name": "accuracy"}], "seeds": seeds}) == {"baseline near", "baseline even"}


@pytest.mark.parametrize(
    ("plugin", "card"), [(record.name, card) for record, card, _ in papers.papers()], ids=lambda each: str(each)[:20]
)
def test_the_first_caveat_tells_of_a_baseline_that_is_not_beaten(plugin: str, card: Card) -> None:
    path = ROOT / f"plugins/mmx_{plugin}/results/default.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not any("gaps" in metric for seed in content.get("seeds", []) for metric in seed["metrics"].values()):
        return  # measured before there were paired intervals
    assert card.caveats[0].startswith(BEHIND) == bool(unbeaten(content)), unbeaten(content)


_DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?!\w|\.\d)(?! (?:M|s|m|million|kHz|pixels|seconds)\b)")

_LINEAR = "accuracy/baselines/logistic_regression"
SAID: Mapping[str, Sequence[tuple[str, str, Sequence[int]]]] = {
    "driver_stress": [("default", f"{_LINEAR}_all_inputs", [0]), ("default", "accuracy", [0, 1, 2])],
    "hero": [
        ("default", "vcmr_r1_iou0.7/baselines/naive_bayes_words_and_frames", [0, 1, 2]),
        ("default", "vcmr_r1_iou0.7", [0, 1, 2]),
        ("no-pretraining", "vcmr_r1_iou0.7", [0]),
        ("default", "vcmr_r1_iou0.7", [0]),
    ],
    "looking_to_listen": [
        ("default", "si_sdr_improvement/baselines/fourier_from_true_lips", [0]),
        ("default", "si_sdr_improvement", [0, 1, 2]),
        ("default", "si_sdr_improvement/baselines/fourier_from_mouth_pixels", [0]),
        ("default", "si_sdr_improvement/baselines/linear_from_mouth_pixels", [0]),
    ],
    "mcgurk": [("default", f"{_LINEAR}_all_inputs", [0]), ("default", "accuracy", [0, 1, 2])],
    "modality_balance": [
        ("default", "accuracy/baselines/nearest_neighbours_all_inputs", [0]),
        ("default", "accuracy", [0, 1, 2]),
    ],
    "mulan": [("no-labels", "auc_notation", [0, 1, 2]), ("default", "auc_notation", [0, 1, 2])],
    "soundnet": [
        ("default", f"{_LINEAR}_spectrum", [0]),
        ("default", "accuracy", [0, 1, 2]),
        ("default", "accuracy/baselines/mfcc", [0]),
        ("default", "accuracy/baselines/nearest_neighbours_scalars", [0]),
        ("default", "accuracy/references/random_best_layer", [0]),
    ],
    "speech2face": [
        ("default", "recall_at_1_of_100/baselines/ridge_statistics", [0, 1]),
        ("default", "recall_at_1_of_100", [0, 1, 2]),
        ("default", "recall_at_10_of_100/baselines/ridge_mean_spectrum", [0, 1, 2]),
        ("default", "recall_at_10_of_100", [0, 1, 2]),
    ],
    "vatt": [
        ("default", "class_match/baselines/cca_random_convolutions", [0, 1, 2]),
        ("default", "class_match", [0, 1, 2]),
        ("default", "recordings_probe", [0, 1, 2]),
        ("default", "recordings_probe/baselines/log_spectrum", [0]),
        ("default", "audio_probe", [0, 1, 2]),
        ("default", "audio_probe/baselines/log_spectrum", [0]),
    ],
    "vlbert": [
        ("default", "masked_accuracy/baselines/ridge_pairs", [0, 1, 2]),
        ("default", "masked_accuracy", [0, 1, 2]),
    ],
    "vqa": [("default", "vqa_accuracy", [0, 1, 2]), ("concat", "vqa_accuracy", [0, 1, 2])],
}
"""Where the decimals of a card's caveats are from, in their order: stored result, key, seeds."""


@pytest.mark.parametrize(
    ("plugin", "card"), [(record.name, card) for record, card, _ in papers.papers()], ids=lambda each: str(each)[:20]
)
def test_decimals_of_caveats_are_the_named_numbers_of_stored_results(plugin: str, card: Card) -> None:
    named = (text for text in card.caveats if "tests/benchmarks/" not in text)  # what a script measures has its name
    told = [word for text in named for word in _DECIMAL.findall(text)]
    numbers: list[float] = []
    for result, key, seeds in SAID.get(plugin, ()):
        content = json.loads((ROOT / f"plugins/mmx_{plugin}/results/{result}.json").read_text("utf-8"))
        at = [each["seed"] for each in content.get("seeds") or [content]]
        found = dict(zip(at, results.values(content, key), strict=True))
        numbers += [found[seed] for seed in seeds]
    assert len(told) == len(numbers), f"name in SAID what the decimals {told} are"
    for word, number in zip(told, numbers, strict=True):
        half = 0.5 * 10 ** -len(word.partition(".")[2]) + 1e-9
        assert min(abs(scale * number - float(word)) for scale in (1, 100)) <= half, f"{word} is {number:.4f}"


@pytest.mark.parametrize(("plugin", "claim"), ROWS, ids=NAMED)
def test_nothing_recalled_stands_as_a_papers_value(plugin: str, claim: Claim) -> None:
    recalled = re.search("memory|recalled|unchecked|not checked", claim.paper)
    assert not (recalled and re.search(r"\b\d", claim.paper)), "what no source was read for is left out"


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/*/results/*.md")), ids=lambda path: path.parts[-3])
def test_commits_of_ablations_exist(path: Path) -> None:
    assert not [commit for commit in _COMMIT.findall(path.read_text(encoding="utf-8")) if not known(commit)]
