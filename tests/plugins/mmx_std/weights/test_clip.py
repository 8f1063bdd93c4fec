"""open_clip's file: a network with its names, built here of torch's own attention, and the towers that load it."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmx.errors import AssetError
from mmx_std.encoders.clip import ClipImage, ClipText

WIDTH, HEADS, OUT, TOKENS = 16, 2, 8, 7
SIZES = {"width": WIDTH, "depth": 2, "heads": HEADS, "out": OUT}


class Block(nn.Module):
    """One block with the names of the published files."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        wide, narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.mlp = nn.Sequential(OrderedDict(c_fc=wide, gelu=activation, c_proj=narrow))

    def forward(self, x_BTD: Tensor, hidden_TT: Tensor | None = None) -> Tensor:
        read = self.ln_1(x_BTD)
        x_BTD = x_BTD + self.attn(read, read, read, attn_mask=hidden_TT, need_weights=False)[0]
        return x_BTD + self.mlp(self.ln_2(x_BTD))


class Quick(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Blocks(nn.Module):
    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(activation) for _ in range(2))


class Visual(nn.Module):
    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 8, 8, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn(5, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Blocks(activation)
        self.proj = nn.Parameter(torch.randn(WIDTH, OUT))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.conv1(x).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(x), 1, WIDTH)
        hidden = self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)
        for block in self.transformer.resblocks:
            hidden = block(hidden)
        found: Tensor = self.ln_post(hidden[:, 0]) @ self.proj
        return found


class Clip(nn.Module):
    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.visual = Visual(activation)
        self.token_embedding = nn.Embedding(50, WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(TOKENS, WIDTH))
        self.transformer = Blocks(activation)
        self.ln_final = nn.LayerNorm(WIDTH)
        self.text_projection = nn.Parameter(torch.randn(WIDTH, OUT))
        self.logit_scale = nn.Parameter(torch.tensor(2.0))

    def told(self, ids: Tensor) -> Tensor:
        """Vectors of texts whose end token is the last one."""
        hidden = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        later = torch.full((ids.shape[1], ids.shape[1]), -torch.inf).triu(1)
        for block in self.transformer.resblocks:
            hidden = block(hidden, later)
        found: Tensor = self.ln_final(hidden[:, -1]) @ self.text_projection
        return found


@pytest.mark.parametrize(("name", "activation"), [("gelu", nn.GELU()), ("quick_gelu", Quick())])
@torch.no_grad()
def test_both_towers_give_what_the_published_network_computes(tmp_path: Path, name: str, activation: nn.Module) -> None:
    torch.manual_seed(1)
    network, file = Clip(activation).eval(), str(tmp_path / "open_clip_pytorch_model.bin")
    for weight in network.parameters():
        weight.add_(0.1 * torch.randn_like(weight))  # biases and normalisation too
    torch.save(network.state_dict(), file)
    image = ClipImage(weights=file, patch=8, image_size=16, activation=name, **SIZES).eval()  # type: ignore[arg-type]
    x = torch.randint(0, 256, (2, 3, 16, 16))
    torch.testing.assert_close(image(x).pooled_BD, network.visual(image.standardise(x)), atol=1e-5, rtol=1e-4)
    text = ClipText(None, weights=file, vocabulary=50, tokens=TOKENS, activation=name, **SIZES).eval()  # type: ignore[arg-type]
    ids, mask = torch.tensor([[1, 9, 30, 2, 0], [1, 5, 6, 7, 2]]), torch.tensor([[True] * 4 + [False], [True] * 5])
    found = text(ids, mask).pooled_BD
    torch.testing.assert_close(found[:1], network.told(ids[:1, :4]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[1:], network.told(ids[1:]), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found[0], functional.normalize(found[0], dim=0)), "vectors keep their length"


def test_a_file_of_another_network_or_size_is_refused(tmp_path: Path) -> None:
    file = str(tmp_path / "open_clip.pt")
    torch.save(Clip(nn.GELU()).state_dict(), file)
    with pytest.raises(AssetError, match=r"do not fit CLIPVisionModelWithProjection: .* missing"):
        ClipImage(weights=file, patch=8, image_size=16, **{**SIZES, "depth": 3})  # type: ignore[arg-type]
    with pytest.raises(AssetError, match="of another shape"):
        ClipText(None, weights=file, vocabulary=51, tokens=TOKENS, **SIZES)  # type: ignore[arg-type]
    torch.save({"weight": torch.zeros(1)}, file)
    with pytest.raises(AssetError, match="no tower of CLIP for 'text', neither open_clip's nor ImageBind's"):
        ClipText(None, weights=file, **SIZES)  # type: ignore[arg-type]
