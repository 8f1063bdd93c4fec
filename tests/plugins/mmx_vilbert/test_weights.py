"""Released weights: each tensor has its place, both streams and heads give the numbers of the release's equations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmx.config.catalog import Catalog
from mmx.errors import AssetError
from mmx.model.build import Builder
from mmx.types import Batch, Features
from mmx_std.encoders.regions import Regions
from mmx_std.heads.published import PublishedPairs, PublishedRegions, PublishedWords
from mmx_vilbert.weights import Released, Text, own_names
from tests.plugins.mmx_bert.release import WORDS, released

SMALL = {"text": 8, "wide": 32, "image": 6, "both": 10, "words": len(WORDS), "positions": 16, "columns": 5}
BASE = {"text": 768, "wide": 3072, "image": 1024, "both": 1024, "words": 30522, "positions": 512, "columns": 2048}
HEADS = 2


def shapes(sizes: dict[str, int], layers: int, connections: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of a release, as the public code makes them."""
    text, wide, image, both = (sizes[name] for name in ("text", "wide", "image", "both"))
    table = {"word": sizes["words"], "position": sizes["positions"], "token_type": 2}
    found: dict[str, tuple[int, ...]] = {f"bert.embeddings.{k}_embeddings.weight": (n, text) for k, n in table.items()}
    found |= {"cls.predictions.bias": (sizes["words"],), "cls.predictions.decoder.weight": (sizes["words"], text)}
    linear = {
        "bert.v_embeddings.image_embeddings": (image, sizes["columns"]),
        "bert.v_embeddings.image_location_embeddings": (image, 5),
        "bert.t_pooler.dense": (both, text),
        "bert.v_pooler.dense": (both, image),
        "cls.predictions.transform.dense": (text, text),
        "cls.imagePredictions.transform.dense": (image, image),
        "cls.imagePredictions.decoder": (classes, image),
        "cls.bi_seq_relationship": (2, both),
    }
    norms = {"bert.embeddings.LayerNorm": text, "bert.v_embeddings.LayerNorm": image}
    norms |= {"cls.predictions.transform.LayerNorm": text, "cls.imagePredictions.transform.LayerNorm": image}
    for kind, count, width, hidden in (("layer", layers, text, wide), ("v_layer", connections, image, image)):
        for place in (f"bert.encoder.{kind}.{number}" for number in range(count)):
            linear |= {f"{place}.attention.self.{part}": (width, width) for part in ("query", "key", "value")}
            linear |= {f"{place}.attention.output.dense": (width, width)}
            linear |= {f"{place}.intermediate.dense": (hidden, width), f"{place}.output.dense": (width, hidden)}
            norms |= {f"{place}.attention.output.LayerNorm": width, f"{place}.output.LayerNorm": width}
    for place in (f"bert.encoder.c_layer.{number}" for number in range(connections)):
        for side, letter, width, hidden in ((1, "v", image, image), (2, "t", text, wide)):
            linear |= {f"{place}.biattention.{part}{side}": (both, width) for part in ("query", "key", "value")}
            linear |= {f"{place}.biOutput.{part}{side}": (width, both) for part in ("dense", "q_dense")}
            linear |= {f"{place}.{letter}_intermediate.dense": (hidden, width)}
            linear |= {f"{place}.{letter}_output.dense": (width, hidden)}
            norms |= {f"{place}.biOutput.LayerNorm{side}": width, f"{place}.{letter}_output.LayerNorm": width}
    for name, (outputs, inputs) in linear.items():
        found |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    for name, width in norms.items():
        found |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    return found


def drawn() -> dict[str, Tensor]:
    torch.manual_seed(5)
    found = {name: torch.randn(shape) * 0.4 for name, shape in shapes(SMALL, 3, 2, 4).items()}
    found["cls.predictions.decoder.weight"] = found["bert.embeddings.word_embeddings.weight"]
    return found


class Equations:
    """The public code's forward pass of one pair, by its names."""

    def __init__(self, given: dict[str, Tensor]) -> None:
        self.given = given

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.given[f"{name}.weight"].T + self.given[f"{name}.bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self.given[f"{name}.weight"], self.given[f"{name}.bias"], 1e-12)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        query, key, value = (x.reshape(len(x), HEADS, -1).transpose(0, 1) for x in (query, key, value))
        weights = (query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])).softmax(-1)
        return (weights @ value).transpose(0, 1).flatten(1)

    def after(self, wide: str, narrow: str, x: Tensor) -> Tensor:
        deep = self.linear(f"{narrow}.dense", functional.gelu(self.linear(f"{wide}.dense", x)))
        return self.norm(f"{narrow}.LayerNorm", x + deep)

    def layer(self, place: str, x: Tensor) -> Tensor:
        parts = [self.linear(f"{place}.attention.self.{part}", x) for part in ("query", "key", "value")]
        mixed = self.linear(f"{place}.attention.output.dense", self.attend(*parts))
        x = self.norm(f"{place}.attention.output.LayerNorm", x + mixed)
        return self.after(f"{place}.intermediate", f"{place}.output", x)

    def connection(self, place: str, v: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        parts = {
            f"{part}{side}": self.linear(f"{place}.biattention.{part}{side}", x)
            for side, x in ((1, v), (2, t))
            for part in ("query", "key", "value")
        }
        read_v = self.attend(parts["query1"], parts["key2"], parts["value2"])
        read_t = self.attend(parts["query2"], parts["key1"], parts["value1"])
        v = self.norm(f"{place}.biOutput.LayerNorm1", v + self.linear(f"{place}.biOutput.dense1", read_v))
        t = self.norm(f"{place}.biOutput.LayerNorm2", t + self.linear(f"{place}.biOutput.dense2", read_t))
        v = self.after(f"{place}.v_intermediate", f"{place}.v_output", v)
        return v, self.after(f"{place}.t_intermediate", f"{place}.t_output", t)

    def streams(self, ids: Tensor, seen: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image's and the text's states; the first region is the mean of all, at the whole image."""
        table = {k: self.given[f"bert.embeddings.{k}_embeddings.weight"] for k in ("word", "position", "token_type")}
        t = table["word"][ids] + table["position"][: len(ids)] + table["token_type"][0]
        t = self.norm("bert.embeddings.LayerNorm", t)
        seen = torch.cat([seen.mean(0, keepdim=True), seen])
        boxes = torch.cat([torch.tensor([[0.0, 0.0, 1.0, 1.0]]), boxes])
        area = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))[:, None]
        place = self.linear("bert.v_embeddings.image_location_embeddings", torch.cat([boxes, area], 1))
        v = self.norm("bert.v_embeddings.LayerNorm", self.linear("bert.v_embeddings.image_embeddings", seen) + place)
        t = self.layer("bert.encoder.layer.0", t)
        for number in range(2):
            v, t = self.connection(f"bert.encoder.c_layer.{number}", v, t)
            v, t = self.layer(f"bert.encoder.v_layer.{number}", v), self.layer(f"bert.encoder.layer.{number + 1}", t)
        return v, t


def test_a_release_gives_its_own_numbers(tmp_path: Path) -> None:
    given = drawn()
    released(tmp_path / "tokenizer")
    torch.save({f"module.{name}": tensor for name, tensor in given.items()}, tmp_path / "pretrained_model.bin")
    text = Text(None, str(tmp_path / "pretrained_model.bin"), tokenizer=str(tmp_path / "tokenizer"), heads=HEADS)
    built: dict[str, Any] = {"encoders.text": text.eval(), "encoders.regions": Regions(5, width=6)}
    dims = {"regions": 6, "text": 8}
    fuser = Released(dims, built=built, heads=HEADS, image_heads=HEADS).eval()
    ids, corners = text.prepare("the king plays"), torch.rand(3, 2) / 2
    rows = torch.cat([corners, corners + 0.4, torch.randn(3, 5)], 1)
    with torch.no_grad():
        encoded = {"text": text(ids[None]), "regions": built["encoders.regions"](rows[None])}
        found = fuser(encoded, Batch(["x"]))
    equations = Equations(given)
    v, t = equations.streams(ids, rows[:, 4:], rows[:, :4])
    near = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(found["regions"].tokens_BTD[0], v, **near)
    torch.testing.assert_close(found["text"].tokens_BTD[0], t, **near)

    about = {f"fused.{name}": width for name, width in fuser.dims.items()}
    port: dict[str, Features] = {f"fused.{name}": value for name, value in found.items()}
    joint = equations.linear("bert.v_pooler.dense", v[0]).relu() * equations.linear("bert.t_pooler.dense", t[0]).relu()
    other, own = PublishedPairs(about, {}, built=built)(port, Batch(["x"]))[0]
    expected = equations.linear("cls.bi_seq_relationship", joint)
    torch.testing.assert_close(torch.stack([own, other]), expected, **near)  # theirs: 0 own, 1 replaced
    batch = Batch(["x"])
    batch.targets = {"hidden text": torch.where(torch.arange(len(ids)) == 2, ids, -1)[None]}
    batch.targets["hidden regions"] = torch.tensor([[False, True, False]])
    deep = functional.gelu(equations.linear("cls.predictions.transform.dense", t[2]))
    deep = equations.norm("cls.predictions.transform.LayerNorm", deep)
    expected = deep @ given["bert.embeddings.word_embeddings.weight"].T + given["cls.predictions.bias"]
    torch.testing.assert_close(PublishedWords(about, built=built)(port, batch)["logits"][0], expected, **near)
    deep = functional.gelu(equations.linear("cls.imagePredictions.transform.dense", v[2]))
    deep = equations.norm("cls.imagePredictions.transform.LayerNorm", deep)
    expected = equations.linear("cls.imagePredictions.decoder", deep)
    torch.testing.assert_close(PublishedRegions(about, built=built)(port, batch)["logits"][0], expected, **near)


def test_what_is_no_release_is_named() -> None:
    given = drawn()
    with pytest.raises(AssetError, match=r"pretrained_model\.bin\): vil_logit\.weight"):
        own_names({**given, "vil_logit.weight": torch.zeros(1)}, "x")
    del given["bert.encoder.c_layer.1.biattention.key2.bias"]
    with pytest.raises(AssetError, match=r"no 'bert\.encoder\.c_layer\.1\.biattention\.key2\.bias'"):
        own_names(given, "x")
    with pytest.raises(AssetError, match="no table of words"):
        own_names({}, "x")


def test_every_tensor_of_the_base_configuration_has_its_place(tmp_path: Path) -> None:
    """At the sizes of the public configuration nothing is left over and nothing of the preset `paper` is missing."""
    catalog = Catalog.open(tmp_path)
    experiment = catalog.resolve("vilbert", preset="paper").experiment
    builder, built = Builder(catalog.plugins.registry, 0), {}
    with torch.device("meta"):
        for name in ("text", "regions"):
            path = f"encoders.{name}"
            built[path] = builder.part(experiment.encoders[name], "encoder", path, corpus=None)
        dims = {"regions": 1024, "text": 768}
        built["fuser"] = builder.part(experiment.fuser, "fuser", "fuser", dims=dims)
        about = {f"fused.{name}": width for name, width in built["fuser"].dims.items()}
        for name, part in experiment.heads.items():
            made = builder.part(part, "head", f"heads.{name}", dims=about, classes={}, built=built)
            built[f"heads.{name}"] = made
        theirs = own_names({k: torch.empty(shape) for k, shape in shapes(BASE, 12, 6, 1601).items()}, "base")
    ours = {f"{place}.{name}": each.shape for place, part in built.items() for name, each in part.named_parameters()}
    ours.pop("heads.words.table.weight")  # the encoder's
    assert ours == {name: tensor.shape for name, tensor in theirs.items()}
    assert sum(shape.numel() for shape in ours.values()) == 239_023_229
