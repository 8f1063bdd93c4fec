"""Published detectors by path: boxes and scores are those of transformers' own post-processing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.errors import AssetError, DataError
from mmx.media.audio_image import write_image
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Batch
from mmx_std.weights.detectors import Detector, DetectorImage, DetectorPrompt
from tests.plugins.mmx_std.weights import published_detectors as published

PROMPT = "a red square. A Blue circle."
IMAGE = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
SIDES = {"grounding_dino": 96, "owlv2": 64}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind."""
    found = {name: tmp_path_factory.mktemp("published") / name for name in SIDES}
    for name, folder in found.items():
        getattr(published, name)(folder)
    return found


def parts(folder: Path, side: int) -> tuple[Any, Any, Any]:
    model = str(folder)
    return DetectorImage(model, image_size=side).eval(), DetectorPrompt(model).eval(), Detector(model).eval()


def answer(found: tuple[Any, Any, Any], prompts: list[str]) -> dict[str, torch.Tensor]:
    image, prompt, head = found
    pixels = torch.stack([image.prepare(IMAGE)] * len(prompts))
    ids = torch.nn.utils.rnn.pad_sequence([prompt.prepare(each) for each in prompts], batch_first=True)
    lengths = torch.tensor([len(prompt.prepare(each)) for each in prompts])
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    with torch.no_grad():
        features = {"image": image(pixels), "prompt": prompt(ids, mask)}
        given: dict[str, torch.Tensor] = head(features, Batch([str(each) for each in range(len(prompts))]))
    return given


@pytest.mark.parametrize("name", list(SIDES))
def test_a_batch_is_what_each_prompt_gives_alone(folders: dict[str, Path], name: str) -> None:
    found = parts(folders[name], SIDES[name])
    both = answer(found, [PROMPT, "a cross."])
    alone = [answer(found, [PROMPT]), answer(found, ["a cross."])]
    for row, (single, count) in enumerate(zip(alone, (2, 1), strict=True)):
        torch.testing.assert_close(both["boxes"][row], single["boxes"][0])
        torch.testing.assert_close(both["scores"][row, :, :count], single["scores"][0])


def test_grounding_dino_is_post_processed_as_its_own_code_does(folders: dict[str, Path]) -> None:
    from transformers import AutoModelForZeroShotObjectDetection, AutoTokenizer

    found = answer(parts(folders["grounding_dino"], 96), [PROMPT])
    model = AutoModelForZeroShotObjectDetection.from_pretrained(folders["grounding_dino"])
    tokens = AutoTokenizer.from_pretrained(folders["grounding_dino"])(
        "a red square. a blue circle.", return_tensors="pt"
    )
    scale, spread = torch.tensor([0.48, 0.46, 0.41]), torch.tensor([0.27, 0.26, 0.28])
    pixels = ((torch.from_numpy(IMAGE).float() / 255 - scale) / spread).permute(2, 0, 1)[None]
    with torch.no_grad():
        told = model(pixel_values=pixels, input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
    x, y, w, h = told.pred_boxes[0].unbind(-1)
    torch.testing.assert_close(
        found["boxes"][0], torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1).clamp(0, 1)
    )
    chances = told.logits[0].sigmoid()  # [CLS] a red square . a blue circle . [SEP]
    expected = torch.stack([chances[:, 1:4].amax(1), chances[:, 5:8].amax(1)], 1)
    torch.testing.assert_close(found["scores"][0], expected, atol=1e-4, rtol=1e-3)


def test_owlv2_reads_phrase_by_phrase(folders: dict[str, Path]) -> None:
    from transformers import AutoTokenizer, Owlv2ForObjectDetection

    found = answer(parts(folders["owlv2"], 64), [PROMPT])
    assert found["scores"].shape == (1, 16, 2) and found["boxes"].shape == (1, 16, 4)
    model = Owlv2ForObjectDetection.from_pretrained(folders["owlv2"])
    tokenizer = AutoTokenizer.from_pretrained(folders["owlv2"])
    tokens = tokenizer(["a red square", "a blue circle"], padding="max_length", max_length=16, return_tensors="pt")
    image = DetectorImage(str(folders["owlv2"]), image_size=64)
    with torch.no_grad():
        pixels = image(image.prepare(IMAGE)[None]).layers["pixels"]
        told = model(input_ids=tokens["input_ids"], pixel_values=pixels, attention_mask=tokens["attention_mask"])
    torch.testing.assert_close(found["scores"][0], told.logits[0].sigmoid())


def test_what_cannot_be_had_is_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="neither a local folder nor to be had from the hub"):
        Detector(str(tmp_path / "none"))
    with pytest.raises(AssetError, match="with image_mean and image_std"):
        DetectorImage(str(tmp_path))
    with pytest.raises(DataError, match="no phrase"):
        DetectorPrompt(str(folders["owlv2"])).prepare(" . ")


def test_a_photo_is_searched_without_training(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = Catalog.open(tmp_path)
    model = folders["grounding_dino"]
    overrides = [f"{place}.model={model}" for place in ("encoders.image", "encoders.prompt", "heads.regions")]
    overrides += ["encoders.image.image_size=96", "corpus.test_clips=4", "corpus.clips=8", "task.simple=false"]
    resolved = catalog.resolve("glip", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 4
    write_image(tmp_path / "photo.png", IMAGE[:50])
    arguments = ["predict", str(tmp_path / "run"), str(tmp_path / "photo.png"), "--texts", PROMPT]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert "a red square" in capsys.readouterr().out
