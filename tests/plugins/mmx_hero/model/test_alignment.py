"""Which frame belongs to which subtitle, compared with loops over all pairs."""

from __future__ import annotations

import torch

from mmx_hero.model.alignment import assign, collect, exchanged, groups, temporal_iou


def looped_iou(a: tuple[float, float], b: tuple[float, float]) -> float:
    inside = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    union = (a[1] - a[0]) + (b[1] - b[0]) - inside
    return inside / union if union > 0 else 0.0


def test_iou_by_hand_and_by_loop() -> None:
    a = torch.tensor([[0.0, 2.0], [1.0, 3.0], [5.0, 5.0]])
    b = torch.tensor([[1.0, 2.0], [0.0, 4.0], [5.0, 5.0]])
    found = temporal_iou(a, b)
    assert found[0, 0] == 0.5
    for i in range(3):
        for j in range(3):
            assert abs(float(found[i, j]) - looped_iou(tuple(a[i].tolist()), tuple(b[j].tolist()))) < 1e-6


def test_each_frame_goes_to_the_one_subtitle_of_greatest_overlap() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        starts = torch.rand(3, 5, generator=generator) * 12
        spans = torch.stack([starts, starts + 0.2 + 4 * torch.rand(3, 5, generator=generator)], -1)
        real = torch.rand(3, 5, generator=generator) < 0.7
        mask = torch.arange(9) < torch.tensor([[9], [6], [0]])
        found = assign(mask, spans, real, 1.5)
        for video in range(3):
            for frame in range(9):
                time = (frame * 1.5, frame * 1.5 + 1.5)
                overlaps = [
                    looped_iou(time, tuple(spans[video, s].tolist())) if real[video, s] else 0.0 for s in range(5)
                ]
                best = max(range(5), key=lambda s: overlaps[s])
                wanted = best if mask[video, frame] and overlaps[best] > 0 else -1
                assert int(found[video, frame]) == wanted


def test_frames_are_collected_by_subtitle_in_order_of_time() -> None:
    units = collect(torch.tensor([[1, -1, 0, 1, 1], [-1, -1, -1, -1, -1]]), 3)
    assert units.rank_BT[0].tolist()[0] == 0
    assert [units.rank_BT[0, t].item() for t in (0, 3, 4)] == [0, 1, 2]
    assert units.mask_BSF.tolist() == [
        [[True, False, False], [True, True, True], [False, False, False]],
        [[False] * 3] * 3,
    ]
    assert units.frames_BSF[0, 1].tolist() == [0, 3, 4]
    assert units.frames_BSF[0, 0, 0] == 2
    assert collect(torch.full((1, 4), -1), 0).frames_BSF.shape == (1, 0, 1)


def test_without_alignment_frames_are_dealt_out_evenly() -> None:
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    spans = torch.full((2, 4, 2), 100.0)  # far from any frame: the times do not count
    real = torch.tensor([[True, False, True, True], [False] * 4])
    found = assign(mask, spans, real, 1.5, "none")
    assert found[0].tolist() == [0, 0, 2, 2, 3, 3]
    assert found[1].tolist() == [-1] * 6


def test_exchanged_times_are_a_derangement_of_the_real_ones() -> None:
    generator = torch.Generator().manual_seed(3)
    starts = torch.rand(50, 6, generator=generator) * 20
    spans = torch.stack([starts, starts + 1], -1)
    count = torch.randint(0, 7, (50,), generator=generator)
    real = torch.arange(6) < count[:, None]
    found = exchanged(spans, real)
    assert torch.equal(found, exchanged(spans, real))
    for video in range(50):
        n = int(count[video])
        before, after = spans[video, :n, 0].tolist(), found[video, :n, 0].tolist()
        assert sorted(before) == sorted(after)
        assert n < 2 or all(a != b for a, b in zip(before, after, strict=True))
        assert torch.equal(found[video, n:], spans[video, n:])
    orders = {tuple(found[v, :6, 0].argsort().argsort().tolist()) for v in range(50) if count[v] == 6}
    assert len(orders) > 1, "not the same exchange in every video"


def test_a_silent_video_gets_a_group_for_every_few_frames() -> None:
    assert groups(12, 5, 1.5).tolist() == [[0.0, 7.5], [7.5, 15.0], [15.0, 22.5]]
    assert len(groups(0, 5, 1.5)) == 1
    spans = groups(12, 5, 1.5)[None]
    unit = assign(torch.ones(1, 12, dtype=torch.bool), spans, torch.ones(1, 3, dtype=torch.bool), 1.5)
    assert unit[0].tolist() == [0] * 5 + [1] * 5 + [2] * 2
