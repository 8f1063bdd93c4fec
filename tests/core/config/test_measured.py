"""Seconds of recorded results."""

from __future__ import annotations

from pathlib import Path

from mmx.config.measured import measured


def test_seconds_are_read_from_the_results_beside_a_file_of_experiments(tmp_path: Path) -> None:
    results = tmp_path / "mmx_a" / "results"
    results.mkdir(parents=True)
    (results / "default.json").write_text('{"experiment": "a", "preset": "default", "seconds": 12.5, "metrics": []}')
    for name, content in {"torn": "{", "list": "[]", "none": '{"experiment": "b"}', "deep": "[" * 100_000}.items():
        (results / f"{name}.json").write_text(content)
    files = [tmp_path / "mmx_a" / "experiments.yaml", tmp_path / "mmx_b" / "experiments.yaml"]
    assert measured(files) == {("a", "default"): 12.5}
