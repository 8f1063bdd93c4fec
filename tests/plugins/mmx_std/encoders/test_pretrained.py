"""Text models of the transformers library: small random ones, towers, and what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmx.errors import AssetError, ConfigError
from mmx_std.encoders.pretrained import load_transformer, tiny_transformer


@pytest.mark.parametrize("model", ["bert", "distilbert-base-uncased", "openai/clip-vit-base-patch32", "t5"])
def test_a_tiny_model_of_the_class_that_is_named(model: str) -> None:
    torch.manual_seed(0)
    backbone = tiny_transformer(model, 50, 16)
    with torch.no_grad():
        hidden_BTD = backbone(input_ids=torch.randint(0, 50, (2, 16))).last_hidden_state
    assert hidden_BTD.shape == (2, 16, backbone.config.hidden_size)
    assert sum(parameter.numel() for parameter in backbone.parameters()) < 1_000_000


def test_an_unknown_class_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no model type in 'brt'; did you mean"):
        tiny_transformer("brt", 50, 16)


def test_a_missing_model_names_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"neither a local folder nor to be had from the hub.*tokenizer\.json"):
        load_transformer(str(tmp_path / "nothing"))
