"""Analogies of word vectors: arithmetic by hand, a file of questions, and questions to a model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError, UserError
from mmx_std.encoders.text.bag import TextBag
from mmx_std.tasks.spaces.analogies import Analogies, Question, answers, read_questions, spelled
from mmx_worlds.grammar.relations import COLUMNS, ROWS, Relations
from tests.plugins.tiny_run import TinyRun

CORPUS = Relations(sentences=2000)


def model(perfect: bool, **bag: Any) -> Any:
    """Return a model whose target words are row + column, or random ones."""
    torch.manual_seed(0)
    encoder = TextBag(CORPUS, "text", width=20, vocabulary=512, **bag)
    if perfect:
        axes = torch.eye(20)
        with torch.no_grad():
            encoder.table.weight.zero_()
            for r, row in enumerate(ROWS):
                for c, column in enumerate(COLUMNS):
                    encoder.table.weight[encoder.prepare(row + column)[0]] = axes[r] + axes[12 + c]
    return SimpleNamespace(encoders={"words": encoder, "other": encoder}, fields={"words": "text", "other": "text"})


def test_an_answer_is_the_nearest_word_to_the_sum_but_those_of_the_question() -> None:
    rng = np.random.default_rng(0)
    vectors, asked = rng.standard_normal((40, 5)), rng.integers(40, size=(700, 3))
    unit = [v / np.sqrt((v**2).sum()) for v in vectors]
    for found, (a, b, c) in zip(answers(vectors, asked), asked, strict=True):
        scores = [float((unit[b] - unit[a] + unit[c]) @ x) for x in unit]
        rest = [i for i in range(40) if i not in (a, b, c)]
        assert found == max(rest, key=scores.__getitem__)


def test_vectors_of_rows_and_columns_solve_all_and_random_ones_none(tmp_path: Path) -> None:
    run = TinyRun(tmp_path, "words", lambda: model(perfect=False))
    report = Analogies(window=4).evaluate(model(perfect=True), CORPUS, run)
    metric = report.metrics[0]
    assert (metric.value, report.used, report.expected) == (1.0, 1188, 1188)
    assert metric.chance == pytest.approx(1 / 261)
    assert metric.untrained is not None and metric.untrained < 0.05
    assert metric.controls["nearest_to_c"] < 0.5
    assert metric.baselines["ppmi_svd"] > 0.5, "counts of 2,000 sentences tell much"
    assert metric.units == 99 and metric.unit == "pairs"
    row = report.predictions[0]
    assert row["truth"] == row["answer"] and row["right"] is True
    assert len(report.figures) == 2


def test_two_tables_are_added() -> None:
    one, both = Analogies(), Analogies(plus="other")
    words, single = one._vectors(model(perfect=True))
    again, double = both._vectors(model(perfect=True))
    assert words == again
    np.testing.assert_allclose(double, 2 * single)


def test_questions_of_a_file_are_asked_and_unknown_words_counted(tmp_path: Path) -> None:
    file = tmp_path / "questions-words.txt"
    towns = ": towns\nTabocity TABOFOLK kemicity kemifolk\nrome italy paris france\n"
    file.write_text(towns + ": gram\nlusacoin lusafolk noricoin norifolk\n")
    task = Analogies(file=str(file))
    run = TinyRun(tmp_path, "words", lambda: model(perfect=False))
    report = task.evaluate(model(perfect=True), CORPUS, run)
    assert (report.used, report.expected, report.metrics[0].value) == (2, 3, 1.0)
    assert "2 of 3 questions have four known words" in report.left_out[0]
    assert [row["section"] for row in report.predictions] == ["towns", "gram"]
    told = Analogies().predict(model(perfect=True), {"text": "kemifolk"}).rows[:4]
    near = ", ".join(str(row["word"]) for row in told)
    assert report.notes[1].startswith(f"Nearest words of kemifolk: {near}; norifolk: "), "the first of each section"
    assert task.check(model(True), CORPUS, "test") == []
    assert "no such file" in Analogies(file=str(tmp_path / "none")).check(model(True), CORPUS, "test")[0]
    file.write_text("a b c\n")
    with pytest.raises(DataError, match=r"questions-words.txt:1: a question has four words, not 3"):
        read_questions(file)


def test_capitals_are_kept_where_the_model_knows_them() -> None:
    asked = Question("1", ("Athens", "GREECE", "Oslo"), "Norway", "capitals", "Norway")
    found = spelled(asked, {"Athens", "athens", "greece", "Oslo", "Norway"})
    assert found is not None and (*found.words, found.answer) == ("Athens", "greece", "Oslo", "Norway")
    assert spelled(asked, {"Athens", "greece", "Oslo"}) is None
    rows = Analogies().predict(model(perfect=True), {"text": "KEMIFOLK"}).rows
    assert rows == Analogies().predict(model(perfect=True), {"text": "kemifolk"}).rows


def test_a_corpus_without_questions_names_the_option() -> None:
    class Texts(Relations):
        fields = {"text": "text"}  # noqa: RUF012

    told = Analogies().check(model(True), Texts(sentences=1), "test")
    assert "task.file=questions-words.txt" in told[0]


@pytest.mark.parametrize("asked", ["tabocity tabofolk kemicity", "kemicity - tabocity + tabofolk"])
def test_words_are_calculated_with(asked: str) -> None:
    found = Analogies().predict(model(perfect=True), {"text": asked})
    assert found.rows[0]["word"] == "kemifolk" and found.rows[0]["rank"] == 1
    assert not {"tabocity", "tabofolk", "kemicity"} & {str(row["word"]) for row in found.rows}


def test_one_word_has_neighbours_and_unknown_ones_are_named() -> None:
    neighbours = Analogies().predict(model(perfect=True), {"text": "tabocity"}).rows
    assert all(row["similarity"] == pytest.approx(0.5) for row in neighbours)
    assert all(str(r["word"]).startswith("tabo") or str(r["word"]).endswith("city") for r in neighbours)
    with pytest.raises(UserError, match="unknown: paris"):
        Analogies().predict(model(perfect=True), {"text": "paris"})
    with pytest.raises(UserError, match="one word, three words"):
        Analogies().predict(model(perfect=True), {"text": " "})
