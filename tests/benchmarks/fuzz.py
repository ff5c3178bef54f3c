"""Spoils every file of a workspace in every way and looks for tracebacks.

    python -m tests.benchmarks.fuzz [--states 2000] [--seed 0] [--pages 1] [--commands 3]

A state is one file of the workspace spoilt in one way. Each is seen by some of the eight pages and
some of the commands, drawn by the seed (``--pages 0 --commands 0`` for all of them), and then by
``doctor --mend``; ``--every 4`` shows pages a quarter of the states only. ``--part 1/4`` runs every fourth state. Prints the states and tracebacks by kind
of file, and each message once.
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


def chosen(workspace: Workspace, seed: int) -> list[Fault]:
    """All faults in an order that the seed decides, kinds of file taking turns."""
    found = list(faults(workspace))
    random.Random(seed).shuffle(found)
    turn: Counter[tuple[str, str]] = Counter()
    places = {}
    for fault in found:
        key = fault.kind, fault.name
        turn[key] += 1
        places[id(fault)] = turn[key]
    return sorted(found, key=lambda fault: places[id(fault)])


def main() -> None:
    """Runs the states and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pages", type=int, default=1)
    parser.add_argument("--commands", type=int, default=3)
    parser.add_argument("--every", type=int, default=1, help="Pages for every n-th state only.")
    parser.add_argument("--seconds", type=float, default=1e9, help="Ends after so long.")
    parser.add_argument("--part", default="1/1", help="Which of how many parts.")
    parser.add_argument("--kind", default="", help="Only files whose path begins so.")
    parser.add_argument("--fields", action="store_true", help="Only spoilt fields.")
    given = parser.parse_args()
    part, parts = map(int, given.part.split("/"))
    with tempfile.TemporaryDirectory() as place, without_models(Path(place)):
        home = Path(place)
        whole = build(home / "whole", home)
        driver = Driver(home, given.pages, given.commands, given.seed)
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
            for fault in chosen(whole, given.seed)
            if fault.file.startswith(given.kind) and (not given.fields or "field" in fault.name)
        ][: given.states][part - 1 :: parts]
        for number, fault in enumerate(picked):
            if time.monotonic() - began > given.seconds:
                break
            workspace = Workspace(home / "workspaces" / f"w{number}")
            shutil.copytree(whole.path, workspace.path)
            fault.spoil(workspace.path / fault.file)
            found = driver.drive(workspace, pages=number % given.every == 0)
            shutil.rmtree(workspace.path)
            states[fault.kind] += 1
            if number % 100 == 99:
                print(f"{number + 1} states, {time.monotonic() - began:.0f} s", flush=True)
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
