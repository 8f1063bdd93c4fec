"""The section on modalities: which numbers, for whom, and that names are escaped."""

from __future__ import annotations

from mmx.report.modalities import section

TEST = {
    "measure": "probability of the true answer",
    "better": "higher",
    "own": 0.9,
    "items": 64,
    "without": {
        "audio": {"removed": 0.41, "shuffled": 0.32, "noised": 0.53},
        "<b>": {"removed": 0.85, "shuffled": 0.84, "noised": None},
    },
}
SCORES = {"a": 0.5, "b": 0.25}
CURVES = {
    "train/fit/loss": [(0, 1.0), (10, 0.5)],
    "train/fit/modality/audio/score": [(0, 0.25), (50, 0.625)],
    "train/fit/modality/<b>/score": [(0, 0.25), (50, 0.3125)],
    "train/fit/modality/audio/ratio": [(0, 1.0), (50, 2.0)],
    "train/fit/modality/<b>/ratio": [(0, 1.0), (50, 0.5)],
    "train/fit/update1_modality/audio/gradient": [(0, 3.0), (50, 0.75)],
}


def test_a_row_per_modality_with_what_was_found() -> None:
    page = section(CURVES, TEST)
    assert "<b>" not in page and "&lt;b&gt;" in page
    assert page.count("<svg") == 1 and page.count("<table>") == 1
    for cell in ("0.25 → 0.625", "1 → 2", "0.75", "0.41", "0.32", "0.53", "0.85"):
        assert f"<td>{cell}</td>" in page, cell
    assert "update over weight</th>" not in page, "nobody measured it"
    assert "64 items" in page


def test_without_curves_the_chart_is_of_the_test() -> None:
    page = section({}, TEST)
    assert "without audio" in page and page.count("<rect") == 3


def test_of_a_loss_that_compares_nothing_is_removed_and_the_page_says_why() -> None:
    without = {name: {"removed": None, "shuffled": 2.0, "noised": None} for name in ("a", "b")}
    page = section({}, {**TEST, "measure": "loss of stage fit", "better": "lower", "without": without})
    assert "without it</th>" not in page and "in noise</th>" not in page and "shuffled a" in page
    assert "Not removed: a, b" in page and "No noise is added to a, b" in page


def test_a_loss_alone_has_its_own_column_and_chart_and_empty_cells_their_reason() -> None:
    seen = {f"train/fit/modality/{name}/loss": [(0, 2.0), (50, last)] for name, last in (("a", 0.5), ("b", 1.5))}
    seen |= {
        "train/before/modality/a/found": [(0, 0.1), (50, 0.2)],
        "train/fit/modality/a/gradient": [(0, 3.0), (50, 0.75)],
        "train/fit/modality/c/update": [(0, 0.1)],
    }
    page = section(seen, None)
    assert "loss of each modality alone, while training" in page and "2 → 0.5" in page
    assert "finds partner" not in page, "that of one stage, measured for the most modalities, is shown"
    assert "— alone: the loss compares with c" in page
    assert "— gradient and update: no weights of b, c alone learned" in page


def test_without_a_judgement_there_is_what_was_seen_in_training() -> None:
    gradients = {f"train/fit/modality/{name}/gradient": [(0, 1.0), (50, 2.0)] for name in ("a", "b")}
    page = section(gradients, None)
    assert "gradient norm of each encoder" in page and "removed" not in page


def test_one_modality_has_no_section() -> None:
    assert section({"train/fit/modality/audio/gradient": [(0, 1.0)]}, None) == ""
    assert section({}, None) == ""


def test_losses_of_an_earlier_stage_are_not_set_beside_those_of_the_last() -> None:
    found = {
        "train/before/modality/a/loss": [(0, 7.0), (50, 6.5)],
        "train/before/modality/a/ratio": [(0, 7.25)],
        "train/before/modality/a/gradient": [(0, 3.0)],
        "train/fit/modality/b/loss": [(60, 1.375), (99, 1.25)],
        "train/fit/modality/c/ratio": [(60, 1.0)],
    }
    page = section(found, None)
    assert "1.375 → 1.25" in page and "6.5" not in page and "7.25" not in page and "<td>3</td>" in page


def test_modalities_that_were_trained_apart_have_the_ratio_of_their_last_scores() -> None:
    page = section(
        {f"train/{name}/modality/{name}/score": [(0, 0.1), (50, last)] for name, last in SCORES.items()}, None
    )
    assert "<td>2</td>" in page and "<td>0.5</td>" in page
