"""From a clone to a decision on own documents, in a real browser, with a clock beside it.

    python -m tests.benchmarks.newcomer [--keep DIR]

A fresh clone of this repository gets an environment of its own by the README's command; then a
person makes a workspace, adds the documents and 40 questions with answers, trains both adapters
with the quick preset, evaluates all arms and opens the advisor. Told is the time of each step in
seconds. The wheels and models come from where this machine gets them, which is most of the first
two steps on a slow line. Wants a quiet machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error, Page, expect, sync_playwright

from tests.browser.conftest import SWITCHES
from tests.browser.test_journey import open_page, settled

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "dairy"
N_EXAMPLES, PORT = 40, 8599
MINUTE_MS = 60_000


class Clock:
    """Prints how long each step took, and how long all of them."""

    def __init__(self) -> None:
        self.began = self._last = time.monotonic()

    def tell(self, what: str) -> None:
        """Prints a step's seconds, and those since the beginning."""
        now = time.monotonic()
        print(f"{what:52} {now - self._last:6.0f} s   {now - self.began:6.0f} s", flush=True)
        self._last = now


@contextmanager
def served(clone: Path, home: Path) -> Iterator[str]:
    """The app as the README starts it, on a port of its own."""
    command = (
        "python3 -m venv .venv && . .venv/bin/activate && pip install -q -r requirements.txt && "
        f"exec streamlit run app.py --server.port {PORT}"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "RAGFT_MODELS")}
    environment |= {"RAGFT_HOME": str(home)}
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=clone, env=environment, start_new_session=True
    )
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)


def examples_file(folder: Path) -> Path:
    """40 questions with answers, in each fact's first wording and as many second ones."""
    rows = [json.loads(line) for line in (DATA / "questions.jsonl").read_text("utf-8").splitlines()]
    facts = [row for row in rows if row["answer"]]
    asked = [(row["trained"][n], row["answer"], row["document"]) for n in (0, 1) for row in facts]
    file = folder / "questions.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("question", "answer", "document"), *asked[:N_EXAMPLES]])
    return file


def questions_file(folder: Path) -> Path:
    """The facts in a third wording, and questions that the documents do not answer."""
    rows = [json.loads(line) for line in (DATA / "questions.jsonl").read_text("utf-8").splitlines()]
    file = folder / "asked.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerow(("question", "answer"))
        csv.writer(out).writerows((row["asked"], row["answer"]) for row in rows)
    return file


def main(argv: Sequence[str] | None = None) -> None:
    """Goes the way and prints the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument(
        "--keep", type=Path, help="folder for clone, home and pictures; a clone there is used again"
    )
    options = parser.parse_args(argv)
    place = options.keep or Path(tempfile.mkdtemp())
    place.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    if not (place / "clone").exists():
        subprocess.run(["git", "clone", "-q", str(ROOT), str(place / "clone")], check=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with served(place / "clone", place / "home") as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(5 * MINUTE_MS)
        expect.set_options(timeout=5 * MINUTE_MS)
        until = time.monotonic() + 900
        while time.monotonic() < until:
            try:
                open_page(page, base, "")
                break
            except Error:  # the server is not there yet
                time.sleep(1)
        else:
            raise SystemExit("The app did not start within 15 minutes.")
        clock.tell("clone, environment, server, first page")
        walk(page, place, clock)
        page.screenshot(path=place / "decision.png")
        browser.close()


def walk(page: Page, place: Path, clock: Clock) -> None:
    """What the person does, from Home to the advisor."""
    page.get_by_placeholder("Support handbook").fill("Dairy")
    page.get_by_role("button", name="Make a workspace").click()
    expect(page.get_by_text("The workspace Dairy is ready.")).to_be_visible()
    clock.tell("models fetched, workspace made")
    page.get_by_role("link", name="Documents").click()
    files = [str(file) for file in sorted(DATA.glob("*.md"))]
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)
    page.get_by_role("button", name="Add to the knowledge base").click()
    expect(page.get_by_role("heading", name=f"Documents ({len(files)})")).to_be_visible()
    clock.tell(f"{len(files)} documents added")
    page.get_by_role("link", name="Examples").click()
    settled(page)
    page.locator("input[type=file]").first.set_input_files(str(examples_file(place)))
    settled(page)
    page.get_by_role("button", name=f"Add {N_EXAMPLES} examples").click()
    expect(page.get_by_text(f"{N_EXAMPLES} examples were added.")).to_be_visible()
    clock.tell(f"{N_EXAMPLES} examples added")
    page.get_by_role("link", name="Fine-tune").click()
    settled(page)
    page.get_by_text("Both", exact=True).click()
    settled(page)
    page.get_by_role("button", name="Start fine-tuning").click()
    expect(page.get_by_text("succeeded", exact=True)).to_have_count(2, timeout=20 * MINUTE_MS)
    clock.tell("both adapters trained (quick preset)")
    page.get_by_role("link", name="Evaluation").click()
    settled(page)
    page.locator("input[type=file]").set_input_files(str(questions_file(place)))
    settled(page)
    page.get_by_role("button", name="Start the evaluation").click()
    expect(page.get_by_text("The article's claims")).to_be_visible(timeout=15 * MINUTE_MS)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=15 * MINUTE_MS)
    settled(page)
    page.screenshot(path=place / "evaluation.png")
    clock.tell("all arms evaluated on questions in new words")
    page.get_by_role("link", name="Advisor").click()
    expect(page.get_by_role("heading", name="Which strategy?", exact=True)).to_be_visible()
    settled(page)
    clock.tell("the decision")
    print(page.get_by_test_id("stMain").inner_text()[:600])


if __name__ == "__main__":
    main()
