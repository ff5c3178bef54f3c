"""Measures the advisor: how long a recomputation takes, and how many published cases agree.

    python -m tests.benchmarks.advisor

The whole recomputation is timed as the page does it: read the criteria, decide with 5,000
simulations, work out costs, draw the tornado's rows. Its target is 300 ms on two cores. Wall time
is what users feel; processor time tells how much of it was waiting for other programs.
"""

from __future__ import annotations

import statistics
import time
import tomllib
from pathlib import Path

from ragft_core.advisor import decide, load_criteria
from ragft_core.advisor.cost.model import CostInputs, cost_table
from ragft_core.advisor.deciding.recommendation import Measurement
from ragft_core.advisor.deciding.tornado import tornado
from ragft_core.types import Strategy

CASES = Path(__file__).parents[1] / "advisor" / "cases.toml"
RUNS = 30
TARGET_S = 0.3


def recompute() -> None:
    """Everything the page works out when a slider moves."""
    criteria = load_criteria()
    answers = {criterion.id: criterion.choices[0].id for criterion in criteria.criteria[::2]}
    answers.pop("documents", None)
    measured = [
        Measurement(kind, 0.5, 0.4, 0.6, 60, "benchmark", strategy)
        for kind in ("accuracy", "unseen_accuracy", "form", "abstention")
        for strategy in Strategy
    ]
    result = decide(criteria, answers, measurements=measured, simulations=5000)
    tornado(result)
    cost_table(CostInputs())


def main() -> None:
    """Prints the two tables."""
    recompute()
    wall, processor = [], []
    for _ in range(RUNS):
        start, busy = time.perf_counter(), time.process_time()
        recompute()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    print(f"recomputation, 5,000 simulations, {RUNS} runs (target {TARGET_S * 1000:.0f} ms)")
    for name, values in (("wall", wall), ("processor", processor)):
        ordered = sorted(values)
        print(
            f"  {name:10} median {statistics.median(values) * 1000:6.1f} ms"
            f"   p95 {ordered[int(0.95 * (RUNS - 1))] * 1000:6.1f} ms"
        )
    criteria = load_criteria()
    cases = tomllib.loads(CASES.read_text(encoding="utf-8"))["cases"]
    agree = first = named = 0
    for case in cases:
        result = decide(criteria, case["answers"])
        shown = {result.leader} if result.verdict else {result.leader, result.runner_up}
        fits = case["expected"] in shown
        agree, first = agree + fits, first + (result.leader == case["expected"])
        named += result.verdict is not None
        if not fits:
            print(f"  disagrees: {case['id']}: source {case['expected']}, here {result.leader}")
            print(f"    {case.get('disagrees', 'not argued')}")
    print(
        f"cases: {agree} of {len(cases)} agree, {first} with the first, "
        f"{named} named a clear winner, {len(cases) - named} abstained"
    )


if __name__ == "__main__":
    main()
