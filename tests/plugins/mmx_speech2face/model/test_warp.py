from __future__ import annotations

import numpy as np
import torch

from mmx_speech2face.model.warp import eliminated, grid, spline, warp


def some(count: int = 9, seed: int = 0) -> torch.Tensor:
    return 1.2 * torch.rand(1, count, 2, generator=torch.Generator().manual_seed(seed)).double() - 0.6


def test_the_spline_takes_landmarks_to_their_places() -> None:
    source = some()
    target = source + 0.1 * some(seed=1)
    found = spline(source, target, source[0], smoothing=0.0)
    torch.testing.assert_close(found, target, atol=1e-6, rtol=0)
    near = spline(source, target, source[0])
    assert float((near - target).abs().max()) < 0.03


def test_affine_maps_are_kept_exactly() -> None:
    """Thin-plate splines have no bending energy for them."""
    source = some()
    matrix = torch.tensor([[0.9, 0.2], [-0.1, 1.1]]).double()
    target = source @ matrix.T + 0.05
    points = some(40, seed=3)[0]
    torch.testing.assert_close(spline(source, target, points)[0], points @ matrix.T + 0.05, atol=1e-9, rtol=0)


def test_it_is_the_formula() -> None:
    """The system of Bookstein's paper, solved by numpy for one point."""
    source, target, point = some(5), some(5, seed=4), torch.tensor([[0.2, -0.3]]).double()

    def bend(one: np.ndarray, other: np.ndarray) -> float:
        square = float(((one - other) ** 2).sum())
        return 0.0 if square == 0 else square * np.log(square)

    a, b, p = source[0].numpy(), target[0].numpy(), point[0].numpy()
    system = np.zeros((8, 8))
    system[:5, :5] = [[bend(x, y) for y in a] for x in a]
    system[:5, 5], system[:5, 6:], system[5, :5], system[6:, :5] = 1, a, 1, a.T
    weights = np.linalg.solve(system, np.concatenate([b, np.zeros((3, 2))]))
    expected = np.array([*(bend(p, x) for x in a), 1, *p]) @ weights
    np.testing.assert_allclose(spline(source, target, point, smoothing=0.0)[0, 0], expected, atol=1e-6)


def test_a_spot_moves_with_its_landmark_and_the_edge_stays() -> None:
    side = 32
    points = grid(side, side, torch.zeros(())).view(side, side, 2)
    old, new = torch.tensor([-0.2, 0.1]), torch.tensor([0.25, -0.1])
    spot = torch.exp(-((points - old) ** 2).sum(-1) / 0.01)[None, None]
    anchors = torch.tensor([[[-0.7, -0.7], [0.7, -0.7], [-0.7, 0.7], [0.7, 0.7]]])
    before = torch.cat([anchors, old.view(1, 1, 2)], 1)
    after = torch.cat([anchors, new.view(1, 1, 2)], 1)
    moved = warp(spot, before, after)
    place = points.view(-1, 2)[moved.flatten().argmax()]
    assert float((place - new).abs().max()) < 0.08
    torch.testing.assert_close(warp(spot, before, before), spot, atol=1e-4, rtol=0)
    frame = torch.rand(1, 3, side, side)
    torch.testing.assert_close(warp(frame, before, after)[..., 0, 0], frame[..., 0, 0], atol=0.05, rtol=0)


def test_gradients_reach_image_and_landmarks_even_where_they_fall_on_pixels() -> None:
    image = torch.rand(2, 3, 8, 8, requires_grad=True)
    before = grid(8, 8, image)[[10, 20, 35, 50]].expand(2, -1, -1).clone().requires_grad_(True)
    after = (before.detach() + 0.05).requires_grad_(True)
    warp(image, before, after).square().mean().backward()
    for each in (image, before, after):
        assert torch.isfinite(each.grad).all()
        assert float(each.grad.abs().sum()) > 0


def test_one_set_of_landmarks_serves_all_images() -> None:
    images, one, each = torch.rand(3, 3, 12, 12), some().float(), some(seed=2).float() + torch.zeros(3, 1, 1)
    each = each + 0.02 * torch.arange(3).view(3, 1, 1)
    whole = one.expand(3, -1, -1)
    torch.testing.assert_close(warp(images, each, one), warp(images, each, whole), atol=1e-5, rtol=0)
    torch.testing.assert_close(warp(images, one, each), warp(images, whole, each), atol=1e-5, rtol=0)


def test_half_of_the_places_are_enough() -> None:
    """Against the spline at every pixel: off by less than half a pixel, for landmarks that move at random."""
    side, before = 48, some(20, seed=5).float()
    after = before + 0.03 * torch.randn(before.shape, generator=torch.Generator().manual_seed(0))
    points = grid(side, side, before)
    x, y = (points[:, axis].view(1, 1, side, side) for axis in (0, 1))
    frame = torch.tensor([[a, b] for a in (-1.0, 0, 1) for b in (-1.0, 0, 1) if a or b])[None]
    exact = spline(torch.cat([after, frame], 1), torch.cat([before, frame], 1), points)
    for axis, ramp in ((0, x), (1, y)):
        found = warp(ramp, before, after)
        inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
        assert float((found - exact[..., axis].view(1, 1, side, side))[inner].abs().max()) < 0.5 * 2 / side


def test_half_precision_does_not_move_pixels() -> None:
    image, before = torch.rand(1, 3, 48, 48), some(20, seed=5).float()
    after = before + 0.02
    with torch.autocast("cpu", torch.bfloat16):
        half = warp(image, before, after)
    torch.testing.assert_close(half, warp(image, before, after))


def test_elimination_solves_what_lapack_solves() -> None:
    """Zeros on the diagonal, as the splines' systems have, need the pivots."""
    system = torch.randn(3, 7, 7, generator=torch.Generator().manual_seed(0)).double()
    system[:, range(7), range(7)] = 0
    values = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(eliminated(system, values), torch.linalg.solve(system, values))
    torch.testing.assert_close(eliminated(system[:1], values[:1]), torch.linalg.solve(system[:1], values[:1]))
