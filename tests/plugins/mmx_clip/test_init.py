"""CLIP: wiring only. Presets resolve, towers have their published sizes, a run answers a user's questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tokenizers import Tokenizer

import mmx_clip
from mmx.cli.predict import command
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_image
from mmx.model.build import Builder
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx_std.encoders.text.tokenizers import train_tokenizer

ROOT = Path(mmx_clip.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def presets(catalog: Catalog) -> list[str]:
    return list(next(info for info in catalog.experiments() if info.name == "clip").presets)


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]


def test_the_card_names_the_terms_and_what_is_not_the_papers() -> None:
    assert "MIT" in mmx_clip.CARD.licence
    assert mmx_clip.CARD.deviations and mmx_clip.CARD.caveats


@pytest.mark.parametrize(
    ("preset", "total", "width", "side"),
    [
        ("paper", 151_277_313, 512, 224),
        ("paper-vit-b-16", 149_620_737, 512, 224),
        ("paper-vit-l-14", 427_616_513, 768, 224),
        ("paper-vit-l-14-336", 427_944_193, 768, 336),
        ("paper-rn50", 102_007_137, 1024, 224),
    ],
)
def test_the_papers_towers_have_the_published_number_of_parameters(
    catalog: Catalog, preset: str, total: int, width: int, side: int
) -> None:
    experiment = catalog.resolve("clip", preset=preset).experiment
    builder = Builder(catalog.plugins.registry, 0)
    parts: dict[str, Any] = {}
    with torch.device("meta"):
        for name, part in experiment.encoders.items():
            parts[name] = builder.part(part, "encoder", f"encoders.{name}", corpus=None)
    objective = builder.part(experiment.stages[0].updates[0].objective, "objective", "objective")
    weights = [each for part in (*parts.values(), objective) for each in part.parameters()]
    assert sum(each.numel() for each in weights) == total
    assert {part.out_dim for part in parts.values()} == {width}
    assert parts["image"].image_size == side
    assert experiment.fuser.use == "std/none"
    assert experiment.stages[0].batch_size == 32768


@pytest.fixture(scope="module")
def runs(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one smoke run."""
    folder = tmp_path_factory.mktemp("runs")
    resolved = catalog.resolve("clip", preset="smoke", settings={"device": "cpu"})
    (folder / "clip" / "1").mkdir(parents=True)
    assert execute(resolved, catalog.plugins, folder / "clip" / "1", Quiet(), tracking=False) is not None
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, colour in {"red": (200, 0, 0), "green": (0, 200, 0)}.items():
        write_image(tmp_path / f"{name}.png", np.full((40, 50, 3), colour, np.uint8))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["red.png", "--texts", "a red circle", "a green cross"], ["a red circle", "a green cross", "similarity"]),
        (["red.png"], ["probability", "class"]),
        (["--query", "a red circle", "--in", "."], ["red.png", "green.png", "rank"]),
    ],
)
def test_a_run_answers_a_users_questions(
    runs: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: list[str]
) -> None:
    monkeypatch.chdir(photos)
    done = CliRunner().invoke(command, ["clip", *arguments, "--runs", str(runs)], catch_exceptions=False, obj=None)
    assert done.exit_code == 0, done.output
    assert all(word in done.output for word in told), done.output


def published(folder: Path) -> None:
    """Random weights of small size with their tokenizer, in the layout of `openai/clip-vit-*`."""
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

    sizes = {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**sizes, "vocab_size": 128, "max_position_embeddings": 12, "eos_token_id": 2, "projection_dim": 8},
        vision_config={**sizes, "image_size": 16, "patch_size": 8, "projection_dim": 8},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(folder)
    words = train_tokenizer(["a photo of a dog", "a red cat"], kind="word", vocabulary=128, lowercase=True)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(words), pad_token="[PAD]")
    tokenizer.save_pretrained(folder)


def test_public_weights_name_and_rank_a_users_files_without_training(
    catalog: Catalog, tmp_path: Path, photos: Path
) -> None:
    published(tmp_path / "weights")
    overrides = [f"encoders.{name}.model={tmp_path / 'weights'}" for name in ("image", "text")]
    overrides += ["task.tasks.zero_shot.simple=false", "task.tasks.retrieval=null"]
    resolved = catalog.resolve("clip", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "runs" / "clip" / "1").mkdir(parents=True)
    done = execute(resolved, catalog.plugins, tmp_path / "runs" / "clip" / "1", Quiet(), tracking=False)
    assert done is not None and done.report.metrics[0].name == "accuracy" and done.report.used == 61
    arguments = ["clip", str(photos / "red.png"), "--texts", "a dog", "a cat", "--runs", str(tmp_path / "runs")]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False, obj=None)
    assert answer.exit_code == 0 and "a dog" in answer.output and "a cat" in answer.output, answer.output


def test_it_learns_from_a_manifest_of_ones_own(catalog: Catalog, tmp_path: Path) -> None:
    rows = []
    for number in range(20):
        write_image(tmp_path / f"{number}.png", np.full((40, 50, 3), 10 * number, np.uint8))
        split = "train" if number < 12 else "test"
        caption = f"shade number {number}"
        rows.append({"id": str(number), "image": f"{number}.png", "caption": caption, "split": split})
    (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.path={tmp_path / 'pairs.jsonl'}", "stages.align.steps=1", "stages.align.batch_size=4"]
    resolved = catalog.resolve("clip", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 8
    assert done.report.metrics[0].name == "recall_at_1"
