"""CLIP's towers: published parameter counts, weights of a saved model, the end token, padding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

from mmx.errors import AssetError, ConfigError
from mmx.interfaces import Encoder
from mmx_std.encoders.clip import ClipImage, ClipText
from mmx_std.encoders.image import Timm
from mmx_std.encoders.text.tokenizers import SEP
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions
from tests.plugins.mmx_std.padding import assert_padding_ignored

RAWS = ["a red cube falls over the blue floor", "one ball", ""]
SMALL = {"width": 16, "depth": 2, "heads": 2, "out": 8}
LARGE = {"width": 1024, "depth": 24, "heads": 16, "patch": 14, "out": 768}
TOTALS = [  # parameters of the released models, with the temperature
    ({"patch": 32}, {}, 151_277_313),
    ({"patch": 16}, {}, 149_620_737),
    (LARGE, {"width": 768, "heads": 12, "out": 768}, 427_616_513),
    ({**LARGE, "image_size": 336}, {"width": 768, "heads": 12, "out": 768}, 427_944_193),
]


def text(**options: object) -> ClipText:
    torch.manual_seed(0)
    return ClipText(Captions(), **{**SMALL, "vocabulary": 300, "tokens": 12, **options}).eval()  # type: ignore[arg-type]


def count(*modules: torch.nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@pytest.mark.parametrize(("image", "words", "total"), TOTALS)
def test_towers_have_the_published_number_of_parameters(image: dict, words: dict, total: int) -> None:  # type: ignore[type-arg]
    with torch.device("meta"):
        towers = ClipImage(**image), ClipText(None, **words)
    assert count(*towers) + 1 == total
    assert [tower.out_dim for tower in towers] == [image.get("out", 512)] * 2


def test_the_modified_resnet_is_that_of_timm() -> None:
    with torch.device("meta"):
        towers = Timm("resnet50_clip", classifier=True), ClipText(None, out=1024)
    assert count(*towers) + 1 == 102_007_137
    assert [tower.out_dim for tower in towers] == [1024, 1024]


def test_saved_weights_give_the_same_vectors_as_the_whole_model(tmp_path: Path) -> None:
    torch.manual_seed(1)
    own = text()
    sides = {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    special = {"pad_token_id": 0, "eos_token_id": SEP, "bos_token_id": 1}
    config = CLIPConfig(
        text_config={**sides, **special, "vocab_size": 300, "max_position_embeddings": 12, "projection_dim": 8},
        vision_config={**sides, "patch_size": 8, "image_size": 16, "projection_dim": 8},
        projection_dim=8,
    )
    whole = CLIPModel(config).eval()
    whole.save_pretrained(tmp_path)
    PreTrainedTokenizerFast(tokenizer_object=own.tokenizer._tokenizer, pad_token="[PAD]").save_pretrained(tmp_path)
    words, image = ClipText(None, str(tmp_path)).eval(), ClipImage(str(tmp_path)).eval()
    assert torch.equal(words.prepare(RAWS[0]), own.prepare(RAWS[0]))
    ids = torch.tensor([[1, 10, 20, 299]])  # as in the published models, the end token has the largest id
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    scaled = (pixels / 255 - torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(3, 1, 1)) / torch.tensor(
        (0.26862954, 0.26130258, 0.27577711)
    ).view(3, 1, 1)
    with torch.no_grad():
        expected = whole(input_ids=ids, pixel_values=scaled)
        found = words(ids).pooled_BD, image(pixels).pooled_BD
    torch.testing.assert_close(torch.nn.functional.normalize(found[0], dim=1), expected.text_embeds)
    torch.testing.assert_close(
        torch.nn.functional.normalize(found[1], dim=1), expected.image_embeds, atol=1e-5, rtol=1e-4
    )


def test_padding_is_not_read_and_the_end_token_survives_the_cut() -> None:
    encoder = text()
    assert isinstance(encoder, Encoder)
    assert_padding_ignored(encoder, RAWS)
    long = encoder.prepare("a red cube " * 20)
    assert len(long) == 12 and long[-1] == SEP


def test_the_vector_is_read_at_the_end_token() -> None:
    encoder = text()
    ids = encoder.prepare(RAWS[1])
    with torch.no_grad():
        found = encoder(ids[None])
        expected = encoder.tower.text_projection(found.tokens_BTD[0, ids.tolist().index(SEP)])
    torch.testing.assert_close(found.pooled_BD[0], expected)


def test_an_image_becomes_patches() -> None:
    encoder = ClipImage(**SMALL, patch=8, image_size=32).eval()
    x = torch.stack([encoder.prepare(torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8).numpy())])
    found = encoder(x)
    assert (x.shape, found.pooled_BD.shape, found.tokens_BTD.shape) == ((1, 3, 32, 32), (1, 8), (1, 16, 16))


def test_what_cannot_be_built_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no multiple of patch"):
        ClipImage(**SMALL, patch=7, image_size=32)
    with pytest.raises(ConfigError, match="does not divide"):
        text(heads=3)
    for make in (lambda: ClipText(None, str(tmp_path / "none")), lambda: ClipImage(str(tmp_path / "none"))):
        with pytest.raises(AssetError, match="neither a local folder nor"):
            make()
