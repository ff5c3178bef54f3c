"""Start-up to first paint, against an empty Streamlit app in the same run.

    python -m tests.benchmarks.startup [--rounds 3]

Each round starts a fresh server and a fresh browser page, alternating the two apps, and takes the
time from the server's start until the page shows its text. The ratio should stay near 1: nothing
heavy may be imported before the first page is painted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

from tests.browser.conftest import SWITCHES
from tests.conftest import MODELS, ROOT

EMPTY = "import streamlit as st\nst.title('Which strategy should you pick?')\n"
TEXT = "Which strategy should you pick?"


def measure(script: Path, folder: Path, browser: Browser, home: Path) -> float:
    """Seconds from the server's start to the first paint of the title."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    environment = {**os.environ, "RAGFT_HOME": str(home), "RAGFT_MODELS": str(MODELS)}
    began = time.perf_counter()
    server = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    page = browser.new_page()
    try:
        while True:
            try:
                page.goto(f"http://127.0.0.1:{port}/", timeout=60_000)
                break
            except Error:
                if time.perf_counter() - began > 60:
                    raise
                time.sleep(0.05)
        page.get_by_text(TEXT).first.wait_for(timeout=60_000)
        return time.perf_counter() - began
    finally:
        page.close()
        server.terminate()
        server.wait(timeout=20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {"empty": [], "lab": []}
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        empty = Path(scratch) / "empty.py"
        empty.write_text(EMPTY, encoding="utf-8")
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        for _ in range(rounds):
            times["empty"].append(measure(empty, Path(scratch), browser, Path(scratch)))
            times["lab"].append(measure(ROOT / "app.py", ROOT, browser, Path(scratch) / "home"))
        browser.close()
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"empty app: {medians['empty']:.2f} s   lab: {medians['lab']:.2f} s (medians)")
    print(f"ratio: {medians['lab'] / medians['empty']:.2f}")


if __name__ == "__main__":
    main()
