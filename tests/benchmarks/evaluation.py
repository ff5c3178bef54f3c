"""Measures the evaluation lab: how often it errs, how fast it is.

    python -m tests.benchmarks.evaluation                   the statistics, by simulation
    python -m tests.benchmarks.evaluation --workspace PATH  a run of every ready arm, and a second

The first needs no model and takes a few minutes; the second starts real jobs in the workspace.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ragft_core.evaluation import (
    load_report,
    make_plan,
    report_text,
    start_evaluation,
    workspace_questions,
)
from ragft_core.evaluation.reports.verdicts import Verdict, decide
from ragft_core.evaluation.scoring.catalogue import BY_NAME
from ragft_core.evaluation.statistics.bootstrap import group, resample
from ragft_core.evaluation.statistics.estimates import compare, summarise
from ragft_core.strategies import arm_states
from ragft_core.workspace import Workspace

ARMS = ("prompt", "rag", "fine-tuned", "hybrid", "long-context")
Draw = Callable[[np.random.Generator], np.ndarray]


def verdict_on(values: np.ndarray, documents: list[str], score: str) -> Verdict:
    """From scores to a verdict, as a report goes it."""
    clusters = group(documents)
    weights = resample(clusters, 1000)
    arms = ARMS[: len(values)]
    scorer = BY_NAME[score]
    summaries = summarise(values, clusters, weights, rate=scorer.rate)
    differences = compare(arms, values, clusters, weights)
    return decide(scorer, dict(zip(arms, summaries, strict=True)), differences)


def equal_rates(arms: int) -> Draw:
    """Arms that are right equally often, question by question."""
    return lambda random: (random.random((arms, 60)) < random.beta(2, 2, 60)).astype(float)


def equal_grades(random: np.random.Generator) -> np.ndarray:
    """Two arms with the same graded score but for noise."""
    return np.clip(random.beta(2, 2, 60) + random.normal(0, 0.25, (2, 60)), 0, 1)


def lead(points: float, n: int, arms: int = 2) -> Draw:
    """The second arm is right this much more often than the others."""
    rates = np.full((arms, 1), 0.5)
    rates[1] += points
    return lambda random: (random.random((arms, n)) < rates).astype(float)


def by_document(random: np.random.Generator) -> np.ndarray:
    """Two equal arms whose luck depends on the document: 15 documents with 4 questions each."""
    moods = np.clip(0.5 + random.normal(0, 0.2, (2, 15)), 0, 1)
    return (random.random((2, 60)) < np.repeat(moods, 4, axis=1)).astype(float)


def few(documents: int, sd: float = 0.7, n: int = 200) -> Draw:
    """Two arms equal on average, with an effect of arm and document on the log-odds."""

    def draw(random: np.random.Generator) -> np.ndarray:
        moods = random.normal(0, sd, (2, documents))
        odds = moods[:, np.arange(n) % documents]
        return (random.random((2, n)) < 1 / (1 + np.exp(-odds))).astype(float)

    return draw


def simulate(runs: int) -> Iterator[tuple[str, float]]:
    """How often a winner, or the right one, is declared."""
    four = [f"d{place // 4}" for place in range(60)]
    cases: list[tuple[str, Draw, list[str], str, str | None]] = [
        ("A/A, rate, 60 questions: any winner", equal_rates(2), [""] * 60, "correct", None),
        ("A/A, rate, 15 documents: any winner", equal_rates(2), four, "correct", None),
        ("A/A, rate that varies by document: any winner", by_document, four, "correct", None),
        ("A/A, F1, 60 questions: any winner", equal_grades, [""] * 60, "f1", None),
        ("A/A, F1, 15 documents: any winner", equal_grades, four, "f1", None),
        ("A/A, 4 arms, rate: any winner", equal_rates(4), [""] * 60, "correct", None),
        ("20 points, n = 200, 2 arms: right winner", lead(0.2, 200), [""] * 200, "correct", "rag"),
        (
            "20 points, n = 200, 4 arms: right winner",
            lead(0.2, 200, 4),
            [""] * 200,
            "correct",
            "rag",
        ),
        ("20 points, n = 60, 2 arms: right winner", lead(0.2, 60), [""] * 60, "correct", "rag"),
        ("10 points, n = 200, 2 arms: right winner", lead(0.1, 200), [""] * 200, "correct", "rag"),
    ]
    for k in (3, 6, 9):
        spread = [f"d{place % k}" for place in range(200)]
        cases.append((f"A/A, {k} documents, n = 200: any winner", few(k), spread, "correct", None))
        sure = lead(0.3, 200)
        name = f"30 points, {k} documents, n = 200: right winner"
        cases.append((name, sure, spread, "correct", "rag"))
    for name, draw, documents, score, right in cases:
        random = np.random.default_rng(2026)
        winners = [verdict_on(draw(random), documents, score).winner for _ in range(runs)]
        hits = [winner == right if right else winner is not None for winner in winners]
        yield name, float(np.mean(hits))


def run_twice(workspace: Workspace) -> None:
    """Runs every ready arm on the test split, twice, and prints what it took and showed."""
    questions = workspace_questions(workspace)
    arms = [state.arm for state in arm_states(workspace) if state.ready]
    for attempt in ("first run", "second run, nothing changed"):
        plan = make_plan(questions, arms)
        began = time.monotonic()
        status = start_evaluation(workspace, plan, questions).wait(timeout=3600)
        seconds = time.monotonic() - began
        print(
            f"{attempt}: {len(questions.ranked)} questions, {len(arms)} arms, {seconds:.1f} s, {status.state}"
        )
    print()
    print(report_text(load_report(workspace, plan.id)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    if options.workspace:
        run_twice(Workspace(options.workspace.resolve()))
        return
    for name, share in simulate(options.runs):
        print(f"{share:7.1%}  {name}  ({options.runs} runs)", flush=True)


if __name__ == "__main__":
    main()
