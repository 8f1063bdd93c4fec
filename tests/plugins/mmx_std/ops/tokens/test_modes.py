"""Three modes of one transformer: what each reads, and what they share."""

from __future__ import annotations

import torch

from mmx_std.ops.tokens.modes import ModalTransformer

IDS = torch.tensor([[1, 7, 8, 9, 2, 0], [1, 6, 2, 0, 0, 0]])


def made() -> tuple[ModalTransformer, torch.Tensor]:
    torch.manual_seed(0)
    part = ModalTransformer(10, 8, 16, 2, 4, 32, 0.0).eval()
    for parameter in part.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return part, torch.randn(2, 5, 16)


def test_text_alone_reads_no_other_states_and_ignores_padding() -> None:
    part, _ = made()
    whole = part(IDS, "text")
    torch.testing.assert_close(part(IDS[1:, :3], "text")[0], whole[1, :3])
    names = {name for name, parameter in part.named_parameters() if parameter.grad is not None}
    part(IDS, "text").square().sum().backward()
    names = {name for name, parameter in part.named_parameters() if parameter.grad is not None}
    assert not any("across" in name or "causal" in name for name in names)
    assert any("both_ways" in name for name in names)


def test_each_word_sees_all_others_but_when_it_writes_only_those_before() -> None:
    part, places = made()
    changed = IDS.clone()
    changed[0, 3] = 5
    joint = (part(IDS, "joint", places) - part(changed, "joint", places))[0].abs().sum(-1)
    write = (part(IDS, "write", places) - part(changed, "write", places))[0].abs().sum(-1)
    assert bool((joint[:5] > 1e-4).all())
    assert bool((write[:3] < 1e-5).all()) and bool((write[3:5] > 1e-4).all())


def test_the_first_token_says_the_mode() -> None:
    part, places = made()
    marked = IDS.clone()
    marked[:, 0] = part.encode_id
    torch.testing.assert_close(part(marked, "joint", places), part(IDS, "joint", places))
    assert (part.encode_id, part.write_id) == (10, 11) and IDS[0, 0] == 1  # ids that are given stay as they are


def test_all_but_self_attention_is_shared() -> None:
    part, places = made()
    used = {}
    for mode in ("joint", "write"):
        part.zero_grad(set_to_none=True)
        part.predict(part(IDS, mode, places)).square().sum().backward()  # type: ignore[arg-type]
        used[mode] = {name for name, parameter in part.named_parameters() if parameter.grad is not None}
    assert all("both_ways" in name for name in used["joint"] - used["write"])
    assert all("causal" in name for name in used["write"] - used["joint"])
    assert used["joint"] - used["write"] and used["write"] - used["joint"]


def test_other_states_outside_the_mask_are_not_read() -> None:
    part, places = made()
    mask = torch.tensor([[True] * 3 + [False] * 2] * 2)
    torch.testing.assert_close(part(IDS, "joint", places, mask), part(IDS, "joint", places[:, :3]))
