"""Pictures of the docs: a report and MLflow's charts as a browser shows them, and the faces of a Speech2Face run.

    mmx run looking_to_listen && mmx run speech2face
    python docs/pictures.py runs/looking_to_listen/<id> --faces runs/speech2face/<id>

It needs the extra `browser` and a Chromium. Every picture is WebP, and all of them together stay small in a clone.
"""

from __future__ import annotations

import argparse
import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image

IMAGES: Final = Path(__file__).resolve().parent / "images"
WIDTH: Final = 1000
"""Pixels of a picture's width; a README is shown some 900 wide."""
MOST: Final = 500_000
"""Bytes of all pictures together."""
SETTLED: Final = 3_000
"""Milliseconds until charts and players have been drawn."""
QUALITY: Final = 82
VIEW: Final = {"width": 1280, "height": 900}
PATIENCE: Final = 60_000
"""Milliseconds that a page may take."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser without a window.

    Raises:
        SystemExit: There is none.
    """
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("no Chromium; on Debian: apt-get install chromium")
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def write(name: str, image: Image.Image) -> None:
    """Write an image, no wider than `WIDTH`."""
    image = image.convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    image.save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)


def report(browser: Any, run: Path) -> None:
    """Write the top of a report: verdict, facts, and the media of the first item."""
    page = browser.new_page(viewport=VIEW)
    page.goto((run / "report.html").resolve().as_uri())
    page.wait_for_function("() => [...document.querySelectorAll('video')].every((each) => each.readyState > 3)")
    page.wait_for_timeout(SETTLED)
    main, item = page.locator("main").bounding_box(), page.locator(".item").first.bounding_box()
    clip = {"x": main["x"], "y": 0, "width": main["width"], "height": item["y"] + item["height"]}
    write("report", Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))))
    page.close()


def mlflow(browser: Any, run: Path) -> None:
    """Write MLflow's charts of a run."""
    from mmx.tracking.journal import read
    from mmx.tracking.ui_server import Server, free_port
    from mmx.tracking.uri import run_path

    told = [entry.fields for entry in read(run / "journal.jsonl") if entry.event == "mlflow"][-1]
    path = run_path(told["experiment_id"], told["run_id"]).replace("?", "/model-metrics?")
    with Server(told["uri"], host="127.0.0.1", port=free_port("127.0.0.1", None)) as server:
        server.wait_ready()
        page = browser.new_page(viewport=VIEW)
        page.set_default_timeout(PATIENCE)
        page.goto(f"{server.address}{path}")
        page.get_by_placeholder("Search metric charts").fill("^train/")
        # Closed: what stands beside the charts.
        page.get_by_role("button", name="Close", exact=True).last.click()
        page.locator(".js-plotly-plot").first.wait_for()
        page.wait_for_timeout(SETTLED)
        write("mlflow", Image.open(io.BytesIO(page.screenshot())))
        page.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write all pictures.

    Raises:
        SystemExit: They are too large.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run whose report and curves are shown")
    parser.add_argument("--faces", type=Path, help="folder of a Speech2Face run whose grid of faces is shown")
    given = parser.parse_args(arguments)
    if given.faces:
        write("faces", Image.open(given.faces / "media" / "faces.png"))
    with chromium() as browser:
        report(browser, given.run)
        mlflow(browser, given.run)
    sizes = {path.name: path.stat().st_size for path in sorted(IMAGES.iterdir())}
    print(*(f"{name}: {size} bytes" for name, size in sizes.items()), sep="\n")
    if sum(sizes.values()) > MOST:
        raise SystemExit(f"together more than {MOST} bytes")


if __name__ == "__main__":
    main()
