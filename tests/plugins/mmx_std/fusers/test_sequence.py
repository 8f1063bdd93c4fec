"""Recurrent fusion against an LSTM over tokens joined by hand."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_std.fusers.sequence import Recurrent

DIMS = {"b": 2, "a": 3}
B, T = 4, 5


def given(steps: int = T) -> dict[str, Features]:
    torch.manual_seed(0)
    return {
        "a": Features(torch.randn(B, 3), torch.randn(B, T, 3)),
        "b": Features(torch.randn(B, 2), torch.randn(B, steps, 2)),
    }


def test_against_an_lstm_by_hand() -> None:
    fuser = Recurrent(DIMS, width=6)
    assert isinstance(fuser, Fuser) and fuser.dims == {"a": 3, "b": 2, "joint": 6}
    features = given()
    features["b"].tokens_BTD[2] = torch.nan
    batch = Batch(list("wxyz"), present={"b": torch.tensor([True, True, False, True])})
    joint = fuser(features, batch)["joint"]
    b = features["b"].tokens_BTD.clone()
    b[2] = 0
    state = hidden = torch.zeros(B, 6)
    w, u = fuser.cell.weight_ih_l0, fuser.cell.weight_hh_l0
    for t in range(T):
        x = torch.cat([features["a"].tokens_BTD[:, t], b[:, t]], dim=1)
        i, f, g, o = (x @ w.T + fuser.cell.bias_ih_l0 + hidden @ u.T + fuser.cell.bias_hh_l0).chunk(4, dim=1)
        state = f.sigmoid() * state + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * state.tanh()
        torch.testing.assert_close(joint.tokens_BTD[:, t], hidden)
    torch.testing.assert_close(joint.pooled_BD, hidden)


def test_numbers_of_tokens_and_those_that_have_none() -> None:
    with pytest.raises(PortError, match="a 5, b 10"):
        Recurrent(DIMS, width=6)(given(10), Batch(list("wxyz")))
    fuser = Recurrent(DIMS, width=6, resample=True)
    features = given(10)
    halved = features["b"].tokens_BTD.reshape(B, 5, 2, 2).mean(2)
    same = {"a": features["a"], "b": Features(features["b"].pooled_BD, halved)}
    joint = fuser(features, Batch(list("wxyz")))["joint"].pooled_BD
    torch.testing.assert_close(joint, fuser(same, Batch(list("wxyz")))["joint"].pooled_BD)
    absent = {"a": features["a"]}
    zeros = {"a": features["a"], "b": Features(torch.zeros(B, 2), torch.zeros(B, T, 2))}
    torch.testing.assert_close(
        fuser(absent, Batch(list("wxyz")))["joint"].pooled_BD, fuser(zeros, Batch(list("wxyz")))["joint"].pooled_BD
    )
    with pytest.raises(PortError, match="no tokens"):
        fuser({"a": Features(torch.zeros(B, 3)), "b": features["b"]}, Batch(list("wxyz")))
