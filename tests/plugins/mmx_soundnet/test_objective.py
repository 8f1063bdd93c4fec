"""The distillation losses against loops over their definitions."""

from __future__ import annotations

import math

import pytest
import torch

from mmx.errors import DataError, PortError
from mmx.types import Batch, Features, Outputs
from mmx_soundnet.objective import DistillKl, DistillL2, aligned, probabilities, shifted

CLIPS, STEPS, OBJECTS, SCENES = 5, 3, 7, 4
BATCH = Batch(ids=tuple("abcde"))


def draw(*shape: int, seed: int) -> torch.Tensor:
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def outputs(teacher_steps: int = STEPS, mask: torch.Tensor | None = None) -> Outputs:
    objects = draw(CLIPS, teacher_steps, OBJECTS, seed=1)
    labels = {"objects": draw(CLIPS, STEPS, OBJECTS, seed=2), "scenes": draw(CLIPS, STEPS, SCENES, seed=3)}
    if mask is not None:
        labels["mask"] = mask
    scenes = draw(CLIPS, SCENES, seed=4)
    return Outputs(encoded={"objects": Features(objects.mean(1), objects)}, heads={"labels": labels, "scene": scenes})


def kl(teacher: list[float], logits: list[float]) -> float:
    normaliser = math.log(sum(math.exp(value) for value in logits))
    return sum(p * (math.log(p) - (z - normaliser)) for p, z in zip(teacher, logits, strict=True))


def softmax(logits: torch.Tensor) -> list[float]:
    exponentials = [math.exp(value) for value in logits.tolist()]
    return [value / sum(exponentials) for value in exponentials]


@pytest.mark.parametrize(
    ("reduction", "factors"),
    [("paper_sum", (1.0, 1.0)), ("torch_elementmean_x31.25", (31.25 / OBJECTS, 31.25 / SCENES))],
)
def test_kl_is_the_sum_over_heads_and_steps(reduction: str, factors: tuple[float, float]) -> None:
    given = outputs()
    total, per_head = 0.0, {"objects": 0.0, "scenes": 0.0}
    for clip in range(CLIPS):
        for step in range(STEPS):
            seen = {
                "objects": softmax(given.encoded["objects"].tokens_BTD[clip, step]),
                "scenes": softmax(given.heads["scene"][clip]),
            }
            for name, factor in zip(("objects", "scenes"), factors, strict=True):
                pair = kl(seen[name], given.heads["labels"][name][clip, step].tolist())
                total += factor * pair / CLIPS
                per_head[name] += pair / (CLIPS * STEPS)
    losses = DistillKl(scenes="heads.scene", reduction=reduction)(given, BATCH)
    assert losses["loss"].item() == pytest.approx(total, rel=1e-5)
    for name, value in per_head.items():
        assert losses[name].item() == pytest.approx(value, rel=1e-5)


def test_elementmean_is_torchs_mean_over_clips_and_classes() -> None:
    given = outputs()
    expected = 0.0
    for step in range(STEPS):
        for name, teacher in (
            ("objects", given.encoded["objects"].tokens_BTD[:, step]),
            ("scenes", given.heads["scene"]),
        ):
            seen, log_student = teacher.softmax(-1), given.heads["labels"][name][:, step].log_softmax(-1)
            expected += (seen * (seen.log() - log_student)).mean().item()
    loss = DistillKl(scenes="heads.scene", reduction="torch_elementmean_x31.25")(given, BATCH)["loss"]
    assert loss.item() == pytest.approx(31.25 * expected, rel=1e-5)


def test_a_student_that_predicts_what_the_teacher_predicts_has_no_loss() -> None:
    given = outputs()
    given.heads["labels"]["objects"] = given.encoded["objects"].tokens_BTD + 3.0
    for objective in (DistillKl(teachers="objects"), DistillL2(teachers="objects")):
        assert objective(given, BATCH)["loss"].item() == pytest.approx(0, abs=1e-5)


def test_l2_is_the_squared_distance_of_probabilities() -> None:
    given = outputs()
    total = 0.0
    for clip in range(CLIPS):
        for step in range(STEPS):
            student = softmax(given.heads["labels"]["objects"][clip, step])
            teacher = softmax(given.encoded["objects"].tokens_BTD[clip, step])
            total += sum((s - t) ** 2 for s, t in zip(student, teacher, strict=True)) / CLIPS
    assert DistillL2(teachers="objects")(given, BATCH)["loss"].item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("objective", [DistillKl, DistillL2])
def test_teachers_decide_the_ports_and_the_gradient(objective: type) -> None:
    assert objective(scenes="heads.scene").needs == ("heads.labels", "encoded.objects", "heads.scene")
    only = objective(teachers="scenes", scenes="heads.scene")
    assert only.needs == ("heads.labels", "heads.scene")
    given = outputs()
    for name in ("objects", "scenes"):
        given.heads["labels"][name].requires_grad_()
    given.heads["scene"].requires_grad_()
    losses = only(given, BATCH)
    losses["loss"].backward()
    assert set(losses) == {"loss", "scenes"}
    assert given.heads["labels"]["objects"].grad is None
    assert given.heads["labels"]["scenes"].grad is not None
    assert given.heads["scene"].grad is None, "the teacher must not learn from the student"


@pytest.mark.parametrize("objective", [DistillKl, DistillL2])
@pytest.mark.parametrize("reduction", ["paper_sum", "torch_elementmean_x31.25"])
def test_chance_is_the_loss_of_the_best_constant(objective: type, reduction: str) -> None:
    options = {"reduction": reduction} if objective is DistillKl else {}
    made = objective(scenes="heads.scene", **options)
    assert made.chance(CLIPS) is None
    given = outputs()
    made(given, BATCH)
    constant = {
        "objects": given.encoded["objects"].tokens_BTD.softmax(-1).mean((0, 1)),
        "scenes": given.heads["scene"].softmax(-1).mean(0),
    }
    for name, mean_K in constant.items():
        given.heads["labels"][name] = mean_K.log().expand(CLIPS, STEPS, -1)
    expected = objective(scenes="heads.scene", **options)(given, BATCH)["loss"].item()
    assert made.chance(CLIPS) == pytest.approx(expected, rel=1e-4)
    given.heads["labels"]["objects"] = (constant["objects"] + 0.05).log().expand(CLIPS, STEPS, -1)
    assert objective(scenes="heads.scene", **options)(given, BATCH)["loss"].item() > expected


def test_shuffled_teaches_the_neighbour_in_the_batch() -> None:
    given = outputs()
    tokens = given.encoded["objects"].tokens_BTD.roll(1, dims=0)
    rolled = Outputs({"objects": Features(tokens.mean(1), tokens)}, heads=given.heads)
    shuffled = DistillKl(teachers="objects", shuffled=True)(given, BATCH)["loss"]
    assert shuffled.item() == pytest.approx(DistillKl(teachers="objects")(rolled, BATCH)["loss"].item(), rel=1e-6)
    one = Outputs(
        {"objects": given.encoded["objects"].map(lambda value: value[:1])},
        heads={"labels": {"objects": given.heads["labels"]["objects"][:1]}},
    )
    with pytest.raises(DataError, match="batch"):
        DistillKl(teachers="objects", shuffled=True)(one, Batch(ids=("a",)))


def test_clips_without_images_and_steps_past_the_end_do_not_count() -> None:
    mask = torch.tensor([[True, True, True], [True, False, False], [True, True, True], [True] * 3, [True] * 3])
    given = outputs(mask=mask)
    batch = Batch(ids=BATCH.ids, present={"objects": torch.tensor([True, True, False, True, True])})
    expected, clips = 0.0, 4
    for clip in (0, 1, 3, 4):
        for step in range(STEPS):
            if mask[clip, step]:
                teacher = softmax(given.encoded["objects"].tokens_BTD[clip, step])
                expected += kl(teacher, given.heads["labels"]["objects"][clip, step].tolist()) / clips
    assert DistillKl(teachers="objects")(given, batch)["loss"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("steps", "expected"), [(4, [0.0, 0.25, 0.75, 1.0]), (2, [0.0, 1.0]), (1, [0.5])])
def test_teacher_steps_are_brought_to_the_students(steps: int, expected: list[float]) -> None:
    teacher_BTK = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    result = aligned(teacher_BTK, steps)
    assert result[0, :, 0].tolist() == pytest.approx(expected)
    torch.testing.assert_close(result.sum(-1), torch.ones(1, steps))


def test_an_image_teacher_predicts_once_per_clip() -> None:
    features = Features(draw(2, 7, seed=0), draw(2, 9, 12, seed=1))
    result = probabilities(Outputs({"objects": features}), "encoded.objects")
    torch.testing.assert_close(result, features.pooled_BD.softmax(-1).unsqueeze(1))


def test_ports_that_do_not_fit_are_named() -> None:
    with pytest.raises(PortError, match=r"heads\.place"):
        DistillKl(scenes="heads.place")(outputs(), BATCH)
    given = outputs()
    given.heads["labels"]["objects"] = draw(CLIPS, STEPS, 9, seed=2)
    with pytest.raises(PortError, match=r"heads\.labels\.objects=7"):
        DistillKl(scenes="heads.scene")(given, BATCH)
    del given.heads["labels"]["objects"]
    with pytest.raises(PortError, match=r"teacher of objects is used, but heads\.labels has no such classifier"):
        DistillKl(scenes="heads.scene")(given, BATCH)


@pytest.mark.parametrize("masked", [False, True])
def test_audio_is_shifted_within_its_own_length(masked: bool) -> None:
    x_BT = torch.arange(1.0, 31.0).reshape(3, 10)
    lengths = [10, 6, 1] if masked else [10, 10, 10]
    mask_BT = torch.arange(10) < torch.tensor(lengths)[:, None]
    x_BT = x_BT * mask_BT
    batch = Batch(ids=("a", "b", "c"), inputs={"audio": x_BT}, masks={"audio": mask_BT} if masked else {})
    seen = set()
    for seed in range(20):
        result = shifted(batch, "audio", 1.0, torch.Generator().manual_seed(seed)).inputs["audio"]
        for row, length in enumerate(lengths):
            rolls = [torch.roll(x_BT[row, :length], offset) for offset in range(length)]
            assert any(torch.equal(result[row, :length], roll) for roll in rolls)
            assert (result[row, length:] == 0).all()
        seen.add(int(result[0, 0]))
    assert len(seen) > 5
    assert torch.equal(batch.inputs["audio"], x_BT)


def test_frames_are_shifted_as_waveforms_are() -> None:
    x_BT = draw(3, 10, seed=5)
    x_BTF = torch.stack([x_BT, -x_BT], dim=2)
    flat, framed = (
        shifted(Batch(("a", "b", "c"), {"audio": x}), "audio", 1.0, torch.Generator().manual_seed(1)).inputs["audio"]
        for x in (x_BT, x_BTF)
    )
    assert not torch.equal(flat, x_BT)
    assert torch.equal(framed, torch.stack([flat, -flat], dim=2))


def test_the_view_shifts_only_what_it_is_told_to() -> None:
    batch = Batch(ids=("a",), inputs={"audio": torch.arange(100.0)[None], "objects": torch.arange(5.0)[None]})
    generator = torch.Generator().manual_seed(0)
    assert DistillKl().view(batch, generator) is batch
    small = DistillKl(shift=0.1).view(batch, generator)
    assert 0 < (small.inputs["audio"][0] - batch.inputs["audio"][0]).abs().min() <= 10
    assert torch.equal(small.inputs["objects"], batch.inputs["objects"])
    assert not torch.equal(DistillL2(shift=1.0).view(batch, generator).inputs["audio"], batch.inputs["audio"])
