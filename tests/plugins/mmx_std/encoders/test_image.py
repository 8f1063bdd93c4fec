from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from mmx.errors import AssetError, ConfigError, UnknownNameError
from mmx.interfaces import Encoder
from mmx_std.encoders.image import Conv2d, Pixels, Timm


def images(count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


def test_a_convolutional_model_gives_its_last_map_row_by_row() -> None:
    encoder = Timm("test_resnet").eval()
    assert isinstance(encoder, Encoder)
    x = images(2, encoder.image_size)
    with torch.no_grad():
        features = encoder(x)
        map_BDHW = encoder.backbone.forward_features((x.float() - encoder.standardise.mean) / encoder.standardise.std)
    _, width, rows, columns = map_BDHW.shape
    assert features.pooled_BD.shape == (2, encoder.out_dim) == (2, width)
    for row in range(rows):
        for column in range(columns):
            torch.testing.assert_close(features.tokens_BTD[:, row * columns + column], map_BDHW[:, :, row, column])
    torch.testing.assert_close(features.pooled_BD, map_BDHW.mean((2, 3)))


def test_a_vision_transformer_gives_its_patches_without_specials() -> None:
    encoder = Timm("test_vit").eval()
    side = encoder.image_size // encoder.backbone.patch_embed.patch_size[0]
    features = encoder(images(2, encoder.image_size))
    assert features.tokens_BTD.shape == (2, side * side, encoder.out_dim)
    assert features.pooled_BD.shape == (2, encoder.out_dim)


def test_channels_last_maps_are_recognised() -> None:
    encoder = Timm("swin_tiny_patch4_window7_224", image_size=224).eval()
    with torch.no_grad():
        features = encoder(images(1, 224))
    assert features.tokens_BTD.shape == (1, 49, encoder.out_dim)


def test_pooled_and_tokens_are_equally_wide_where_the_model_widens_again() -> None:
    encoder = Timm("mobilenetv3_small_050", image_size=32).eval()
    with torch.no_grad():
        features = encoder(images(1, 32))
    assert features.pooled_BD.shape[-1] == features.tokens_BTD.shape[-1] == encoder.out_dim
    torch.testing.assert_close(features.pooled_BD, features.tokens_BTD.mean(1))


@pytest.mark.parametrize("size", [32, 64])
def test_models_of_fixed_size_are_built_for_the_size_asked_for(size: int) -> None:
    assert Timm("test_vit", image_size=size)(images(1, size)).tokens_BTD.shape[1] == (size // 16) ** 2


def test_a_classifier_gives_the_logits_of_timm_itself() -> None:
    encoder = Timm("test_resnet", classifier=True, mean=127, std=128).eval()
    x = images(2, encoder.image_size)
    with torch.no_grad():
        features = encoder(x)
        expected = encoder.backbone((x.float() - 127) / 128)
    assert encoder.out_dim == 1000
    assert features.tokens_BTD is None
    torch.testing.assert_close(features.pooled_BD, expected)


def test_the_default_scale_is_the_models_own() -> None:
    encoder = Timm("test_resnet")
    config = timm.create_model("test_resnet").pretrained_cfg
    x = images(1, 8)
    for channel in range(3):
        expected = (x[:, channel].float() / 255 - config["mean"][channel]) / config["std"][channel]
        torch.testing.assert_close(encoder.standardise(x)[:, channel], expected)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("classes", [1000, 7])
def test_local_weights_are_loaded_whatever_their_number_of_classes(tmp_path: Path, suffix: str, classes: int) -> None:
    model = timm.create_model("test_resnet", num_classes=classes).eval()
    path = tmp_path / f"model.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(model.state_dict(), path)
    teacher = Timm("test_resnet", str(path), classifier=True, mean=0, std=1).eval()
    features = Timm("test_resnet", str(path), mean=0, std=1).eval()
    x = images(1, teacher.image_size)
    with torch.no_grad():
        torch.testing.assert_close(teacher(x).pooled_BD, model(x.float()))
        torch.testing.assert_close(features(x).pooled_BD, model.forward_head(model.forward_features(x.float()), True))
    assert teacher.out_dim == classes


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "vit.safetensors")
    with pytest.raises(AssetError, match=r"do not fit .*missing.*unknown"):
        Timm("test_resnet", str(tmp_path / "vit.safetensors"))


def test_no_weights_are_ever_replaced_by_random_ones() -> None:
    with pytest.raises(AssetError, match=r"from the hub .*weights=PATH"):
        Timm("test_resnet", "hub")
    with pytest.raises(AssetError, match="no such file"):
        Timm("test_resnet", "nowhere.safetensors")


def test_an_unknown_model_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="resnet18"):
        Timm("resnet81")


@pytest.mark.parametrize("encoder", [Timm("test_resnet", image_size=48), Conv2d(image_size=48)])
@pytest.mark.parametrize("shape", [(1, 1), (300, 20), (48, 48)])
def test_images_of_any_size_are_prepared(encoder: Encoder, shape: tuple[int, int]) -> None:
    x = encoder.prepare(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))
    assert x.shape == (3, 48, 48)
    assert encoder(torch.stack([x, x])).pooled_BD.isfinite().all()


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_conv2d_has_the_documented_layers(norm: str) -> None:
    encoder = Conv2d([4, 6], depth=2, norm=norm, image_size=16).eval()  # type: ignore[arg-type]
    x = images(2, 16)
    features = encoder(x)
    assert features.tokens_BTD.shape == (2, 4 * 4, 6)
    assert encoder.out_dim == 6
    bias, affine = (1, 0) if norm == "none" else (0, 2)
    sizes = [(3, 4), (4, 4), (4, 6), (6, 6)]
    count = sum(9 * inputs * outputs + (bias + affine) * outputs for inputs, outputs in sizes)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == count
    torch.testing.assert_close(features.pooled_BD, features.tokens_BTD.mean(1))


def test_conv2d_without_norm_is_convolution_and_rectifier() -> None:
    encoder = Conv2d([2], norm="none", image_size=4)
    x = images(1, 4)
    scaled = (x[0].double() - 127.5) / 127.5
    weight, bias = encoder.layers[0].weight.double(), encoder.layers[0].bias.double()
    tokens = encoder(x).tokens_BTD[0].double()
    for row in range(2):
        for column in range(2):
            for channel in range(2):
                total = bias[channel]
                for i in range(3):
                    for j in range(3):
                        r, c = 2 * row + i - 1, 2 * column + j - 1
                        if 0 <= r < 4 and 0 <= c < 4:
                            total = total + (weight[channel, :, i, j] * scaled[:, r, c]).sum()
                torch.testing.assert_close(tokens[2 * row + column, channel], total.clamp_min(0), atol=1e-5, rtol=1e-5)


def test_evaluation_is_deterministic() -> None:
    encoder = Conv2d().eval()
    x = images(3, 64)
    assert torch.equal(encoder(x).pooled_BD, encoder(x).pooled_BD)


def test_pixels_are_the_image() -> None:
    raw = images(1, 20)[0].permute(1, 2, 0).numpy().astype(np.uint8).copy()
    encoder = Pixels(side=20)
    found = encoder(encoder.prepare(raw)[None]).pooled_BD.view(3, 20, 20)
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), raw / 255.0, atol=1e-6)


def test_an_earlier_stage_of_the_pyramid_gives_its_places() -> None:
    """VGG's conv5 before its pooling: stage 4, a sixteenth of the side, 512 wide (Xu et al., 2015: 14 x 14 of 224)."""
    torch.manual_seed(0)
    encoder = Timm("vgg11", image_size=64, stage=4).eval()
    assert encoder.out_dim == 512
    x = images(1, 64)
    with torch.no_grad():
        features = encoder(x)
        map_BDHW = encoder.backbone.features[:-1](encoder.standardise(x))  # all but the last pooling
    assert features.tokens_BTD.shape == (1, 4 * 4, 512)
    torch.testing.assert_close(features.tokens_BTD[0, 4 * 1 + 2], map_BDHW[0, :, 1, 2])
    torch.testing.assert_close(features.pooled_BD, map_BDHW.mean((2, 3)))


def test_a_stage_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="test_resnet has 5 stages"):
        Timm("test_resnet", stage=9)
    with pytest.raises(ConfigError, match="logits alone"):
        Timm("test_resnet", stage=1, classifier=True)


def test_the_hidden_layer_before_a_classifier() -> None:
    """What the model's last linear layer reads: 4,096 units in VGG, 1,024 in this one, whose last map has fewer."""
    x, name = images(2, 32), "mobilenetv3_small_050"
    encoder = Timm(name, hidden=True, image_size=32).eval()
    whole = timm.create_model(name).eval()
    whole.load_state_dict(encoder.backbone.state_dict(), strict=False)
    with torch.no_grad():
        found = encoder(x).pooled_BD
        logits = whole((x.float() - encoder.standardise.mean) / encoder.standardise.std)
    assert found.shape == (2, encoder.out_dim) == (2, 1024) and encoder.width < 1024
    torch.testing.assert_close(whole.classifier(found), logits)
    with pytest.raises(ConfigError, match="hidden"):
        Timm(name, hidden=True, stage=1)
