"""A published AST with its classifier: the same logits as transformers', by folder and by file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import ASTConfig, ASTForAudioClassification

from mmx.errors import AssetError, PortError
from mmx.types import Batch, Features
from mmx_std.encoders.audio import Ast
from mmx_std.encoders.frontends import KaldiFbank
from mmx_std.encoders.text.transformer import TextTransformer
from mmx_std.heads.published import AudioTags, PublishedRegions, PublishedWords

NAMES = ["Speech", "Dog", "Bell"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tensor, Tensor]:
    """A folder, an input, and the library's own logits for it."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = ASTConfig(**sizes, max_length=56, num_mel_bins=46, id2label=dict(enumerate(NAMES)), layer_norm_eps=1e-5)
    model = ASTForAudioClassification(config).eval()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.2)
    folder = tmp_path_factory.mktemp("ast")
    model.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "ast.pth")
    x = torch.randn(2, 56, 46)
    with torch.no_grad():
        return folder, x, model(x).logits


@pytest.mark.parametrize("file", ["", "ast.pth"])
def test_encoder_and_head_give_the_published_logits(published: tuple[Path, Tensor, Tensor], file: str) -> None:
    folder, x, expected = published
    weights = str(folder / file) if file else str(folder)
    frontend = KaldiFbank(bands=46, frames=56)
    encoder = Ast(frontend, weights, bands=46, frames=56, width=16, depth=1, heads=2).eval()
    head = AudioTags({"audio": 16}, weights=weights)
    with torch.no_grad():
        logits = head({"audio": Features(encoder(x).pooled_BD)}, Batch(["a", "b"]))
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=1e-3)
    assert head.names == (NAMES if not file else ["class 0", "class 1", "class 2"])


def test_names_of_a_file_are_read_from_another(published: tuple[Path, Tensor, Tensor], tmp_path: Path) -> None:
    weights = str(published[0] / "ast.pth")
    (tmp_path / "names.txt").write_text("Rede\n\nHund\nGlocke\n")
    names = AudioTags({"audio": 16}, weights=weights, names=str(tmp_path / "names.txt")).names
    assert names == ["Rede", "Hund", "Glocke"]
    (tmp_path / "names.txt").write_text("Rede\n")
    with pytest.raises(AssetError, match="1 for the 3 classes"):
        AudioTags({"audio": 16}, weights=weights, names=str(tmp_path / "names.txt"))


def test_what_does_not_fit_is_refused(published: tuple[Path, Tensor, Tensor], tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="features of 16, not of 32"):
        AudioTags({"audio": 32}, weights=str(published[0]))
    torch.save({"cls_token": torch.zeros(1, 1, 16)}, tmp_path / "bare.pth")
    with pytest.raises(AssetError, match="hold no classifier"):
        AudioTags({"audio": 16}, weights=str(tmp_path / "bare.pth"))


def test_heads_of_a_release_say_that_there_is_none_or_that_it_lacks_them() -> None:
    text = TextTransformer(None, width=4, depth=0, heads=1, vocabulary=8)
    with pytest.raises(PortError, match=r"encoders\.text has read no release"):
        PublishedWords({"fused.text": 4}, built={"encoders.text": text})
    text.released, text.source = {}, "model.bin"
    with pytest.raises(AssetError, match=r"model\.bin: has no head of regions \(heads\.region_classes"):
        PublishedRegions({"fused.regions": 4}, built={"encoders.text": text})
    with pytest.raises(AssetError, match=r"model\.bin"):
        PublishedWords({"fused.text": 4}, built={"encoders.text": text})
