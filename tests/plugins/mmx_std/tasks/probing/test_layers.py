"""Features of items: layers, pooling, windows, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import PortError
from mmx.model.model import Model
from mmx.types import Audio, Sample
from mmx_std.tasks.probing.layers import calibrate, features_of, known_layers


def test_every_layer_is_averaged_over_time(model: Model, run: Any, corpus: Any) -> None:
    samples = corpus.split("all")[:5]
    layers = ["conv1", "pool5", "tokens", "pooled", "objects"]
    found = features_of(model, run, samples, "encoded.audio", layers, head="labels", batch_size=2)
    for sample in samples:
        with torch.inference_mode():
            batch = model.prepare([sample], ["audio"])
            outputs = model(batch, ["encoded.audio", "heads.labels"])
        features = outputs.encoded["audio"]
        expected = {
            "conv1": features.layers["conv1"][0].mean(0),
            "pool5": features.layers["pool5"][0].mean(0),
            "tokens": features.layers["conv7"][0].mean(0),
            "pooled": features.pooled_BD[0],
            "objects": outputs.heads["labels"]["objects"][0].mean(0),
        }
        for layer, values in expected.items():
            np.testing.assert_allclose(found[layer][sample.id], values.numpy()[None], rtol=1e-4, atol=1e-6)
    assert set(run.asked) == {("audio",)}, "frames are not encoded where only audio is used"


def test_the_end_of_a_padded_sound_is_not_used(model: Model, run: Any) -> None:
    rng = np.random.default_rng(0)
    samples = [
        Sample(str(length), {"audio": Audio(rng.uniform(-1, 1, (1, length)).astype(np.float32), 2000)})
        for length in (2000, 5000, 3333)
    ]
    layers = ["conv2", "pool5", "conv7", "tokens", "objects"]
    together = features_of(model, run, samples, "encoded.audio", layers, head="labels", batch_size=3)
    alone = features_of(model, run, samples, "encoded.audio", layers, head="labels", batch_size=1)
    for layer in layers:
        for sample in samples:
            np.testing.assert_allclose(together[layer][sample.id], alone[layer][sample.id], rtol=1e-4, atol=1e-6)


def test_windows_slide_over_a_tenth_of_the_clip(model: Model, run: Any, corpus: Any) -> None:
    [sample] = corpus.split("all")[:1]
    windows = features_of(model, run, [sample], "encoded.audio", ["conv2"], pooling="windows")["conv2"][sample.id]
    with torch.inference_mode():
        steps_TD = model.encoders["audio"](model.encoders["audio"].prepare(sample.fields["audio"])[None]).layers[
            "conv2"
        ][0]
    length = len(steps_TD)
    width = -(-length // 10)
    assert windows.shape == (length - width + 1, width * steps_TD.shape[1])
    np.testing.assert_allclose(windows[7], steps_TD[7 : 7 + width].flatten().numpy(), rtol=1e-5)


def test_an_unknown_layer_is_named_with_the_known_ones(model: Model, run: Any, corpus: Any) -> None:
    with pytest.raises(PortError, match=r"'pool6'.*did you mean 'pool5'"):
        features_of(model, run, corpus.split("all")[:1], "encoded.audio", ["pool6"])
    samples = corpus.split("train")
    assert known_layers(model, run, samples, "encoded.audio", "labels") == (
        [*model.encoders["audio"](torch.zeros(1, 2000)).layers, "tokens", "pooled"],
        ["objects", "scenes"],
    )
    assert known_layers(model, run, samples, "fused.objects") == (["tokens", "pooled"], [])
    del model.heads["labels"].convs["objects"]
    assert known_layers(model, run, samples, "encoded.audio", "labels")[1] == ["scenes"]


def test_calibration_gives_the_statistics_of_the_sounds_and_changes_no_weight(
    model: Model, run: Any, corpus: Any
) -> None:
    samples = corpus.split("train")
    before = {name: value.clone() for name, value in model.named_parameters()}
    calibrate(model, run, samples, "encoded.audio", batch_size=len(samples))
    block = model.encoders["audio"].blocks["conv1"]
    batch = model.prepare(samples, ["audio"])
    with torch.inference_mode():
        response_BCT = block.conv(batch.inputs["audio"].unsqueeze(1) * 256)
    torch.testing.assert_close(block.norm.running_mean, response_BCT.mean((0, 2)), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(block.norm.running_var, response_BCT.var((0, 2)), rtol=1e-3, atol=1e-4)
    assert not block.norm.training
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())
