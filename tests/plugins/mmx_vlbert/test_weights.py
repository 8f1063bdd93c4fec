"""Released weights: each tensor has its place, the stream gives the release's numbers, sizes are the paper's."""

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
from mmx.types import Batch
from mmx_std.encoders.regions import Regions, coordinate_waves
from mmx_std.heads.published import PublishedRegions, PublishedWords
from mmx_vlbert.weights import Released, Tables, own_names
from tests.plugins.mmx_bert.release import WORDS, released
from tests.plugins.mmx_vlbert.release import drawn, names

WIDTH, COLUMNS, HEADS = 8, 6, 2
SHAPES = names(width=WIDTH, layers=2, words=len(WORDS), positions=16, hidden=12, columns=COLUMNS, classes=5, waves=2)


def linear(given: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return x @ given[f"module.{name}.weight"].T + given[f"module.{name}.bias"]


def normal(given: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], given[f"module.{name}.weight"], given[f"module.{name}.bias"], 1e-12)


def layer(given: dict[str, Tensor], number: int, x_LW: Tensor) -> Tensor:
    """Return a layer of BERT, by its equations and the release's names."""
    place = f"vlbert.encoder.layer.{number}"
    parts = [linear(given, f"{place}.attention.self.{name}", x_LW) for name in ("query", "key", "value")]
    query, key, value = (part.reshape(len(x_LW), HEADS, -1).transpose(0, 1) for part in parts)
    weights = (query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])).softmax(-1)
    mixed = (weights @ value).transpose(0, 1).flatten(1)
    x_LW = normal(
        given, f"{place}.attention.output.LayerNorm", x_LW + linear(given, f"{place}.attention.output.dense", mixed)
    )
    wide = functional.gelu(linear(given, f"{place}.intermediate.dense", x_LW))
    return normal(given, f"{place}.output.LayerNorm", x_LW + linear(given, f"{place}.output.dense", wide))


def parts(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    released(folder / "tokenizer")
    given = drawn(SHAPES)
    torch.save(given, folder / "vl-bert.model")
    built: dict[str, Any] = {
        "encoders.text": Tables(None, str(folder / "vl-bert.model"), tokenizer=str(folder / "tokenizer"))
    }
    built["encoders.regions"] = Regions(COLUMNS, width=WIDTH, geometry="sin-cos", waves=2, mask=True)
    return given, built


def test_a_release_gives_its_own_numbers(tmp_path: Path) -> None:
    given, built = parts(tmp_path)
    text, regions = built["encoders.text"], built["encoders.regions"]
    fuser = Released({"text": WIDTH, "regions": WIDTH}, built=built, heads=HEADS).eval()
    ids = text.prepare("the king plays")
    rows = torch.rand(2, 4 + COLUMNS)
    rows[1, 4:] = 0
    batch = Batch(["x"], {"text": ids[None], "regions": rows[None]})
    found = fuser({"text": text.eval()(ids[None]), "regions": regions.eval()(rows[None])}, batch)

    boxes = torch.cat([torch.tensor([[0.0, 0.0, 1.0, 1.0]]), rows[:, :4]])
    mask = given["module.object_mask_visual_embedding.weight"]
    seen = torch.cat([rows[:1, 4:], rows[:1, 4:], mask])
    looks = linear(
        given, "image_feature_extractor.obj_downsample.1", torch.cat([coordinate_waves(boxes, 2), seen], 1)
    ).relu()
    table = {name: given[f"module.{name}.weight"] for name in (
        "vlbert.position_embeddings", "vlbert.token_type_embeddings", "vlbert.word_embeddings", "vlbert.end_embedding",
        "object_linguistic_embeddings", "object_mask_word_embedding",
    )}  # fmt: skip
    place, kind = table["vlbert.position_embeddings"], table["vlbert.token_type_embeddings"]
    words = (
        table["vlbert.word_embeddings"][ids]
        + place[: len(ids)]
        + kind[0]
        + normal(given, "vlbert.visual_ln_text", looks[0])
    )
    token = table["object_linguistic_embeddings"].repeat(3, 1)
    token[2] = table["object_mask_word_embedding"]
    shown = token + place[len(ids)] + kind[2] + normal(given, "vlbert.visual_ln_object", looks)
    end = table["vlbert.end_embedding"] + place[len(ids) + 1] + kind[2]
    x = normal(given, "vlbert.embedding_LayerNorm", torch.cat([words, shown, end]))
    for number in range(2):
        x = layer(given, number, x)
    torch.testing.assert_close(found["joint"].tokens_BTD[0], x, atol=1e-4, rtol=1e-4)

    about = {f"fused.{name}": WIDTH for name in ("text", "regions")}
    batch.targets = {"hidden text": torch.where(torch.arange(len(ids)) == 2, ids, -1)[None]}
    batch.targets["hidden regions"] = torch.tensor([[False, True]])
    port = {f"fused.{name}": value for name, value in found.items()}
    deep = normal(
        given, "vlbert.mlm_head.predictions.transform.LayerNorm",
        functional.gelu(linear(given, "vlbert.mlm_head.predictions.transform.dense", x[2])),
    )  # fmt: skip
    expected = deep @ table["vlbert.word_embeddings"].T + given["module.vlbert.mlm_head.predictions.bias"]
    torch.testing.assert_close(
        PublishedWords(about, built=built)(port, batch)["logits"][0], expected, atol=1e-4, rtol=1e-4
    )
    deep = functional.gelu(linear(given, "vlbert.mvrc_head.transform.dense", x[len(ids) + 2]))
    expected = linear(given, "vlbert.mvrc_head.region_cls_pred", deep)
    torch.testing.assert_close(
        PublishedRegions(about, built=built)(port, batch)["logits"][0], expected, atol=1e-4, rtol=1e-4
    )


def test_what_is_no_release_for_regions_is_named() -> None:
    given = drawn(SHAPES)
    assert not [name for name in own_names(given, "x") if not name.startswith(("encoders.", "fuser.", "heads."))]
    with pytest.raises(AssetError, match=r"vl-bert-base-prec\.model\): image_feature_extractor\.backbone"):
        own_names({**given, "module.image_feature_extractor.backbone.conv1.weight": torch.zeros(1)}, "x")
    with pytest.raises(AssetError, match="no table of words"):
        own_names({}, "x")


@pytest.mark.parametrize(
    ("preset", "sizes", "exact"),
    [("paper", (768, 12, 3072), 114_491_515), ("large", (1024, 24, 4096), 342_071_675)],
)
def test_the_sizes_are_those_of_the_released_models(
    preset: str, sizes: tuple[int, int, int], exact: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every tensor of the public code, at the sizes of its configurations, has its place here, and nothing is left."""
    import torchaudio.compliance.kaldi  # noqa: F401  # its constants are tensors, which must not be made on meta

    catalog = Catalog.open(tmp_path_factory.mktemp("empty"))
    experiment = catalog.resolve("vlbert", preset=preset).experiment
    builder = Builder(catalog.plugins.registry, 0)
    built: dict[str, Any] = {}
    with torch.device("meta"):
        for name in ("text", "regions"):
            built[f"encoders.{name}"] = builder.part(
                experiment.encoders[name], "encoder", f"encoders.{name}", corpus=None, built=built
            )
        dims = {name: built[f"encoders.{name}"].out_dim for name in ("text", "regions")}
        built["fuser"] = builder.part(experiment.fuser, "fuser", "fuser", dims=dims, built=built)
        ports = {f"fused.{name}": width for name, width in built["fuser"].dims.items()}
        for name in ("words", "region_classes"):
            built[f"heads.{name}"] = builder.part(
                experiment.heads[name], "head", f"heads.{name}", dims=ports, built=built, classes={}, corpus=None
            )
        width, layers, hidden = sizes
        shapes = names(
            width=width, layers=layers, words=30522, positions=512, hidden=hidden, columns=2048, classes=1601, waves=512
        )
        theirs = own_names({name: torch.empty(shape) for name, shape in shapes.items()}, preset)
    shared = ("fuser.place.", "heads.words.table.")
    ours = {
        f"{place}.{name}": weight.shape
        for place, part in built.items()
        for name, weight in part.named_parameters()
        if not f"{place}.{name}".startswith(shared)
    }
    assert ours == {name: tensor.shape for name, tensor in theirs.items()}
    # BERT's tables with a third type and its layers, what VL-BERT adds, and both heads.
    bert = (30522 + 512 + 3) * width + 2 * width + layers * (4 * (width + 1) * width + 4 * width)
    bert += layers * ((width + 1) * hidden + (hidden + 1) * width)
    added = 4096 * width + width + 4 * width + 2048 + 4 * width
    heads = (width + 1) * width + 2 * width + 30522 + (width + 1) * width + (width + 1) * 1601
    assert sum(shape.numel() for shape in ours.values()) == bert + added + heads == exact
