"""Pictures hold what they should, and no figure of pyplot is left open."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex

from mmx.report.write import pixels
from mmx_mulan.evaluation import figures


def test_bars_are_sorted_with_the_best_on_top_and_coloured_by_origin() -> None:
    notation, played, _ = figures.COLOURS
    figure = figures.tag_bars(["a", "b", "c"], np.array([0.9, 0.4, 0.7]), np.full(3, 0.5), [notation, played, notation],
                              {"a": 10, "b": 11, "c": 12})  # fmt: skip
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b  (11)", "c  (12)", "a  (10)"]
    widths = [round(float(bar.get_width()), 6) for bar in axes.patches[:3]]
    assert widths == [-0.1, 0.2, 0.4]
    colours = [to_hex(bar.get_facecolor()) for bar in axes.patches[:3]]
    assert colours == [figures.COLOURS[group] for group in (played, notation, notation)]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [notation, played]
    assert pixels(figure).shape[2] == 3


def test_the_heat_map_is_highest_where_words_and_music_agree() -> None:
    truth_NC = np.eye(3)[np.arange(60) % 3]
    figure = figures.heat_map(
        truth_NC + 0.01 * np.random.default_rng(0).normal(size=(60, 3)), truth_NC, ["a", "b", "c"]
    )
    shown = figure.axes[0].images[0].get_array()
    assert (np.argmax(shown, 1) == np.arange(3)).all()


def test_curves_fall_and_have_chance() -> None:
    figure = figures.curve({"by title": np.array([0.1, 0.9, 0.5])}, 0.2)
    line, chance = figure.axes[0].lines
    assert line.get_ydata().tolist() == [0.9, 0.5, 0.1]
    assert chance.get_ydata() == [0.2, 0.2]
