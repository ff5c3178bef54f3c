"""Spoils every file of a workspace in every way and looks for tracebacks.

    python -m tests.benchmarks.fuzz [--states 2000] [--seed 0] [--pages 2] [--kind evaluations]

A state is one file of the workspace spoilt in one way. Each is seen by every command that only
looks, by ``doctor --mend``, and by ``--pages`` of the eight pages (0 for all of them); every eighth
state is also driven through the commands that change something. Prints the states and tracebacks
by kind of file and by fault, and each traceback's last line once.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from ragft_core.workspace import Workspace
from tests.faults.drive import Driver, without_models
from tests.faults.states import Fault, build, faults


def chosen(workspace: Workspace, wanted: int, seed: int) -> list[Fault]:
    """Whole-file faults of every file first, then fields, each in an order that the seed decides."""
    found = list(faults(workspace))
    random.Random(seed).shuffle(found)
    found.sort(key=lambda fault: fault.name.startswith("field"))
    return found[:wanted]


def main() -> None:
    """Runs the states and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pages", type=int, default=2)
    parser.add_argument("--kind", default="", help="Only files whose path begins so.")
    parser.add_argument("--fields", action="store_true", help="Only spoilt fields.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, without_models(Path(place)):
        home = Path(place)
        whole = build(home / "whole", home)
        driver = Driver(home, given.pages, given.seed)
        began, states, bad, netted, told = (
            time.monotonic(),
            Counter(),
            Counter(),
            Counter(),
            Counter(),
        )
        names: Counter[str] = Counter()
        picked = [
            fault
            for fault in chosen(whole, 10**9, given.seed)
            if fault.file.startswith(given.kind) and (not given.fields or "field" in fault.name)
        ][: given.states]
        for number, fault in enumerate(picked):
            workspace = Workspace(home / "workspaces" / f"w{number}")
            shutil.copytree(whole.path, workspace.path)
            fault.spoil(workspace.path / fault.file)
            found = driver.drive(workspace, everything=number % 8 == 0)
            shutil.rmtree(workspace.path)
            states[fault.kind] += 1
            names[fault.name] += 1
            bad[fault.kind] += bool(found.tracebacks)
            netted[fault.kind] += bool(found.netted)
            for where, text in (*found.tracebacks.items(), *found.netted.items()):
                told[text] += 1
                if told[text] == 1:
                    print(f"--- {fault.file}: {fault.name}; {where}\n{text}", flush=True)
        print(f"\n{'file':60}states  tracebacks  told as a mistake of the lab's")
        for kind, n in sorted(states.items()):
            print(f"{kind:60}{n:6}{bad[kind]:12}{netted[kind]:12}")
        print(f"{'all':60}{sum(states.values()):6}{sum(bad.values()):12}{sum(netted.values()):12}")
        print("by fault:", ", ".join(f"{name} {n}" for name, n in sorted(names.items())))
        print(
            f"{driver.commands} commands and {driver.pages} pages, {time.monotonic() - began:.0f} s"
        )
        for text, n in told.most_common():
            print(f"{n:5} x {text.splitlines()[-1][:150]}")


if __name__ == "__main__":
    main()
