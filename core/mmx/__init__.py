"""The public surface of mmx: whatever a plugin may import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from mmx.support import compat

if TYPE_CHECKING:
    from mmx.assets.safe_unpickle import read_npy
    from mmx.assets.store import cache_folder, locate_asset
    from mmx.data.ablation import ablations, noised, shuffled, takes_noise, without
    from mmx.data.feature_cache import weights_of
    from mmx.data.lazy import LazyFields, LazySplit, unknown_split
    from mmx.data.reader import SampleCache
    from mmx.errors import (
        AssetError,
        ConfigError,
        DataError,
        MmxError,
        PluginError,
        PortError,
        TrainingError,
        UnknownNameError,
        UserError,
        did_you_mean,
    )
    from mmx.interactive.loaded import LoadedRun, components, experiments, load, run
    from mmx.interfaces import Balance, BalanceStep, Corpus, Encoder, Fuser, Head, Model, Objective, Run, Task
    from mmx.media.audio_image import read_audio, read_image, write_audio, write_image
    from mmx.media.file_kinds import MEDIA_SUFFIXES, file_kind
    from mmx.media.file_part import FilePart
    from mmx.media.signals import read_signal
    from mmx.media.size_limits import MEDIA_LIMITS
    from mmx.media.subtitles import (
        check_subtitles,
        cues_beyond,
        cues_from_rows,
        cut_cues,
        read_cues,
        read_subtitles,
        subtitles_beside,
    )
    from mmx.media.video import has_audio, read_video, read_video_audio, video_seconds, write_video
    from mmx.model.alone import alone
    from mmx.plugins.commands import Commands
    from mmx.plugins.hookspecs import MMX_API, hookimpl
    from mmx.registry.registry import Registrar
    from mmx.report.statistics import measure
    from mmx.report.verdict import bootstrap
    from mmx.support.files import replacing, write_text
    from mmx.types import (
        Asset,
        Audio,
        Batch,
        Card,
        Check,
        Claim,
        Clip,
        Cue,
        Features,
        Figure,
        Losses,
        Metric,
        Outputs,
        PaperValue,
        Prediction,
        Report,
        Sample,
        Signal,
        Video,
    )

__version__ = "0.2.0"

_SURFACE: Final = {
    "mmx.assets.safe_unpickle": ("read_npy",),
    "mmx.assets.store": (
        "cache_folder",
        "components",
        "locate_asset",
    ),
    "mmx.registry.registry": ("Registrar",),
    "mmx.data.ablation": (
        "ablations",
        "noised",
        "shuffled",
        "takes_noise",
        "without",
    ),
    "mmx.data.feature_cache": ("weights_of",),
    "mmx.data.lazy": (
        "LazyFields",
        "LazySplit",
        "unknown_split",
    ),
    "mmx.data.reader": ("SampleCache",),
    "mmx.errors": (
        "AssetError",
        "ConfigError",
        "DataError",
        "MmxError",
        "PluginError",
        "PortError",
        "TrainingError",
        "UnknownNameError",
        "UserError",
        "did_you_mean",
    ),
    "mmx.interfaces": (
        "Balance",
        "BalanceStep",
        "Corpus",
        "Encoder",
        "Fuser",
        "Head",
        "Model",
        "Objective",
        "Run",
        "Task",
    ),
    "mmx.media.audio_image": (
        "read_audio",
        "read_image",
        "write_audio",
        "write_image",
    ),
    "mmx.media.file_kinds": (
        "MEDIA_SUFFIXES",
        "file_kind",
    ),
    "mmx.media.file_part": ("FilePart",),
    "mmx.media.signals": ("read_signal",),
    "mmx.media.size_limits": ("MEDIA_LIMITS",),
    "mmx.media.subtitles": (
        "check_subtitles",
        "cues_beyond",
        "cues_from_rows",
        "cut_cues",
        "read_cues",
        "read_subtitles",
        "subtitles_beside",
    ),
    "mmx.media.video": (
        "has_audio",
        "read_video",
        "read_video_audio",
        "video_seconds",
        "write_video",
    ),
    "mmx.model.alone": ("alone",),
    "mmx.plugins.commands": ("Commands",),
    "mmx.plugins.hookspecs": (
        "MMX_API",
        "hookimpl",
    ),
    "mmx.report.statistics": ("measure",),
    "mmx.report.verdict": ("bootstrap",),
    "mmx.interactive.loaded": (
        "LoadedRun",
        "components",
        "experiments",
        "load",
        "run",
    ),
    "mmx.support.files": (
        "replacing",
        "write_text",
    ),
    "mmx.types": (
        "Asset",
        "Audio",
        "Batch",
        "Card",
        "Check",
        "Claim",
        "Clip",
        "Cue",
        "Features",
        "Figure",
        "Losses",
        "Metric",
        "Outputs",
        "PaperValue",
        "Prediction",
        "Report",
        "Sample",
        "Signal",
        "Video",
    ),
}
"""Module -> the public names in it, imported at their first use: `mmx --help` needs none of them."""
_HOME: Final = {name: module for module, names in _SURFACE.items() for name in names}

__all__ = [
    "MEDIA_LIMITS",
    "MEDIA_SUFFIXES",
    "MMX_API",
    "Asset",
    "AssetError",
    "Audio",
    "Balance",
    "BalanceStep",
    "Batch",
    "Card",
    "Check",
    "Claim",
    "Clip",
    "Commands",
    "ConfigError",
    "Corpus",
    "Cue",
    "DataError",
    "Encoder",
    "Features",
    "Figure",
    "FilePart",
    "Fuser",
    "Head",
    "LazyFields",
    "LazySplit",
    "LoadedRun",
    "Losses",
    "Metric",
    "MmxError",
    "Model",
    "Objective",
    "Outputs",
    "PaperValue",
    "PluginError",
    "PortError",
    "Prediction",
    "Registrar",
    "Report",
    "Run",
    "Sample",
    "SampleCache",
    "Signal",
    "Task",
    "TrainingError",
    "UnknownNameError",
    "UserError",
    "Video",
    "__version__",
    "ablations",
    "alone",
    "bootstrap",
    "cache_folder",
    "check_subtitles",
    "components",
    "cues_beyond",
    "cues_from_rows",
    "cut_cues",
    "did_you_mean",
    "experiments",
    "file_kind",
    "has_audio",
    "hookimpl",
    "load",
    "locate_asset",
    "measure",
    "noised",
    "read_audio",
    "read_cues",
    "read_image",
    "read_npy",
    "read_signal",
    "read_subtitles",
    "read_video",
    "read_video_audio",
    "replacing",
    "run",
    "shuffled",
    "subtitles_beside",
    "takes_noise",
    "unknown_split",
    "video_seconds",
    "weights_of",
    "without",
    "write_audio",
    "write_image",
    "write_text",
    "write_video",
]

compat.install()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mmx' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
