"""What a notebook shows of runs and predictions; nothing in it is taken for markup."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mmx.interactive.display import answer, run_html
from mmx.media.audio_image import write_image
from mmx.types import Audio, Clip, Prediction
from tests.core.report.test_html import EVIL, Page
from tests.core.runs.test_history import ACCURACY
from tests.core.saved import saved

PIXELS = np.zeros((4, 4, 3), np.uint8)


def test_a_run_shows_its_verdict_first_numbers_and_media(tmp_path: Path) -> None:
    folder = saved(tmp_path / "shapes" / "1", [ACCURACY], media={"face_0.png": EVIL, "gone_1.png": "", "../x.png": ""})
    write_image(folder / "media" / "face_0.png", PIXELS)
    write_image(folder / "x.png", PIXELS)
    page = Page(run_html(folder, json.loads((folder / "report.json").read_text())))
    assert page.texts[1:3] == ["shapes/1", ": learned"]
    assert [text for text in page.texts if text in ("accuracy", "0.5", "untrained 0.2")] == [
        "accuracy",
        "0.5",
        "untrained 0.2",
    ]
    assert len(page.named("img")) == 1 and page.named("script") == []
    assert "not judged" in run_html(folder, {})


def test_a_prediction_shows_table_images_players_and_notes() -> None:
    sound = Audio(np.zeros((1, 800), np.float32), 8000)
    found = answer(
        Prediction(
            [{"label": EVIL, "score": np.float32(0.51234567), "none": None}],
            [Clip("a", PIXELS, "A face"), Clip("b", sound, "A voice")],
            [EVIL],
        )
    )
    page = Page(found._repr_html_())
    assert (len(page.named("img")), len(page.named("audio"))) == (1, 1)
    assert page.named("script") == []
    assert "0.5123" in page.texts and "A voice" in page.texts
