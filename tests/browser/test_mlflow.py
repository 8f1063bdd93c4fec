"""MLflow's pages of our runs in a browser, from the links that `mmx ui` prints."""

from __future__ import annotations

import re
from typing import Any

from mmx.tracking.mlflow_client import connect
from tests.browser.conftest import PATIENCE, Runs


def test_experiments_runs_pictures_and_a_comparison(served: list[str], runs: Runs, watch: Any) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    client = connect(f"sqlite:///{runs.folder / 'mlflow.db'}")
    second, first = (each.info for each in client.search_runs(["1"]))  # the newest first
    own, home, *experiments = served
    assert own.startswith(f"{home}/#/experiments/1/runs/") and len(experiments) == 1
    watched = watch(f"{home}/#/experiments", own=(home, "data:", "blob:"))
    page = watched.page
    page.get_by_role("link", name="shapes").click()

    page.goto(experiments[0])
    for name in (first.run_name, second.run_name):
        expect(page.get_by_text(name).first).to_be_visible()

    page.goto(own)
    expect(page.get_by_role("heading", name=first.run_name)).to_be_visible()
    expect(page.get_by_text("mmx.verdict").first).to_be_visible()
    expect(page.get_by_text(runs.first.verdict).first).to_be_visible()

    if page.get_by_text("Show more").count():
        page.get_by_text("Show more").first.click()
    picture = page.locator("img[src*='path=preview/']").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0

    page.goto(own.replace("?", "/artifacts/media?"))
    page.get_by_text("confusion.png").click()
    expect(page.locator("img[src*='confusion.png'], img[src^='blob:']").first).to_be_visible()

    page.goto(own.replace("?", "/model-metrics?"))
    expect(page.get_by_text("Add section").first).to_be_attached()
    assert "train/fit/val_loss" in client.get_run(first.run_id).data.metrics
    groups = re.findall(r"^(\S+)\s+\([1-9]\d*\)$", page.locator("body").inner_text(), re.MULTILINE)
    assert groups == ["test", "train/fit", "usage"]

    page.goto(f'{home}/#/compare-runs?runs=["{first.run_id}","{second.run_id}"]&experiments=["1"]')
    expect(page.get_by_text("Comparing 2 Runs from 1 Experiment")).to_be_visible()
    for name in (first.run_name, second.run_name):
        expect(page.get_by_text(name).first).to_be_visible()
    assert watched.foreign == []
