"""How long a rerun of each page takes once everything is loaded, on a finished sample.

    RAGFT_HOME=HOME python -m tests.benchmarks.reruns --workspace W [--rounds 7] [--only PAGE ...]

``HOME`` holds the workspace of a finished case. Each page runs in this process through Streamlit's
own test runner, twice to fill the caches and then ``--rounds`` times; what is measured is the
script, with neither the browser nor the network. The processor's time stands beside the clock's: on
a busy machine only the first of them tells something of the page.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT

VIEWS = {
    "home": ("start/home.py", {}),
    "documents": ("build/documents.py", {}),
    "examples": ("build/examples.py", {}),
    "fine-tune": ("build/finetune.py", {}),
    "chat": ("compare/chat.py", {}),
    "new evaluation": ("compare/evaluation.py", {"eval": "new"}),
    "evaluation": ("compare/evaluation.py", {}),
    "questions": ("compare/evaluation.py", {"eval_view": "Questions"}),
    "claims": ("compare/evaluation.py", {"eval_view": "The article's claims"}),
    "two runs": ("compare/evaluation.py", {"eval_view": "Two runs"}),
    "advisor": ("decide/advisor.py", {}),
    "why": ("decide/advisor.py", {"advisor_view": "Why"}),
    "what if": ("decide/advisor.py", {"advisor_view": "What if"}),
    "cost": ("decide/advisor.py", {"advisor_view": "Cost"}),
    "record": ("decide/advisor.py", {"advisor_view": "Next steps and record"}),
    "portfolio": ("decide/portfolio.py", {}),
}


def opened(view: str, workspace: str) -> AppTest:
    """A page of the app with its caches filled."""
    file, query = VIEWS[view]
    page = AppTest.from_file(ROOT / "pages" / "frame.py", default_timeout=300)
    page.query_params["workspace"] = workspace
    page.run()
    page.switch_page(file)
    for name, value in {"workspace": workspace, **query}.items():
        page.query_params[name] = value
    page.run()
    page.run()
    assert not page.exception, page.exception
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=VIEWS, default=list(VIEWS))
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {asked.rounds} rounds")
    print("| page | median ms | slowest ms | processor ms |\n|---|---|---|---|")
    for view in asked.only:
        page, wall, spent = opened(view, asked.workspace), [], []
        for _ in range(asked.rounds):
            began, used = time.perf_counter(), time.process_time()
            page.run()
            wall.append(1000 * (time.perf_counter() - began))
            spent.append(1000 * (time.process_time() - used))
        median, cpu = statistics.median(wall), statistics.median(spent)
        print(f"| {view} | {median:.0f} | {max(wall):.0f} | {cpu:.0f} |", flush=True)


if __name__ == "__main__":
    main()
