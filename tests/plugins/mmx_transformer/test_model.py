"""A release of Marian beside the library's model: the same numbers, the same translation; judged and used by path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.errors import AssetError
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Batch
from mmx_transformer.model import Released, ReleasedIds, ReleasedWords
from tests.plugins.mmx_transformer.release import released

PAIRS = [("the red cube", "die rote Würfel"), ("the cubes", "die Würfel rot")]


@pytest.mark.parametrize("separate", [False, True], ids=["one table", "two tables"])
def test_a_release_gives_the_numbers_and_the_translation_that_its_library_gives(tmp_path: Path, separate: bool) -> None:
    theirs = released(tmp_path, separate=separate)
    source, target = Released(str(tmp_path)).eval(), ReleasedIds(str(tmp_path), tokens=9).eval()
    head = ReleasedWords(built={"encoders.source": source, "encoders.target": target}).eval()
    pad, pack = theirs.config.pad_token_id, torch.nn.utils.rnn.pad_sequence
    ids = [[each.prepare(pair[n]) for pair in PAIRS] for n, each in enumerate((source, target))]
    x_BT, y_BT = (pack(each, batch_first=True) for each in ids)
    seen_BT, real_BT = (pack([torch.ones(len(row)) for row in each], batch_first=True) > 0 for each in ids)
    given = {"encoded.source": source(x_BT, seen_BT), "encoded.target": target(y_BT, real_BT)}
    logits = head(given, Batch(["a", "b"]))["logits"]
    rows = torch.where(seen_BT, source.rows_V[x_BT], pad)
    expected = theirs(
        input_ids=rows,
        attention_mask=seen_BT.long(),
        decoder_input_ids=torch.where(real_BT, target.rows_V[y_BT], pad)[:, :-1],
    ).logits
    for place in range(y_BT.shape[1] - 1):
        for row in range(2):
            if real_BT[row, place]:
                torch.testing.assert_close(
                    logits[row, place, target.first_V],
                    expected[row, place, target.rows_V[target.first_V]],
                    rtol=1e-4,
                    atol=1e-4,
                )
    done = head.generate(given)
    never = {"suppress_tokens": [pad, 1]}  # padding and the unknown token are not written
    found = theirs.generate(
        rows, attention_mask=seen_BT.long(), num_beams=1, max_new_tokens=8, do_sample=False, **never
    )
    for row in range(2):
        own = [int(target.rows_V[i]) for i in done.ids_BT[row] if i >= 0]
        assert own == [i for i in found[row, 1:].tolist() if i not in (0, pad)][: len(own)] and own
    assert done.maps_BTP is not None and bool((done.maps_BTP[1][:, ~seen_BT[1]] == 0).all())


def test_what_is_no_release_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"vocab\.json, source\.spm"):
        Released(str(tmp_path))


def test_a_release_is_judged_on_pairs_of_ones_own_and_translates_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    released(tmp_path / "release")
    rows = [{"id": str(n), "source": a, "target": b, "split": "test"} for n, (a, b) in enumerate(PAIRS * 2)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    catalog = Catalog.open(tmp_path)
    overrides = [f"corpus.path={tmp_path / 'pairs.jsonl'}", "encoders.target.tokens=8", "task.shown=1"]
    overrides += [f"encoders.{name}.model={tmp_path / 'release'}" for name in ("source", "target")]
    resolved = catalog.resolve("transformer", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 4
    assert {"exact", "bleu_4", "perplexity"} <= {metric.name for metric in done.report.metrics}
    assert main(["predict", str(tmp_path / "run"), "the red cube", "--out", str(tmp_path / "out")]) == 0
    assert "log_probability" in capsys.readouterr().out
