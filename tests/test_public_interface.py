"""What plugins may rely on, frozen: a change here is a change of the promise in docs/explanation/guarantees.md.

Adding a line is fine. Removing or changing one is a breaking change: raise MMX_API and write it into the changelog.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

import mmx
import mmx_std
from mmx import doctor, errors, interfaces, testing, types
from mmx.assets import store
from mmx.config import experiment
from mmx.model import model
from mmx.plugins import commands, hookspecs
from mmx.plugins.faults import HOOKS
from mmx.registry import registry
from mmx.report import statistics, verdict, write

PLUGINS = Path(__file__).parents[1] / "plugins"
GUARANTEES = Path(__file__).parents[1] / "docs" / "explanation" / "guarantees.md"

HOOK_ARGUMENTS = {
    "mmx_register": ("registry",),
    "mmx_experiments": (),
    "mmx_commands": ("commands",),
    "mmx_run_begin": ("run",),
    "mmx_metrics": ("run", "step", "metrics"),
    "mmx_checkpoint_saved": ("run", "path", "step"),
    "mmx_run_end": ("run", "status", "error"),
    "mmx_doctor": (),
}
EXPORTED = {
    mmx: {
        *("Asset", "AssetError", "Audio", "Batch", "Card", "Check", "Claim", "Clip", "Commands", "ConfigError"),
        *("Corpus", "Cue", "DataError", "Encoder", "Features", "Figure", "FilePart", "Fuser", "Head"),
        *("LazyFields", "LazySplit", "LoadedRun", "Losses", "MEDIA_LIMITS", "MEDIA_SUFFIXES", "MMX_API", "Metric"),
        *("MmxError", "Model", "Objective", "Outputs", "PaperValue", "PluginError", "PortError", "Prediction"),
        *("Registrar", "Report", "Run", "Sample", "SampleCache", "Signal", "Task", "TrainingError"),
        *("UnknownNameError", "UserError", "Video", "__version__", "bootstrap", "cache_folder"),
        *("components", "check_subtitles", "cues_beyond", "cues_from_rows", "cut_cues", "did_you_mean", "experiments"),
        *("file_kind", "has_audio", "hookimpl", "load", "locate_asset", "measure", "read_audio", "read_cues"),
        *("read_image", "read_npy", "read_subtitles", "read_video", "read_video_audio", "replacing", "run"),
        *("subtitles_beside", "unknown_split", "video_seconds", "weights_of", "write_audio", "write_image"),
        *("write_text", "write_video", "ablations", "noised", "shuffled", "takes_noise", "without"),
        *("alone", "Balance", "BalanceStep", "read_signal"),
    },
    mmx_std: {
        *(
            "answer_scoring",
            "asking",
            "augment",
            "baselines",
            "bert_layout",
            "co_attention",
            "contrastive",
            "cooccurrence",
            "face_boxes",
            "face_tracks",
        ),
        *("file_library", "frontends", "imagenet", "judging", "layers", "linear_heads", "masked_heads"),
        *("masking", "metrics"),
        *("grounding_anchors", "grounding_boxes", "phrases"),
        *("music_labels", "music_words", "muted", "pairing", "patches", "pixels", "plots"),
        *("pooled", "ports", "positions", "prediction", "probes", "probing", "ranking", "retrieval"),
        *("sentences", "spans", "spectra", "splits", "text_search", "text_transformer", "token_ids", "tokenizers"),
        *("region_heads", "shared_decoders", "single_stream", "towers", "transformer", "vectors"),
        *("vgg_face", "video", "waveforms", "weight_files", "windows", "zero_shot"),
    },
    testing: {
        *("Check", "Finding", "check_corpus", "check_encoder", "check_fuser", "check_objective", "plugin_checks"),
        "plugin_tests",
    },
}
MEMBERS = {
    "Encoder": {"modality", "out_dim", "prepare", "__call__"},
    "Fuser": {"dims", "__call__"},
    "Head": {"needs", "__call__"},
    "Objective": {"chance", "__call__"},
    "Corpus": {"fields", "targets", "card", "digest", "split"},
    "Task": {"needs", "evaluate", "predict"},
    "Run": {"id", "experiment", "seed", "device", "folder", "split", "batches", "untrained", "track", "log"},
}
ARGUMENTS = {
    ("Encoder", "__call__"): ("self", "x", "mask_BT"),
    ("Encoder", "prepare"): ("self", "raw"),
    ("Fuser", "__call__"): ("self", "features", "batch"),
    ("Head", "__call__"): ("self", "fused", "batch"),
    ("Objective", "__call__"): ("self", "outputs", "batch"),
    ("Objective", "chance"): ("self", "batch_size"),
    ("Corpus", "split"): ("self", "name"),
    ("Task", "evaluate"): ("self", "model", "corpus", "run"),
    ("Task", "predict"): ("self", "model", "raw"),
    ("Run", "batches"): ("self", "model", "samples", "encoders", "batch_size"),
    ("Run", "untrained"): ("self",),
    ("Run", "track"): ("self", "items", "label", "total"),
    ("Run", "log"): ("self", "metrics", "step"),
}
FIELDS = {
    "Audio": ("samples_CT", "rate"),
    "Video": ("frames_THWC", "fps"),
    "Signal": ("values_TC", "rate"),
    "Cue": ("start", "end", "text"),
    "Sample": ("id", "fields", "targets"),
    "Batch": ("ids", "inputs", "masks", "present", "targets", "cached", "samples", "skipped"),
    "Features": ("pooled_BD", "tokens_BTD", "mask_BT", "layers"),
    "Outputs": ("encoded", "fused", "heads"),
    "Claim": ("metric", "paper", "ours", "scale", "command", "seeds", "commit"),
    "Card": (
        *("title", "summary", "licence", "authors", "year", "url", "citation", "synthetic", "deviations", "caveats"),
        "claims",
    ),
    "Metric": (
        "name",
        "value",
        "better",
        "ci95",
        "chance",
        "untrained",
        "baselines",
        "controls",
        "references",
        "paper",
        *("gaps", "units", "unit"),
    ),
    "Figure": ("key", "image", "caption"),
    "Clip": ("key", "media", "caption"),
    "Report": ("metrics", "used", "expected", "predictions", "figures", "clips", "notes", "margin"),
    "Prediction": ("rows", "clips", "notes"),
}
OTHER_FIELDS = {
    store.Asset: (
        *(
            "name",
            "package",
            "version",
            "member",
            "sha256",
            "convert",
            "licence",
            "source",
            "size_mb",
            "summary",
            "hub",
        ),
    ),
    doctor.Check: ("name", "ok", "detail", "fix"),
    types.PaperValue: ("value", "scale"),
    testing.Finding: ("what", "ok", "detail", "skipped"),
    testing.Check: ("name", "look"),
}
FUNCTIONS = {
    model.Model.prepare: ("self", "samples", "encoders"),
    model.Model.plan: ("self", "needs"),
    model.Model.encode: ("self", "name", "batch"),
    model.Model.forward: ("self", "batch", "needs"),
    verdict.bootstrap: ("values", "statistic", "seed", "samples"),
    statistics.measure: (
        *("name", "own", "units", "unit", "statistic", "better", "chance", "untrained", "baselines", "controls"),
        *("references", "paper", "seed"),
    ),
    testing.check_encoder: ("make", "raws", "what"),
    testing.check_fuser: ("make", "features", "batch", "what", "others"),
    testing.check_objective: ("objective", "outputs", "batch", "kept", "what"),
    testing.check_corpus: ("make", "split", "what"),
    testing.plugin_checks: ("catalog", "plugin", "cases", "raws", "cpu_seconds", "runs"),
    testing.plugin_tests: ("plugin", "folder", "cases", "raws", "cpu_seconds", "runs"),
}
KEYS = {
    experiment.Experiment: {
        *("summary", "paper", "corpus", "encoders", "fuser", "heads", "stages", "task", "settings"),
    },
    experiment.EncoderPart: {"use", "field", "freeze"},
    experiment.Stage: {"name", "steps", "batch_size", "corpus", "split", "accumulate", "updates"},
    experiment.Update: {"trains", "objective", "optimizer", "schedule", "clip", "every", "balance"},
    experiment.Settings: {
        *("seed", "device", "precision", "threads", "workers", "compile", "cache", "cache_samples", "max_unreadable"),
        *("log_every", "checkpoint_every", "on_nonfinite", "monitor_every"),
    },
    experiment.Paper: {"title", "arxiv", "venue", "year", "url"},
}
REPORT = {
    *("experiment", "preset", "seed", "items", "seconds", "peak_rss_mb", "params", "metrics", "verdict", "notes"),
    *("environment", "git_commit", "command"),
}
METRIC = {"name", "value", "ci95", "better", "chance", "untrained", "baselines", "controls", "references", "paper"}
METRIC |= {"gaps", "units", "unit"}
COMMANDS = {
    *("run", "sweep", "prove", "ls", "show", "check", "compare", "eval", "rerun", "predict", "ui", "sync", "data"),
    *("fetch", "plugins", "new", "doctor"),
}
EXIT_CODES = {
    **{errors.MmxError: 1, errors.PluginError: 1, errors.CollisionError: 1, errors.TrainingError: 1},
    **{errors.UserError: 2, errors.ConfigError: 2, errors.UnknownNameError: 2, errors.PortError: 2},
    **{errors.DataError: 2, errors.AssetError: 2},
}
CONVERTERS = {"mmx.assets.converters:state_dict"}
"""Functions that assets name."""
REGISTRAR = {
    *("encoder", "fuser", "head", "objective", "corpus", "task", "optimizer", "schedule", "balance"),
    *("add", "asset"),
}
ERRORS = {
    *("MmxError", "UserError", "ConfigError", "UnknownNameError", "PortError", "DataError", "AssetError"),
    *("PluginError", "CollisionError", "TrainingError", "did_you_mean"),
}


def test_hooks_and_their_arguments() -> None:
    found = {name: tuple(inspect.signature(hook).parameters) for name, hook in HOOKS.items()}
    assert found == HOOK_ARGUMENTS
    assert hookspecs.MMX_API == 1


@pytest.mark.parametrize("module", EXPORTED, ids=lambda module: module.__name__)
def test_exported_names(module: object) -> None:
    assert set(module.__all__) == EXPORTED[module]  # type: ignore[attr-defined, index]
    assert all(hasattr(module, name) for name in EXPORTED[module])  # type: ignore[index]


@pytest.mark.parametrize("name", MEMBERS)
def test_interfaces_require_no_more(name: str) -> None:
    interface = getattr(interfaces, name)
    own = {
        key for key in {*vars(interface), *interface.__annotations__} if not key.startswith("_") or key == "__call__"
    }
    assert own == MEMBERS[name]


@pytest.mark.parametrize(("interface", "method"), ARGUMENTS)
def test_methods_are_called_as_before(interface: str, method: str) -> None:
    function = getattr(getattr(interfaces, interface), method)
    assert tuple(inspect.signature(function).parameters) == ARGUMENTS[interface, method]


@pytest.mark.parametrize("name", FIELDS)
def test_values_keep_their_fields_and_new_ones_have_defaults(name: str) -> None:
    found = fields(getattr(types, name))
    assert tuple(each.name for each in found)[: len(FIELDS[name])] == FIELDS[name]
    for each in found[len(FIELDS[name]) :]:
        parameter = inspect.signature(getattr(types, name)).parameters[each.name]
        assert parameter.default is not inspect.Parameter.empty, f"{name}.{each.name} must have a default"


def test_what_hooks_are_handed() -> None:
    assert {name for name in vars(registry.Registrar) if not name.startswith("_")} >= REGISTRAR
    assert tuple(inspect.signature(commands.Commands.add).parameters) == ("self", "name", "target", "help")


def test_errors() -> None:
    assert all(hasattr(errors, name) for name in ERRORS)


@pytest.mark.parametrize("value", OTHER_FIELDS, ids=lambda value: f"{value.__module__}.{value.__name__}")
def test_other_values_keep_their_fields(value: type) -> None:
    assert tuple(each.name for each in fields(value))[: len(OTHER_FIELDS[value])] == OTHER_FIELDS[value]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_functions_are_called_as_before(function: Any) -> None:
    parameters = list(inspect.signature(function).parameters.values())
    expected = FUNCTIONS[function]
    assert tuple(each.name for each in parameters)[: len(expected)] == expected
    assert all(each.default is not inspect.Parameter.empty for each in parameters[len(expected) :])


def test_a_model_has_what_tasks_read() -> None:
    assert isinstance(model.Model.device, property) and isinstance(model.Model.widths, property)


@pytest.mark.parametrize("part", KEYS, ids=lambda part: part.__name__)
def test_keys_of_registry_files(part: Any) -> None:
    assert set(part.model_fields) >= KEYS[part]


def test_keys_of_reports_and_commands_and_exit_codes() -> None:
    kept = json.loads((PLUGINS / "mmx_soundnet" / "results" / "default.json").read_text(encoding="utf-8"))
    assert set(kept) >= REPORT, "as a run wrote it"
    found = write.as_json(types.Report([types.Metric("accuracy", 0.5)], 1, 1))
    assert set(found["metrics"][0]) >= METRIC
    assert set(commands.BUILT_IN) >= COMMANDS
    assert {error: error.exit_code for error in EXIT_CODES} == EXIT_CODES


def test_values_and_errors_are_exported() -> None:
    assert {*MEMBERS, *FIELDS, *ERRORS, "Asset", "Check", "PaperValue", "Registrar", "Commands"} <= {
        *mmx.__all__,
        "CollisionError",
    }, "raised by mmx alone"


@pytest.mark.parametrize("name", sorted(mmx_std.__all__))
def test_public_modules_of_the_library_say_what_they_are(name: str) -> None:
    module = getattr(mmx_std, name)
    assert module.__name__.startswith("mmx_std.") and module.__doc__


def test_the_page_names_what_is_public() -> None:
    page = GUARANTEES.read_text(encoding="utf-8")
    for name in ("mmx.__all__", "mmx.testing.__all__", "mmx_std.__all__", "MMX_API", "report.json"):
        assert f"`{name}`" in page
    assert set(re.findall(r"`(mmx[a-z_]*\.[a-z_.]+:\w+)`", page)) == CONVERTERS
    assert all(callable(resolve_name(name)) for name in CONVERTERS)
