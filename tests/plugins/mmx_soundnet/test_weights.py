"""Weights of other implementations under our names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from mmx.config.catalog import Catalog
from mmx.errors import AssetError
from mmx.runs.prediction import open_run
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Audio
from mmx_soundnet.model.raw_waveform import Conv8
from mmx_soundnet.model.two_heads import TwoHeads
from mmx_soundnet.weights import check, convert, from_arrays, from_state, load_encoder, load_head, read

LAYERS = {  # name: kernel, in, out
    "conv1": (64, 1, 16),
    "conv2": (32, 16, 32),
    "conv3": (16, 32, 64),
    "conv4": (8, 64, 128),
    "conv5": (4, 128, 256),
    "conv6": (4, 256, 512),
    "conv7": (4, 512, 1024),
    "conv8": (8, 1024, 1000),
    "conv8_2": (8, 1024, 401),
}
POSITIONS = {"conv1": 0, "conv2": 4, "conv3": 8, "conv4": 11, "conv5": 14, "conv6": 18, "conv7": 21}


@pytest.fixture(scope="module")
def arrays() -> dict:
    """Random arrays laid out as in the TensorFlow port, with statistics that fit the input scale."""
    rng = np.random.default_rng(0)
    result = {}
    for name, (kernel, inputs, outputs) in LAYERS.items():
        values = {
            "weights": rng.normal(0, 0.01, (kernel, 1, inputs, outputs)).astype(np.float32),
            "biases": rng.normal(size=outputs).astype(np.float32),
        }
        if not name.startswith("conv8"):
            for key in ("gamma", "beta", "mean"):
                values[key] = rng.normal(size=outputs).astype(np.float32)
            values["var"] = np.full(outputs, 64 * 0.01**2 * 5000, np.float32)
        result[name] = values
    return result


def named(arrays: dict, style: str) -> dict[str, torch.Tensor]:
    """The same weights as the state dict of another implementation."""
    norm = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
    heads = {
        "smallflyingpig": ("conv8.0", "conv8_2.0"),
        "keunhong": ("conv8_objs", "conv8_scns"),
        "sequence": ("24.0", "24.1"),
    }[style]
    state = {}
    for layer, values in arrays.items():
        kernel = torch.tensor(values["weights"]).permute(3, 2, 0, 1)  # (out, in, height, width)
        if layer.startswith("conv8"):
            conv, norms = heads[layer == "conv8_2"], ""
        else:
            number, position = layer[-1], POSITIONS[layer]
            conv, norms = {
                "smallflyingpig": (f"{layer}.0", f"{layer}.1"),
                "keunhong": (layer, f"batchnorm{number}"),
                "sequence": (str(position), str(position + 1)),
            }[style]
            state |= {f"{norms}.{key}": torch.tensor(values[source]) for key, source in norm.items()}
            state[f"{norms}.num_batches_tracked"] = torch.tensor(7)
        state |= {f"{conv}.weight": kernel, f"{conv}.bias": torch.tensor(values["biases"])}
    return state


def test_arrays_are_renamed_and_turned(arrays: dict) -> None:
    weights = from_arrays(arrays)
    assert len(weights) == 7 * 6 + 2 * 2
    assert sum(value.numel() for name, value in weights.items() if "running" not in name) == 14_352_713
    source = arrays["conv2"]["weights"]
    for out, inputs, step in ((0, 0, 0), (31, 15, 31), (7, 3, 12)):
        assert weights["conv2.conv.weight"][out, inputs, step].item() == source[step, 0, inputs, out]
    np.testing.assert_array_equal(weights["conv5.norm.running_var"], arrays["conv5"]["var"])
    np.testing.assert_array_equal(weights["scenes.bias"], arrays["conv8_2"]["biases"])


@pytest.mark.parametrize("style", ["smallflyingpig", "keunhong", "sequence"])
def test_every_naming_gives_the_same_network(arrays: dict, style: str) -> None:
    expected, renamed = from_arrays(arrays), from_state(named(arrays, style))
    assert expected.keys() == renamed.keys()
    assert all(torch.equal(expected[name], renamed[name]) for name in expected)


def test_loading_fills_encoder_and_head(arrays: dict, tmp_path: Path) -> None:
    weights = from_arrays(arrays)
    save_file(weights, tmp_path / "sound8.safetensors")
    torch.save({"state_dict": named(arrays, "smallflyingpig")}, tmp_path / "sound8.pth")
    for name in ("sound8.safetensors", "sound8.pth"):
        encoder = Conv8(weights=str(tmp_path / name))
        head = TwoHeads({"audio": 1024}, objects=1000, scenes=401, weights=str(tmp_path / name))
        assert torch.equal(encoder.blocks["conv3"].conv.weight, weights["conv3.conv.weight"])
        assert torch.equal(encoder.blocks["conv3"].norm.running_mean, weights["conv3.norm.running_mean"])
        assert torch.equal(head.convs["scenes"].weight, weights["scenes.weight"])


def test_only_the_layers_that_are_there_are_filled(arrays: dict, tmp_path: Path) -> None:
    weights = from_arrays(arrays)
    save_file(weights, tmp_path / "sound8.safetensors")
    encoder = Conv8(until="conv2", weights=str(tmp_path / "sound8.safetensors"))
    assert torch.equal(encoder.blocks["conv2"].norm.bias, weights["conv2.norm.bias"])
    head = TwoHeads({"audio": 1024}, objects=0, scenes=401, weights=str(tmp_path / "sound8.safetensors"))
    assert torch.equal(head.convs["scenes"].bias, weights["scenes.bias"])


def test_weights_that_do_not_fit_are_named(arrays: dict, tmp_path: Path) -> None:
    weights = from_arrays(arrays)
    path = tmp_path / "sound8.safetensors"
    save_file(weights, path)
    with pytest.raises(AssetError, match=r"conv1\.conv\.bias \(16,\) instead of \(8,\)"):
        load_encoder(Conv8(width=0.5), path)
    with pytest.raises(AssetError, match=r"objects\.bias \(1000,\) instead of"):
        load_head(TwoHeads({"audio": 1024}, objects=10, scenes=401), path)
    save_file({name: value for name, value in weights.items() if name != "conv4.norm.bias"}, path)
    with pytest.raises(AssetError, match=r"1 missing \(conv4\.norm\.bias\)"):
        load_encoder(Conv8(), path)
    with pytest.raises(AssetError, match=r"unexpected weight 'features\.0\.weight'"):
        from_state({"features.0.weight": torch.zeros(1)})
    with pytest.raises(AssetError, match=r"mmx fetch soundnet/sound8"):
        read(tmp_path / "nothing.pth")


def test_a_state_dict_with_code_in_it_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (exec, ("raise SystemExit('executed')",))

    torch.save({"conv1.0.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(AssetError, match="not a safetensors file"):
        read(tmp_path / "evil.pth")


def test_the_self_check_passes_sound_weights_and_finds_faults(arrays: dict) -> None:
    weights = from_arrays(arrays)
    check(weights)
    other_scale = {**weights, "conv1.norm.running_var": weights["conv1.norm.running_var"] / 256**2}
    with pytest.raises(AssetError, match="input scale"):
        check(other_scale)
    with pytest.raises(AssetError, match="finite"):
        check({**weights, "objects.bias": torch.full((1000,), torch.nan)})


def test_converting_reads_the_file_of_the_port(arrays: dict, tmp_path: Path) -> None:
    path = tmp_path / "sound8.npy"
    np.save(path, np.array(arrays, dtype=object), allow_pickle=True)
    converted = convert(path)
    expected = from_arrays(arrays)
    assert all(torch.equal(expected[name], converted[name]) for name in expected)
    assert torch.equal(read(path)["conv1.conv.bias"], expected["conv1.conv.bias"])


def test_the_preset_pretrained_is_judged_and_answers_with_such_weights(arrays: dict, tmp_path: Path) -> None:
    file = tmp_path / "sound8.safetensors"
    save_file(from_arrays(arrays), str(file))
    rows = []
    for place, name in enumerate(["low", "high"] * 4):
        wave = 0.3 * np.sin(np.arange(22_050) * (0.05 if name == "low" else 0.4))
        noise = np.random.default_rng(place).normal(0, 0.01, wave.size)
        soundfile.write(tmp_path / f"{place}.wav", (wave + noise).astype(np.float32), 22_050)
        row = {"id": str(place), "audio": f"{place}.wav", "label": name, "recording": str(place), "split": "test"}
        rows.append(row)
    (tmp_path / "sounds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    catalog = Catalog.open(tmp_path)
    overrides = [
        *(f"{part}.weights={file}" for part in ("encoders.audio", "heads.labels")),
        *("corpus.clips=8", "corpus.val_clips=4", "corpus.test_clips=8", "corpus.side=64"),
        *(f"task.sounds={{use: std/manifest, path: {tmp_path / 'sounds.jsonl'}}}", "task.sweep=[]"),
        *("task.clips=8", "task.repeats=1", "task.folds=2"),
    ]
    resolved = catalog.resolve("soundnet", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    folder = tmp_path / "run"
    folder.mkdir()
    done = execute(resolved, catalog.plugins, folder, Quiet(), tracking=False)
    assert done is not None and (done.report.used, done.report.expected) == (8, 8)
    found = {metric.name: metric.value for metric in done.report.metrics}
    assert found.keys() == {"accuracy", "kl", "clip_accuracy"}
    assert found["accuracy"] == 1.0, "even random layers tell 175 Hz from 1400"
    built = open_run(catalog, folder)
    weights = from_arrays(arrays)
    assert torch.equal(built.model.encoders["audio"].blocks["conv3"].conv.weight, weights["conv3.conv.weight"])
    assert torch.equal(built.model.heads["labels"].convs["scenes"].bias, weights["scenes.bias"])
    tone = Audio(0.3 * np.sin(np.arange(22_050, dtype=np.float32) / 8)[None], 22_050)
    answers = built.task.predict(built.model, {"audio": tone}).rows
    assert len(answers) == 5 and {"object", "object_probability"} <= answers[0].keys()
    assert answers[0]["object_probability"] >= answers[4]["object_probability"] > 0
