"""`mmx show`: an experiment resolved, or a component."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mmx.cli.show import command
from mmx.config.yaml_positions import compose
from mmx.errors import ConfigError, UnknownNameError, UserError
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]


def show(workplace: Workplace, *arguments: str) -> str:
    workplace.open()
    return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False).stdout


def test_prints_the_resolved_experiment_as_yaml(workplace: Workplace) -> None:
    output = show(workplace, "hear", "encoders.audio.width=2", "--preset", "smoke")
    config = compose(output, lambda line, column: "").plain()
    assert config == workplace.open().resolve("hear", preset="smoke", overrides=["encoders.audio.width=2"]).config
    assert output.splitlines()[-1] == "# presets: default, smoke, paper (mmx show hear --presets)"


def test_origin_of_every_value(workplace: Workplace) -> None:
    lines = show(workplace, "hear", "--origin", "encoders.audio.width=2").splitlines()
    assert lines[0].split() == ["key", "value", "origin"]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert rows["encoders.audio.width"].split() == [
        "encoders.audio.width", "2", "override", "encoders.audio.width=2"
    ]  # fmt: skip
    assert "default of toy/conv (parts.py:" in rows["encoders.audio.depth"]
    assert rows["stages.distill.steps"].rstrip().endswith("shipped/registry.yaml:12:58")
    assert len(rows) == len(workplace.open().resolve("hear").flat())


def test_a_component_with_its_parameters(workplace: Workplace) -> None:
    output = show(workplace, "toy/conv")
    lines = output.splitlines()
    assert lines[0] == "encoder toy/conv: Convolutions over a waveform."
    assert lines[1] == "  plugin  toy (toys 1.0)"
    assert "parts.py:" in lines[2]
    assert "More about it." in output and "Args:" not in output
    width = next(line for line in lines if line.startswith("width")).split()
    assert width == ["width", "float", "1.0", ">", "0,", "<", "4", "Factor", "on", "every", "channel", "count."]
    assert "Literal['sum', 'mean']" in output and "nn.ReLU" in output


def test_components_without_parameters_filled_or_open(workplace: Workplace) -> None:
    assert show(workplace, "std/none").endswith("It takes no parameters.\n")
    linear = show(workplace, "linear")
    assert "filled in" in linear and "required" in linear
    assert show(workplace, "std/adamw").endswith("Further parameters are passed on.\n")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["heer"], UnknownNameError, r"no experiment or component 'heer'; did you mean 'hear'\?; see: mmx ls all"),
        (["toy/covn"], UnknownNameError, r"no experiment or component 'toy/covn'; did you mean 'toy/conv'"),
        (["toy/conv", "a=1"], UserError, "toy/conv is a component"),
        (["hear", "--preset", "papr"], UnknownNameError, "has no preset 'papr'; did you mean 'paper'"),
        (["hear", "encoders.audio.widht=1"], ConfigError, "toy/conv has no parameter 'widht'"),
    ],
)
def test_mistakes(workplace: Workplace, arguments: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        show(workplace, *arguments)


def test_an_ambiguous_name_lists_the_choices(workplace: Workplace) -> None:
    workplace.plugin_files = dict.fromkeys("ab", 'experiments: {twin: {extends: "mmx:hear"}}')
    with pytest.raises(UnknownNameError, match="say which: a:twin or b:twin"):
        show(workplace, "twin")
    assert "name: a:twin" in show(workplace, "a:twin")


def test_imports_no_heavy_library(tmp_path: Path) -> None:
    code = """
import sys
from mmx.cli import main
assert main(["show", "std/adam"]) in (0, 1)
assert main(["show", "nothing"]) == 2
heavy = {"torch", "numpy", "mlflow", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)


def told(workplace: Workplace) -> Workplace:
    workplace.shipped = (
        workplace.shipped.replace("smoke: {stages:", "smoke: {summary: A few seconds, stages:")
        + "    controls: [paper]\n"
    )
    return workplace


def test_presets_with_summary_and_measured_seconds(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmx.config.catalog.measured", lambda files: {("hear", "smoke"): 4.6})
    lines = show(told(workplace), "hear", "--presets").splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["preset", "control", "seconds", "summary"],
        ["default", "not", "measured", "Learn", "to", "hear"],
        ["smoke", "5", "A", "few", "seconds"],
        ["paper", "yes", "not", "measured"],
    ]
    rows = json.loads(show(workplace, "hear", "--presets", "--json"))
    assert rows[1] == {"preset": "smoke", "control": False, "seconds": 4.6, "summary": "A few seconds"}


def test_the_summary_of_a_preset_changes_nothing(workplace: Workplace) -> None:
    assert told(workplace).open().resolve("hear", preset="smoke").config["summary"] == "Learn to hear"


def test_json(workplace: Workplace) -> None:
    flat = workplace.open().resolve("hear", preset="smoke").flat()
    assert json.loads(show(workplace, "hear", "--preset", "smoke", "--json")) == json.loads(
        json.dumps(flat, default=str)
    )
    value = json.loads(show(workplace, "hear", "--origin", "--json", "encoders.audio.width=2"))["encoders.audio.width"]
    assert value == {"value": 2, "origin": "override encoders.audio.width=2"}
    (conv,) = json.loads(show(workplace, "toy/conv", "--json"))
    assert (conv["kind"], conv["name"]) == ("encoder", "toy/conv")
    assert [each["parameter"] for each in conv["parameters"]][:1] == ["width"]
    with pytest.raises(UserError, match="--presets and --origin are for experiments"):
        show(workplace, "toy/conv", "--presets")
