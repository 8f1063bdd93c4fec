"""Published models by path: what the parts give is what transformers' classes give, and presets judge them offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmx.config.catalog import Catalog
from mmx.errors import AssetError
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Batch, Features
from mmx_std.weights.blip import (
    ANSWERS,
    CAPTIONS,
    PAIRS,
    PublishedAnswers,
    PublishedCaptions,
    PublishedImage,
    PublishedMatch,
    PublishedPairs,
    PublishedText,
)
from tests.plugins.mmx_std.weights.published_blip import SIDE, save

IMAGES = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.uint8)
TEXTS = ("a red circle", "a green cross a blue square")
BATCH = Batch(["0", "1"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Any]]:
    root = tmp_path_factory.mktemp("published")
    return {kind: (str(root / kind), save(root / kind, kind)) for kind in (CAPTIONS, ANSWERS, PAIRS)}


def read(folder: str, texts: tuple[str, ...], name: str) -> tuple[dict[str, Features], torch.Tensor, torch.Tensor]:
    """Features of both images and texts, and what transformers' own processor would give."""
    image, text = PublishedImage(folder).eval(), PublishedText(folder)
    pixels = torch.stack([image.prepare(each) for each in IMAGES])
    ids = [text.prepare(each) for each in texts]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    features = {"image": image(pixels), name: text(padded, padded != 0)}
    return features, image.standardise(pixels), padded


@torch.no_grad()
def test_captions_are_those_of_the_class(folders: dict[str, tuple[str, Any]]) -> None:
    folder, model = folders[CAPTIONS]
    features, pixels, ids = read(folder, TEXTS, "caption")
    head = PublishedCaptions(folder, tokens=6).eval()
    prompt = torch.tensor([head.prompt] * 2)
    expected = model.generate(
        pixel_values=pixels,
        input_ids=torch.cat([prompt, torch.full((2, 1), 3)], 1),  # its last token is cut off there
        max_new_tokens=6,
        do_sample=False,
        num_beams=1,
        bad_words_ids=[[head.start]],
    )
    written = head.generate(features).ids_BT
    for own, theirs in zip(written.tolist(), expected[:, prompt.shape[1] :].tolist(), strict=True):
        end = theirs.index(3) if 3 in theirs else len(theirs)
        assert [each for each in own if each >= 0] == theirs[:end]
    logits = head(features, BATCH)["logits"]
    given = ids[:, :-1].clone()
    given[:, 0] = head.start
    told = model.text_decoder(input_ids=given, encoder_hidden_states=features["image"].tokens_BTD).logits
    torch.testing.assert_close(logits, told, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_answers_rank_by_the_classs_own_loss(folders: dict[str, tuple[str, Any]]) -> None:
    folder, model = folders[ANSWERS]
    asked = ("what is red", "is a circle red")
    features, pixels, ids = read(folder, asked, "question")
    names = ["yes", "no", "red circle"]
    head = PublishedAnswers({"label": names}, folder).eval()
    found = head(features, BATCH)
    for row in range(2):
        for column in range(3):
            answer = head.ids_CT[column][head.ids_CT[column] != 0][None]
            question = ids[row][ids[row] != 0][None]
            states = model.text_encoder(
                input_ids=question, encoder_hidden_states=model.vision_model(pixels[row : row + 1])[0]
            )[0]
            logits = model.text_decoder(input_ids=answer[:, :-1], encoder_hidden_states=states).logits[0]
            total = -functional.cross_entropy(logits, answer[0, 1:], reduction="sum")
            assert found[row, column].item() == pytest.approx(total.item(), rel=1e-3)


@torch.no_grad()
def test_pairs_score_as_the_class_scores_them(folders: dict[str, tuple[str, Any]]) -> None:
    folder, model = folders[PAIRS]
    features, pixels, ids = read(folder, TEXTS, "caption")
    fused = PublishedPairs(folder).eval()(features, BATCH)
    options = {"input_ids": ids, "pixel_values": pixels, "attention_mask": (ids != 0).long()}
    cosine = model(**options, use_itm_head=False).itm_score
    own = fused["image_vector"].pooled_BD @ fused["text_vector"].pooled_BD.T
    torch.testing.assert_close(own, cosine, atol=1e-5, rtol=1e-4)
    logits = PublishedMatch(folder).eval()(features, BATCH)
    torch.testing.assert_close(logits, model(**options).itm_score, atol=1e-5, rtol=1e-4)


def test_a_folder_of_another_kind_is_refused(folders: dict[str, tuple[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=f"is a {PAIRS}; wanted: {CAPTIONS}"):
        PublishedCaptions(folders[PAIRS][0])
    with pytest.raises(AssetError, match="neither a local folder nor"):
        PublishedImage(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("preset", "kind", "metric"),
    [
        ("pretrained", CAPTIONS, "rouge_l"),
        ("pretrained-vqa", ANSWERS, "vqa_accuracy"),
        ("pretrained-retrieval", PAIRS, "recall_at_1"),
    ],
)
def test_presets_judge_a_model_by_path(
    folders: dict[str, tuple[str, Any]], tmp_path: Path, preset: str, kind: str, metric: str
) -> None:
    catalog = Catalog.open(tmp_path)
    overrides = ["corpus={use: worlds/shapes, clips: 4, test_clips: 12}"]
    if kind == ANSWERS:
        overrides = ["corpus.clips=4", "corpus.test_clips=12"]
    resolved = catalog.resolve("blip", preset=preset, overrides=overrides, settings={"device": "cpu"})
    parts = [*resolved.experiment.encoders.values(), resolved.experiment.fuser, *resolved.experiment.heads.values()]
    assert {part.params["model"].partition("/")[0] for part in parts if "model" in part.params} == {"Salesforce"}
    paths = [f"encoders.{name}.model" for name in resolved.experiment.encoders]
    paths += [f"heads.{name}.model" for name in resolved.experiment.heads]
    paths += ["fuser.model"] if "model" in resolved.experiment.fuser.params else []
    simple = {ANSWERS: ["task.simple=false"], CAPTIONS: ["task.simple=false", "task.shown=0"], PAIRS: []}[kind]
    overrides += [f"{path}={folders[kind][0]}" for path in paths] + simple
    resolved = catalog.resolve("blip", preset=preset, overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 12 and metric in {each.name for each in done.report.metrics}
