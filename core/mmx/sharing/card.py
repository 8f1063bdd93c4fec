"""Card of an exported model: a README with the front matter that the Hugging Face hub reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from mmx.config.yaml_positions import dump
from mmx.report.svg import number
from mmx.runs.history import numbers
from mmx.support.text import one_line, printable

if TYPE_CHECKING:
    from mmx.model.built import Built
    from mmx.types import Card

_TABLE: Final = 8
"""Metrics that the card shows; report.json has all."""


def facts(
    built: Built, onnx: Mapping[str, Any] | None, *, rounded: bool = False, left: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what `config.json` says: the fields that the model reads, its encoders, heads and class names.

    Args:
        built: The run.
        onnx: Inputs and outputs of the ONNX file, where there is one.
        rounded: Matrices are in 16 bits.
        left: Frozen parts that are not among the weights: their own are read by name when the model is built.
    """
    experiment = built.experiment
    fields = dict.fromkeys(built.model.fields.values())
    classes = {name: [*map(str, names)] for name, names in built.corpus.targets.items() if names is not None}
    found: dict[str, Any] = {
        "library_name": "mmx",
        "mmx_version": version("mmx"),
        "model_type": experiment.name,
        "fields": {name: built.corpus.fields[name] for name in fields},
        "encoders": {name: part.use for name, part in experiment.encoders.items()},
        "fuser": experiment.fuser.use,
        "heads": {name: part.use for name, part in experiment.heads.items()},
        "task": experiment.task.use,
        "classes": classes,
    }
    if rounded:
        found["matrices"] = "float16"
    if left:
        found["not_in_weights"] = [*left]
    return found if onnx is None else {**found, "onnx": onnx}


def text(
    name: str,
    built: Built,
    told: Mapping[str, Any],
    report: Mapping[str, Any],
    plugins: Mapping[str, Card | None],
    warned: Sequence[str],
) -> str:
    """Return the card.

    Args:
        name: Name of the exported folder.
        built: The run.
        told: From `facts`.
        report: The exported part of the run's report; empty where it was not judged.
        plugins: Plugin -> its card.
        warned: The caveats.
    """
    experiment = built.experiment
    paper = experiment.paper
    lines = [f"# {one_line(name)}", "", one_line(experiment.summary) + ".", ""]
    if paper is not None:
        where = paper.url or (f"https://arxiv.org/abs/{paper.arxiv}" if paper.arxiv else "")
        lines += [
            f"Experiment `{experiment.name}` of mmx, after {f'[{paper.title}]({where})' if where else paper.title}.",
            "",
        ]
    lines += ["## Use", "", "```console", f"$ mmx predict {name} {_example(told['fields'])}", "```", ""]
    lines += [
        "```python",
        "import mmx",
        "",
        f'run = mmx.load("{name}")  # run.predict(...), run.embed([...]), run.model',
        "```",
        "",
    ]
    lines += ["It reads: " + ", ".join(f"`{field}` ({modality})" for field, modality in told["fields"].items()) + "."]
    lines += ["`model.safetensors` is a plain state dict; nothing here is a pickle."]
    if told.get("not_in_weights"):
        named = ", ".join(f"`{part}`" for part in told["not_in_weights"])
        lines += [f"Not in it: {named}, frozen, whose published weights are read by their name in `config.yaml`."]
    lines += [""]
    lines += _results(report, "matrices" in told)
    if warned:
        lines += ["## Caveats", "", *(f"- {one_line(each)}" for each in warned), ""]
    lines += ["## Licences", "", *_licences(told, plugins), ""]
    return f"---\n{dump(_front(name, built, told, report))}---\n\n" + "\n".join(map(printable, lines))


def _front(name: str, built: Built, told: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the front matter: library, tags, and the first metric as the hub's evaluation result."""
    modalities = list(dict.fromkeys(told["fields"].values()))
    front: dict[str, Any] = {
        "library_name": "mmx",
        "tags": list(dict.fromkeys(["mmx", "multimodal", built.experiment.name, *modalities])),
    }
    if built.experiment.paper is not None and built.experiment.paper.arxiv:
        front["tags"].append(f"arxiv:{built.experiment.paper.arxiv}")
    metrics = [each for each in report.get("metrics", ()) if each["value"] is not None]
    if metrics:
        result = {
            "task": {"type": built.experiment.task.use, "name": built.experiment.task.use},
            "dataset": {"type": built.experiment.corpus.use, "name": built.experiment.corpus.use},
            "metrics": [{"type": metrics[0]["name"], "name": metrics[0]["name"], "value": float(metrics[0]["value"])}],
        }
        front["model-index"] = [{"name": name, "results": [result]}]
    return front


def _results(report: Mapping[str, Any], rounded: bool) -> list[str]:
    """Return the verdict and the first metrics, each beside what it must be compared with."""
    if not report.get("metrics"):
        return []
    told = ["The numbers are of the run before its matrices were rounded to 16 bits.", ""] if rounded else []
    lines = ["## Results", "", *told, f"Verdict: {one_line(str(report.get('verdict', 'not judged')))}.", ""]
    lines += ["| metric | better | value | beside it |", "| --- | --- | --- | --- |"]
    for metric in report["metrics"][:_TABLE]:
        beside = numbers(metric)
        value = beside.pop("")
        others = ", ".join(f"{key} {number(each)}" for key, each in beside.items() if each is not None)
        shown = "" if value is None else number(value)
        lines.append(f"| {_cell(metric['name'])} | {metric['better']} | {shown} | {_cell(others)} |")
    left = len(report["metrics"]) - _TABLE
    return [*lines, "", *([f"{left} more in `report.json`.", ""] if left > 0 else [])]


def _licences(told: Mapping[str, Any], plugins: Mapping[str, Card | None]) -> list[str]:
    """Return the licences of the plugins whose parts the model has; that of the weights is not mmx's to say."""
    parts = [told["task"], told["fuser"], *told["encoders"].values(), *told["heads"].values()]
    names = dict.fromkeys(part.partition("/")[0] for part in parts)
    known = [(name, plugins.get(name)) for name in names]
    lines = [f"- code of plugin `{name}`: {one_line(about.licence)}" for name, about in known if about is not None]
    return [*lines, "- weights: see the licences of the data and of the pretrained parts that they were made from."]


def _example(fields: Mapping[str, str]) -> str:
    files = {
        "audio": "audio.wav",
        "image": "image.png",
        "video": "video.mp4",
        "cues": "video.srt",
        "signal": "signal.csv",
    }
    kinds = (
        sorted(fields.values(), key=("video", "audio", "image", "signal", "cues", "text").index)
        if set(fields.values()) <= {*files, "text"}
        else [*fields.values()]
    )
    return files.get(kinds[0], '"a text"') if kinds else "FILE"


def _cell(text: str) -> str:
    return one_line(text, 500).replace("|", "\\|")
