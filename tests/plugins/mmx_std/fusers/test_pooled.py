from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_std.fusers.late import LateEnsemble, Stacked
from mmx_std.fusers.pooled import Concat, Gated, NoFusion, Project

DIMS = {"image": 4, "audio": 3, "text": 2}
CLASSES = {"label": ["cat", "dog", "owl"], "caption": None}
B = 5


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def make_features(dims: dict[str, int] = DIMS) -> dict[str, Features]:
    return {name: Features(torch.randn(B, size)) for name, size in dims.items()}


def make_batch(**present: list[bool]) -> Batch:
    return Batch(ids=[str(i) for i in range(B)], present={name: torch.tensor(rows) for name, rows in present.items()})


ALL = [
    lambda: NoFusion(DIMS),
    lambda: Concat(DIMS),
    lambda: Concat(DIMS, width=6),
    lambda: LateEnsemble(DIMS, CLASSES),
    lambda: LateEnsemble(DIMS, CLASSES, weights="confidence", mean="vote"),
    lambda: Stacked(DIMS, CLASSES),
    lambda: Gated(DIMS, width=6),
    lambda: Gated(DIMS, width=6, per="feature"),
    lambda: Project(DIMS, width=6),
    lambda: Project(DIMS, width=6, hidden=5, batch_norm=True),
    lambda: Project(DIMS, width=6, layer_norm=True),
]


@pytest.mark.parametrize("make", ALL)
def test_every_fuser_keeps_its_promise_about_widths(make: Any) -> None:
    fuser = make()
    assert isinstance(fuser, Fuser)
    fused = fuser(make_features(), make_batch())
    assert {name: each.pooled_BD.shape for name, each in fused.items()} == {
        name: (B, width) for name, width in fuser.dims.items()
    }


@pytest.mark.parametrize("make", ALL[1:])
def test_what_a_missing_input_left_behind_has_no_influence(make: Any) -> None:
    """The encoder's output for a missing field is arbitrary; nothing that is fused may depend on it."""
    fuser = make().eval()
    features = make_features()
    batch = make_batch(audio=[True, False, True, False, True])
    before = fuser(features, batch)
    spoiled = features["audio"].pooled_BD.clone()
    spoiled[[1, 3]] = 1e3
    after = fuser({**features, "audio": Features(spoiled)}, batch)
    for name in before:
        rows = [0, 2, 4] if name == "audio" and isinstance(fuser, Concat | Gated | LateEnsemble | Stacked) else range(B)
        assert torch.equal(before[name].pooled_BD[list(rows)], after[name].pooled_BD[list(rows)]), name


@pytest.mark.parametrize("make", ALL[1:8])
def test_an_encoder_that_did_not_run_is_missing_for_all(make: Any) -> None:
    fuser = make().eval()
    features = make_features()
    absent = fuser(features, make_batch(audio=[False] * B))["joint"].pooled_BD
    del features["audio"]
    assert torch.allclose(fuser(features, make_batch())["joint"].pooled_BD, absent)


@pytest.mark.parametrize("make", ALL[1:8])
def test_a_sample_without_any_modality_is_finite(make: Any) -> None:
    nothing = [True, True, False, True, True]
    fuser = make()
    features = {name: Features(each.pooled_BD.requires_grad_()) for name, each in make_features().items()}
    fused = fuser(features, make_batch(audio=nothing, image=[False, *nothing[1:]], text=nothing))
    fused["joint"].pooled_BD.square().sum().backward()
    assert fused["joint"].pooled_BD.isfinite().all()
    assert all(p.grad.isfinite().all() for p in fuser.parameters() if p.grad is not None)
    assert all(each.pooled_BD.grad.isfinite().all() for each in features.values())


@pytest.mark.parametrize("make", ALL)
def test_one_encoder_is_enough(make: Any) -> None:
    fuser = type(make())
    extra = {"classes": CLASSES} if fuser in (LateEnsemble, Stacked) else {}
    fused = fuser({"audio": 3}, **extra)(make_features({"audio": 3}), make_batch())
    assert all(each.pooled_BD.shape[0] == B for each in fused.values())


@pytest.mark.parametrize("fuser", [Concat, Gated])
def test_joint_is_a_reserved_name_and_nothing_is_not_enough(fuser: Any) -> None:
    with pytest.raises(PortError, match="joint"):
        fuser({"joint": 3})
    with pytest.raises(PortError, match="at least one"):
        fuser({})
    with pytest.raises(PortError, match="no encoder ran"):
        fuser({"audio": 3})({}, make_batch())


def test_concat_is_in_sorted_order_of_names() -> None:
    features = make_features()
    expected = [
        [*features["audio"].pooled_BD[row], *features["image"].pooled_BD[row], *features["text"].pooled_BD[row]]
        for row in range(B)
    ]
    fused = Concat(DIMS)(features, make_batch())
    assert torch.equal(fused["joint"].pooled_BD, torch.tensor(expected))
    assert fused["audio"] is features["audio"]


@pytest.mark.parametrize("per", ["modality", "feature"])
def test_gated_weighs_projected_features(per: str) -> None:
    fuser = Gated(DIMS, width=2, per=per)
    features = make_features()
    present = [True, False, True, True, False]
    fused = fuser(features, make_batch(text=present))
    names = ["audio", "image", "text"]
    for row in range(B):
        there = [True, True, present[row]]
        vectors = [
            features[name].pooled_BD[row] * (1.0 if is_there else 0.0)
            for name, is_there in zip(names, there, strict=True)
        ]
        scores = (fuser.gate.weight.detach() @ torch.cat(vectors) + fuser.gate.bias.detach()).reshape(3, -1)
        for feature in range(2):
            column = scores[:, 0 if per == "modality" else feature]
            powers = [math.exp(value) if is_there else 0.0 for value, is_there in zip(column, there, strict=True)]
            expected = sum(
                power / sum(powers) * torch.tanh(fuser.projections[name](vector))[feature].item()
                for power, name, vector in zip(powers, names, vectors, strict=True)
            )
            assert fused["joint"].pooled_BD[row, feature].item() == pytest.approx(expected, abs=1e-5)
        assert fused["joint"].layers["gates"][row].sum(dim=0).allclose(torch.ones(1 if per == "modality" else 2))


def test_project_is_a_linear_map_of_length_one() -> None:
    fuser = Project(DIMS, width=6)
    features = make_features()
    fused = fuser(features, make_batch(audio=[True, False, True, True, True]))
    layer = fuser.projections["audio"][0]
    raw = features["audio"].pooled_BD @ layer.weight.T + layer.bias
    expected = raw / raw.pow(2).sum(dim=1, keepdim=True).sqrt()
    expected[1] = 0
    assert torch.allclose(fused["audio"].pooled_BD, expected, atol=1e-6)
    assert "joint" not in fused


def test_project_ignores_missing_rows_in_batch_statistics() -> None:
    fuser = Project({"audio": 3}, width=6, batch_norm=True, normalise=False)
    present = [True, False, True, True, False]
    features = make_features({"audio": 3})
    fused = fuser(features, make_batch(audio=present))["audio"].pooled_BD
    rows = fuser.projections["audio"](features["audio"].pooled_BD[present])
    expected = (rows - rows.mean(dim=0)) / (rows.var(dim=0, unbiased=False) + 1e-5).sqrt()
    assert torch.allclose(fused[present], expected, atol=1e-5)
    assert torch.equal(fused[[1, 4]], torch.zeros(2, 6))


@pytest.mark.parametrize("present", [[True, False, False, False, False], [False] * B])
def test_project_trains_on_batches_too_small_for_statistics(present: list[bool]) -> None:
    fuser = Project({"audio": 3}, width=6, batch_norm=True)
    fused = fuser(make_features({"audio": 3}), make_batch(audio=present))["audio"].pooled_BD
    fused.sum().backward()
    assert fused.isfinite().all()
    assert fuser.norms["audio"].training
    assert fuser.norms["audio"].num_batches_tracked == 0


def test_project_takes_tokens_along_when_asked() -> None:
    tokens, mask = torch.randn(B, 7, 3), torch.rand(B, 7) > 0.3
    features = {"audio": Features(torch.randn(B, 3), tokens, mask)}
    assert Project({"audio": 3}, width=6)(features, make_batch())["audio"].tokens_BTD is None
    fuser = Project({"audio": 3}, width=6, tokens=True)
    fused = fuser(features, make_batch(audio=[True, True, True, True, False]))["audio"]
    assert fused.tokens_BTD.shape == (B, 7, 6)
    assert fused.mask_BT is mask
    real = mask.clone()
    real[4] = False
    lengths = fused.tokens_BTD.norm(dim=2)
    assert torch.allclose(lengths, real.float(), atol=1e-5)


def test_the_heads_of_imagebind_normalise_and_project_without_bias() -> None:
    fuser = Project(DIMS, width=6, layer_norm=True, normalise=False, dropout={"text": 0.5})
    features = make_features()
    for name, size in DIMS.items():
        x = features[name].pooled_BD
        normal = (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + 1e-6).sqrt()
        weights = [each for key, each in fuser.projections[name].named_parameters() if each.dim() == 2]
        found = fuser.eval()(features, make_batch())[name].pooled_BD
        torch.testing.assert_close(found, normal @ weights[0].T, atol=1e-5, rtol=1e-5)
        assert sum(each.numel() for each in fuser.projections[name].parameters()) == 2 * size + 6 * size
    fuser.train()
    one, two = (fuser(features, make_batch()) for _ in range(2))
    assert torch.equal(one["audio"].pooled_BD, two["audio"].pooled_BD)
    assert not torch.equal(one["text"].pooled_BD, two["text"].pooled_BD)
    with pytest.raises(PortError, match="did you mean 'audio'"):
        Project(DIMS, dropout={"adio": 0.5})
