from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmx.errors import AssetError
from mmx_speech2face.weights import kind_of, vgg_face_tensors
from mmx_std.encoders.vgg_face import VggFace
from mmx_std.weights.weight_files import load_exactly

SMALL = {"width": 6, "side": 224, "stages": ((2, 2), (2, 2), (2, 3), (2, 3), (2, 3))}
"""VGG-Face's layers with two channels each: fc6 still reads 7 x 7 places."""


def network() -> tuple[VggFace, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    net = VggFace(**SMALL)
    return net, {**net.state_dict(), "fc8.weight": torch.randn(5, 6), "fc8.bias": torch.randn(5)}


def as_keras(tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The layout of Keras, by loops: kernels [row, column, in, out], dense [in, out], places row, column, channel."""
    found = {}
    for name, tensor in tensors.items():
        layer, kind = name.split(".")
        value = tensor.numpy()
        if kind == "bias":
            found[f"{layer}/{layer}_b_1:0"] = value
        elif value.ndim == 4:
            found[f"{layer}/{layer}_W_1:0"] = value.transpose(2, 3, 1, 0)
        elif layer == "fc6":
            table = np.zeros((7 * 7 * 2, len(value)), np.float32)
            for row in range(7):
                for column in range(7):
                    for channel in range(2):
                        table[(row * 7 + column) * 2 + channel] = value[:, channel * 49 + row * 7 + column]
            found[f"{layer}/{layer}_W_1:0"] = table
        else:
            found[f"{layer}/{layer}_W_1:0"] = value.T
    return found


def turned(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights for BGR that do the same to BGR as `tensors` to RGB."""
    return {**tensors, "conv1_1.weight": tensors["conv1_1.weight"][:, [2, 1, 0]]}


def test_the_pytorch_export_is_taken_as_it_is(tmp_path: Path) -> None:
    _, tensors = network()
    save_file(tensors, tmp_path / "dag.safetensors")
    found = vgg_face_tensors(tmp_path / "dag.safetensors")
    assert set(found) == set(tensors)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_keras_weights_do_the_same_to_a_image(tmp_path: Path) -> None:
    net, tensors = network()
    arrays = {name.replace("/", "__"): value for name, value in as_keras(turned(tensors)).items()}
    np.savez(tmp_path / "keras.npz", **arrays)
    found = vgg_face_tensors(tmp_path / "keras.npz")
    other = VggFace(**SMALL)
    load_exactly(other, {name: value for name, value in found.items() if not name.startswith("fc8")}, "keras.npz")
    x = torch.randn(1, 3, 224, 224)
    torch.testing.assert_close(other(x), net(x))
    torch.testing.assert_close(found["fc8.weight"], tensors["fc8.weight"])


def test_layers_in_plain_order(tmp_path: Path) -> None:
    _, tensors = network()
    layers = list(dict.fromkeys(name.split(".")[0] for name in tensors))
    numbered = {f"{2 * layers.index(n.split('.')[0])}.{n.split('.')[1]}": t for n, t in turned(tensors).items()}
    torch.save(numbered, tmp_path / "t7.pth")
    found = vgg_face_tensors(tmp_path / "t7.pth")
    assert set(found) == set(tensors)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    torch.save({name: value for name, value in numbered.items() if not name.startswith("4.")}, tmp_path / "less.pth")
    with pytest.raises(AssetError, match="15 layers in order"):
        vgg_face_tensors(tmp_path / "less.pth")


def test_the_order_of_colours_can_be_said(tmp_path: Path) -> None:
    _, tensors = network()
    save_file(tensors, tmp_path / "w.safetensors")
    found = vgg_face_tensors(tmp_path / "w.safetensors", "bgr")
    assert torch.equal(found["conv1_1.weight"], tensors["conv1_1.weight"].flip(1))


def test_hdf5_without_h5py_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(AssetError, match="pip install h5py"):
        vgg_face_tensors(tmp_path / "weights.h5")


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    _, tensors = network()
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for name, value in as_keras(turned(tensors)).items():
            file[name] = value
    found = vgg_face_tensors(tmp_path / "w.h5")
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    (tmp_path / "broken.h5").write_bytes(b"nothing")
    with pytest.raises(AssetError, match="cannot be read as HDF5"):
        vgg_face_tensors(tmp_path / "broken.h5")


def test_pickles_and_other_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", conv1_1=np.array([{"a": 1}], dtype=object))
    with pytest.raises(AssetError, match="plain arrays"):
        vgg_face_tensors(tmp_path / "objects.npz")
    save_file({"blocks.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(AssetError, match="no VGG-Face layers"):
        vgg_face_tensors(tmp_path / "other.safetensors")


def test_kinds_are_known_by_their_names() -> None:
    one = torch.zeros(1)
    assert kind_of({"conv1_1.weight": one}) == "dag"
    assert kind_of({"conv1_1/conv1_1_W_1:0": one}) == "keras"
    assert kind_of({"features.0.weight": one}) == "sequence"
    assert kind_of({"fc": one}) is None
