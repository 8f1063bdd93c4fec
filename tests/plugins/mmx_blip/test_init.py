"""BLIP's wiring: presets resolve and learn, stages go back to where they start, full scale has the published size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mmx_blip
from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx_std.encoders.image import Timm
from mmx_std.encoders.text.token_ids import TokenIds
from mmx_std.fusers.cross_attention import CrossAttention
from tests.plugins.stored import stored

TINY = ["encoders.image.widths=[8, 8, 16]", "fuser.depth=1", "fuser.heads=2", "fuser.hidden=16", "fuser.out=8"]
TINY += ["stages.pretrain.steps=2", "stages.pretrain.batch_size=8", "stages.pretrain.corpus.web.pairs.clips=16"]
TINY += ["stages.pretrain.corpus.human.clips=16", "stages.captioner.steps=2", "stages.captioner.batch_size=8"]
DIALOGUES = ["corpus.questions.clips=24", "corpus.questions.test_clips=12"]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_the_card_names_what_is_not_the_papers() -> None:
    assert mmx_blip.CARD.deviations and mmx_blip.CARD.caveats and mmx_blip.CARD.claims


def test_all_stages_run_and_the_filter_starts_from_the_pre_trained_weights(catalog: Catalog, tmp_path: Path) -> None:
    resolved = catalog.resolve("blip", preset="smoke", settings={"device": "cpu"})
    starts = [(stage.name, stage.starts_from) for stage in resolved.experiment.stages]
    assert starts == [("pretrain", None), ("captioner", None), ("filter", "pretrain"), ("bootstrap", "untrained")]
    done = execute(resolved, catalog.plugins, tmp_path, Quiet(), tracking=False)
    assert done is not None and {"exact", "recall_at_1", "alignment"} <= {each.name for each in done.report.metrics}
    kept = sorted(path.stem for path in (tmp_path / "milestones").iterdir())
    assert kept == ["captioner", "filter", "pretrain"]


@pytest.mark.parametrize(
    ("preset", "small", "metric"),
    [
        ("vqa", ["corpus.clips=24", "corpus.test_clips=12", "task.simple=false"], "vqa_accuracy"),
        ("dialog", [*DIALOGUES, "task.simple=false"], "mrr"),
        ("history-blind", DIALOGUES, "mrr"),
    ],
)
def test_presets_fine_tune_from_the_pre_trained_weights(
    catalog: Catalog, tmp_path: Path, preset: str, small: list[str], metric: str
) -> None:
    resolved = catalog.resolve("blip", preset=preset, overrides=[*TINY, *small], settings={"device": "cpu"})
    done = execute(resolved, catalog.plugins, tmp_path, Quiet(), tracking=False)
    assert (
        done is not None
        and done.report.metrics[0].name == metric
        and done.report.used == (12 if preset == "vqa" else 4)
    )
    read = {name for name in done.report.metrics[0].controls if name.startswith("without_")}
    expected = {"vqa": {"image", "question"}, "dialog": {"image", "question", "history"}}
    assert read == {f"without_{name}" for name in expected.get(preset, {"image", "question"})}


def test_full_scale_has_as_many_parameters_as_the_published_classes(catalog: Catalog) -> None:
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipForImageTextRetrieval

    experiment = catalog.resolve("blip", preset="paper").experiment
    corpus = catalog.plugins.registry.lookup("corpus", "worlds/shapes").load()(clips=8)
    texts = TokenIds(corpus, **{**experiment.encoders["caption"].params, "tokenizer": "word"})
    assert texts.vocabulary == 30522
    with torch.device("meta"):
        image = Timm(**experiment.encoders["image"].params)
        fuser = CrossAttention(
            {"image": 768, "caption": 1}, built={"encoders.caption": texts}, **experiment.fuser.params
        )
        text = {"vocab_size": 30524, "num_attention_heads": 12, "num_hidden_layers": 12}
        config = BlipConfig(text_config=text, vision_config={"image_size": 224})
        reads, writes = BlipForImageTextRetrieval(config), BlipForConditionalGeneration(config)
    layer = writes.text_decoder.bert.encoder.layer[0]
    alone = 12 * size(layer.attention) + size(writes.text_decoder.cls.predictions.transform)
    # What matches pairs is a head of its own here, and the published decoder ties its bias and table.
    expected = size(reads) - size(reads.itm_head) + alone + 30524
    assert size(image) + size(fuser) == expected
    assert 250e6 < expected < 260e6


def size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_gates() -> None:
    """CapFilt above as many updates without it; dialogues .2 above no history; answers .1 above the best baseline."""
    root = Path(mmx_blip.__file__).parent
    for key in ("object_recall", "exact", "recall_at_1"):
        assert stored(root, "default", key) > stored(root, "no-capfilt", key)
    assert stored(root, "dialog", "mrr") >= stored(root, "history-blind", "mrr") + 0.2
    best = "vqa_accuracy/baselines/logistic_regression_image_and_question"
    assert stored(root, "vqa", "vqa_accuracy") >= stored(root, "vqa", best) + 0.1
