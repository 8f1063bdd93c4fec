"""What a report shows: matrices sorted by class, videos that were found, and where the model looked."""

from __future__ import annotations

import numpy as np
from torch import nn

from mmx.data.lazy import LazyFields
from mmx.errors import DataError
from mmx.types import Cue, Sample
from mmx_vatt.evaluation import showing
from mmx_vatt.evaluation.matching import directions
from mmx_vatt.evaluation.vectors import Vectors
from mmx_vatt.model.tokenisers import AudioTokens
from tests.plugins.mmx_vatt.conftest import WIDTH, WORLD, model

NAMES = ("video_va", "audio_va", "video_vt", "audio_vt", "text_vt")


def vectors(items: int) -> Vectors:
    return Vectors({f"fused.{name}": np.eye(items) for name in NAMES})


def test_matrices_have_a_panel_per_pair_and_groups_of_classes() -> None:
    own = vectors(6)
    (figure,) = showing.matrices(directions(own), own, np.array([2, 0, 1, 0, 1, 2]), ["a x", "b x", "c y"])
    panels = [axes for axes in figure.image.axes if axes.get_xlabel() and axes.get_ylabel()]
    assert [(axes.get_ylabel(), axes.get_xlabel()) for axes in panels] == [
        ("video", "audio"), ("video", "text"), ("text", "audio"),
    ]  # fmt: skip
    assert [label.get_text() for label in panels[0].get_xticklabels()] == ["a x", "b x", "c y"]
    assert showing.matrices([], own, np.zeros(6, np.int64), ["a"]) == []


def test_found_videos_have_players_and_tell_whether_they_are_right() -> None:
    samples = [WORLD.split("test")[i] for i in range(6)]
    own = vectors(6)
    match = next(match for match in directions(own) if match.name == "text_to_video")
    figures, clips = showing.found(match, own, samples, [f"q{i}" for i in range(6)], np.arange(6), "video")
    assert [figure.key for figure in figures] == ["text_to_video"]
    assert len(clips) == showing.QUERIES
    assert all("right class" in clip.caption for clip in clips)
    _, clips = showing.found(match, own, samples, ["q"] * 6, np.full(6, -1), "video")
    assert all("right class" in clip.caption for clip in clips)  # the item itself


def test_where_a_model_looked() -> None:
    samples = [WORLD.split("test")[i] for i in range(2)]
    (figure,) = showing.attention_maps(model(), samples, ["one", "two"])
    assert figure.key == "attention"
    assert showing.attention_maps(model(), [], []) == []


def test_what_was_heard_is_the_waveform_also_of_a_model_of_spectrograms() -> None:
    sample = WORLD.split("test")[0]
    made = model()
    (own,) = showing.attention_maps(made, [sample], ["x"])
    made.encoders["audio"] = AudioTokens(WIDTH, rate=4000, seconds=1.024, input="mel")
    (mel,) = showing.attention_maps(made, [sample], ["x"])
    lines = [figure.image.axes[-1].lines[0].get_ydata() for figure in (own, mel)]
    assert np.array_equal(*lines)
    assert len(lines[0]) == 4096


def test_what_a_person_calls_an_item() -> None:
    def torn() -> str:
        raise DataError("not a file of subtitles")

    cues = (Cue(-4, -2, "before"), Cue(0, 1, "hello"), Cue(2, 5, "you"), Cue(9, 10, "after"))
    makers = {"text": lambda: "a ball", "subtitles": lambda: cues, "late": lambda: cues[3:], "torn": torn}
    sample = Sample("id7", LazyFields(makers))
    assert showing.described(sample, "text", "ball", 3.2) == "a ball"
    assert showing.described(sample, "subtitles", "ball", 3.2) == "hello; you"
    for field in ("late", "torn", "none", None):
        assert showing.described(sample, field, "ball", 3.2) == "ball"
    assert showing.described(sample, None, "", 3.2) == "id7"


def test_an_encoder_of_another_plugin_has_no_patches_to_look_at() -> None:
    made = model()
    made.encoders["audio"] = nn.Identity()
    assert showing.attention_maps(made, [WORLD.split("test")[0]], ["x"]) == []
