"""Transformers and spaces together: sharing, the aggregation token, texts one by one, sizes, and what is missing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import ConfigError, PortError
from mmx.model.model import Model
from mmx.types import Batch, Features
from mmx_vatt.model.fusion import CommonSpaces
from mmx_vatt.model.tokenisers import WordTokens
from tests.plugins.mmx_vatt.conftest import MILLIONS, SIZES, WIDTH, WORLD, encoders, model


def parts() -> tuple[Model, Batch]:
    made = model()
    return made, made.prepare([WORLD.split("test")[i] for i in range(4)])


def test_what_it_gives() -> None:
    made, batch = parts()
    outputs = made(batch)
    assert set(outputs.fused) == set(made.fuser.dims) == {  # type: ignore[arg-type]
        "video", "audio", "text", "video_va", "audio_va", "video_vt", "audio_vt", "text_vt",
    }  # fmt: skip
    assert outputs.fused["text_vt"].tokens_BTD.shape == (4, 5, 6)  # type: ignore[union-attr]
    assert outputs.fused["video"].tokens_BTD.shape == (4, 64, WIDTH)  # type: ignore[union-attr]
    assert made.fuser.requires("audio_vt") == ("audio",)  # type: ignore[operator]


def test_texts_are_encoded_one_by_one() -> None:
    made, _ = parts()
    words: Any = made.encoders["text"]
    texts = ["the ball rises", "it is a box now", "look"]
    together = made.fuser({"text": words(words.prepare(texts)[None])}, Batch(["a"]))["text_vt"]
    for place, text in enumerate(texts):
        alone = made.fuser({"text": words(words.prepare(text)[None])}, Batch(["a"]))["text_vt"]
        assert torch.allclose(together.tokens_BTD[0, place], alone.pooled_BD[0], atol=1e-5)
    assert torch.equal(together.pooled_BD, together.tokens_BTD[:, 0])


def test_the_order_of_words_counts_through_relative_positions_alone() -> None:
    for relative, differs in ((("text",), True), ((), False)):
        made = model(relative=relative)
        words: Any = made.encoders["text"]
        with torch.no_grad():
            for bias in made.fuser.biases.values():  # type: ignore[union-attr,operator]
                bias.table.weight.mul_(50)
        one, other = (
            made.fuser({"text": words(words.prepare(text)[None])}, Batch(["a"]))["text"].pooled_BD
            for text in ("the ball rises", "rises ball the")
        )
        assert torch.allclose(one, other, atol=1e-4) is not differs


def test_the_aggregation_token_is_never_dropped() -> None:
    made, batch = parts()
    tokens = made.encode("video", batch).tokens_BTD
    fuser: Any = made.fuser
    one = fuser({"video": Features(tokens[:, :1].mean(1), tokens[:, :1])}, batch)["video"]
    with torch.no_grad():
        fuser.starts["video"].add_(1.0)
    assert not torch.allclose(
        one.pooled_BD, fuser({"video": Features(tokens[:, :1].mean(1), tokens[:, :1])}, batch)["video"].pooled_BD
    )


def test_one_backbone_for_all_or_three() -> None:
    specific, agnostic = model(), model(backbone="agnostic")
    assert set(specific.fuser.backbones) == {"video", "audio", "text"}  # type: ignore[arg-type]
    assert set(agnostic.fuser.backbones) == {"shared"}  # type: ignore[arg-type]
    assert set(agnostic.fuser.starts) == {"video", "audio", "text"}  # type: ignore[arg-type]
    outputs = agnostic(agnostic.prepare([WORLD.split("test")[0]]))
    (outputs.fused["video_va"].pooled_BD.sum() + outputs.fused["text_vt"].pooled_BD.sum()).backward()
    assert agnostic.fuser.backbones["shared"].blocks[0].qkv.weight.grad is not None  # type: ignore[index,union-attr]


def test_missing_texts_and_clips_stay_finite_and_count_for_nothing() -> None:
    made, _ = parts()
    samples = WORLD.split("train")
    silent = next(i for i in range(24) if "narration" not in samples[i].fields)
    subtitles_of = next(i for i in range(24) if "narration" in samples[i].fields)
    batch = made.prepare([samples[silent], samples[subtitles_of]])
    text = made(batch).fused["text_vt"]
    assert text.mask_BT.tolist() == [[False] * 5, [True] * 5]  # type: ignore[union-attr]
    assert bool((text.pooled_BD[0] == 0).all())
    made.train()
    nobody = made.prepare([samples[silent]])
    nobody.present["text"] = torch.tensor([False])
    assert bool(torch.isfinite(made(nobody).fused["text_vt"].pooled_BD).all())


def test_rollout_sums_to_one_over_the_tokens() -> None:
    made, batch = parts()
    fuser: Any = made.fuser
    for name, count in (("video", 64), ("audio", 64)):
        shares = fuser.rollout(name, made.encode(name, batch))
        assert shares.shape == (4, count)
        assert torch.allclose(shares.sum(1), torch.ones(4))


@pytest.mark.parametrize(
    ("video", "audio", "text", "millions"),
    [("base", "base", "small", 197), ("medium", "base", "small", 264), ("large", "base", "small", 415)],
)
def test_published_combinations(video: str, audio: str, text: str, millions: int) -> None:
    """Our parts, without the table of words, against the paper's sums: within 3 %."""
    from mmx_vatt.model.sizes import PUBLISHED
    from mmx_vatt.model.tokenisers import AudioTokens, VideoTokens

    widths = {"video": PUBLISHED[video].width, "audio": PUBLISHED[audio].width, "text": PUBLISHED[text].width}
    with torch.device("meta"):
        fuser = CommonSpaces(widths, sizes={"video": video, "audio": audio, "text": text})
        tokens = [VideoTokens(widths["video"]), AudioTokens(widths["audio"])]
    total = sum(p.numel() for part in (fuser, *tokens) for p in part.parameters()) / 1e6
    assert total == pytest.approx(millions, rel=0.03)
    assert sum(MILLIONS[size] for size in (video, audio, text)) == pytest.approx(millions, abs=0.6)


def test_the_published_agnostic_model() -> None:
    from mmx_vatt.model.tokenisers import AudioTokens, VideoTokens

    with torch.device("meta"):
        fuser = CommonSpaces(
            dict.fromkeys(("video", "audio", "text"), 1024), backbone="agnostic", sizes={"shared": "medium"}
        )
        tokens = [VideoTokens(1024), AudioTokens(1024)]
        words = WordTokens(None, width=1024, vectors=300)
    counted = sum(p.numel() for part in (fuser, *tokens) for p in part.parameters()) + words.project.weight.numel()
    assert counted / 1e6 == pytest.approx(155, rel=0.03)
    assert words.table.shape == (65_536, 300)


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PortError, match="not 'sound'"):
        CommonSpaces({"video": 8, "sound": 8}, sizes=SIZES)
    with pytest.raises(ConfigError, match="has no 'text'"):
        CommonSpaces({"video": 8, "text": 8}, sizes={"video": {"layers": 1, "heads": 2}})
    with pytest.raises(ConfigError, match="one width"):
        CommonSpaces({"video": 8, "text": 6}, backbone="agnostic", sizes=SIZES)
    with pytest.raises(PortError, match="gives none"):
        fuser = CommonSpaces(dict.fromkeys(("video", "audio"), 8), sizes=SIZES)
        fuser({"video": Features(torch.zeros(1, 8))}, Batch(["a"]))


def test_two_modalities_are_enough() -> None:
    fuser = CommonSpaces({"video": WIDTH, "audio": WIDTH}, sizes=SIZES, fine=8, coarse=6)
    assert set(fuser.dims) == {"video", "audio", "video_va", "audio_va"}
    assert set(encoders()) == {"video", "audio", "text"}


def test_one_modality_alone_is_a_transformer_without_spaces() -> None:
    fuser = CommonSpaces({"video": WIDTH}, sizes=SIZES)
    assert set(fuser.dims) == {"video"}
    found = fuser({"video": Features(torch.zeros(2, WIDTH), torch.randn(2, 3, WIDTH))}, Batch(["a", "b"]))
    assert set(found) == {"video"}
    found["video"].pooled_BD.sum().backward()
    assert [name for name, weight in fuser.named_parameters() if weight.grad is None] == []


def test_an_exported_model_computes_empty_texts_too_and_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = parts()
    words: Any = made.encoders["text"]
    prepared = torch.stack([words.prepare(texts) for texts in (["the ball rises", "look"], [])])
    usual = made.fuser({"text": words.eval()(prepared)}, Batch(["a", "b"]))["text_vt"]
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    found = made.fuser({"text": words(prepared)}, Batch(["a", "b"]))["text_vt"]
    torch.testing.assert_close(found.pooled_BD, usual.pooled_BD)
    torch.testing.assert_close(found.tokens_BTD[:, : usual.tokens_BTD.shape[1]], usual.tokens_BTD)
    assert not found.tokens_BTD[1].any() and not found.tokens_BTD[0, 2:].any()
