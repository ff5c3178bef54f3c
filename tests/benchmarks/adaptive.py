"""What the adaptive arm brings, and the weights it decides by.

    python -m tests.benchmarks.adaptive --keep DIR [--reading ../shared/data/reading/dev.jsonl]

Sets: the two invented companies (``tramway``, ``dairy``), each with 40 questions of general knowledge;
with ``--reading`` also the XQuAD articles and the NQ and COVID-QA passages of that file, of which
some are left out of the index, so that their questions have no answer there. Every question is asked of RAG
and of the prompt alone; answers with their signals are kept in DIR and read from there the next time.
Each set is then decided by weights fitted to the other sets (L2-penalised logistic regression), at
several degrees of caution, and each half of it by the shipped weights calibrated on the other half; the
weights of all sets are printed as ``adaptive.py`` holds them.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from ragft_core.evaluation.equivalence import equivalent
from ragft_core.evaluation.text import is_abstention
from ragft_core.finetuning.rows.general import FILE as TRAINED_GENERAL
from ragft_core.settings import Settings
from ragft_core.strategies import open_lab
from ragft_core.strategies.choosing.adaptive import Signals, calibrated, choose, signals_of
from ragft_core.types import Answer
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import create_workspace
from tests.benchmarks.recall import GENERAL, HERE, read

CAUTIONS = (0.3, 0.4, 0.5, 0.6, 0.7)
FACT, NOTHING, KNOWN = "fact", "unanswerable", "general"
OUTCOMES = ("right", "wrong", "declined")
PENALTY = 0.5


@dataclass(frozen=True)
class Item:
    """A question, its gold answers, and what it probes."""

    question: str
    golds: list[str]
    kind: str


@dataclass(frozen=True)
class Row:
    """A question with both answers."""

    kind: str
    golds: list[str]
    read: Answer
    recalled: Answer

    def right(self, answer: Answer) -> bool:
        """Whether an answer is right; general ones may say more than the gold answer."""
        told = self.kind != NOTHING and not is_abstention(answer.text)
        return told and any(
            equivalent(answer.text, gold, answer.question)
            or (self.kind == KNOWN and gold.lower() in answer.text.lower())
            for gold in self.golds
        )


def company(name: str) -> tuple[list[Item], dict[str, str]]:
    """The questions and the documents of an invented company."""
    rows = read(HERE / name / "questions.jsonl")
    items = [
        Item(r["asked"], [r["answer"]], FACT) if r["answer"] else Item(r["asked"], [], NOTHING)
        for r in rows
    ]
    items += [Item(r["question"], r["answers"], KNOWN) for r in read(GENERAL)]
    return items, {p.name: p.read_text(encoding="utf-8") for p in (HERE / name).glob("*.md")}


def reading(path: Path, sources: Sequence[str], most: int) -> tuple[list[Item], dict[str, str]]:
    """Questions of a reading set; a third of the documents is not in the index."""
    rows = [row for row in read(path) if row["source"] in sources]
    names = sorted({row["doc"] for row in rows})
    chance = random.Random(0)
    chance.shuffle(names)
    held = set(names[: 2 * len(names) // 3])
    inside = [row for row in rows if row["doc"] in held]
    outside = [row for row in rows if row["doc"] not in held]
    texts: dict[str, dict[str, None]] = defaultdict(dict)
    for row in inside:
        texts[row["doc"]][row["context"]] = None
    items = [
        Item(r["question"], [r["answer"]], FACT)
        for r in chance.sample(inside, min(most, len(inside)))
    ]
    items += [
        Item(r["question"], [], NOTHING) for r in chance.sample(outside, min(40, len(outside)))
    ]
    lines = [line.split("\t") for line in TRAINED_GENERAL.read_text("utf-8").splitlines()]
    items += [Item(q, [a], KNOWN) for q, a in chance.sample(lines, 60)]
    files = {f"{n}.md": f"# {doc}\n\n" + "\n\n".join(t) for n, (doc, t) in enumerate(texts.items())}
    return items, files


def ask(items: Sequence[Item], files: dict[str, str]) -> list[Row]:
    """Asks both arms everything."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = create_workspace(Settings(), "Adaptive", Path(folder) / "w")
        lab = open_lab(workspace, Settings())
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        lab.knowledge.add_files([(name, Path(folder) / name) for name in files])
        pending = [(item, lab.ask(item.question, ["rag", "prompt"])) for item in items]
        rows = [
            Row(item.kind, item.golds, read.answer(), recalled.answer())
            for item, (read, recalled) in pending
        ]
        lab.close()
    return rows


def kept(name: str, make: Callable[[], tuple[list[Item], dict[str, str]]], keep: Path) -> list[Row]:
    """The rows of a set: those of an earlier run, or asked now."""
    file = keep / f"{name}.json"
    if not file.exists():
        file.write_text(json.dumps([to_dict(row) for row in ask(*make())]), encoding="utf-8")
    return [from_dict(Row, row) for row in json.loads(file.read_text(encoding="utf-8"))]


def fit(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Weights of an answer from passages and of one from memory, over those that say something."""
    return tuple(  # type: ignore[return-value]
        _logistic(*zip(*((_x(row, which), row.right(_of(row, which))) for row in rows
                         if not is_abstention(_of(row, which).text)), strict=True))
        for which in (0, 1)
    )  # fmt: skip


def _of(row: Row, which: int) -> Answer:
    return (row.read, row.recalled)[which]


def _x(row: Row, which: int) -> tuple[float, ...]:
    signals: Signals = signals_of(row.read, row.recalled)
    return signals.row((signals.read_confidence, signals.recalled_confidence)[which])


def _logistic(rows: Sequence[Sequence[float]], right: Sequence[bool]) -> np.ndarray:
    x, y = np.array(rows), np.array(right, dtype=float)

    def loss(w: np.ndarray) -> float:
        return float(
            np.sum(np.logaddexp(0, x @ w) - y * (x @ w)) + PENALTY * np.sum(w[1:] ** 2) / 2
        )

    return minimize(loss, np.zeros(x.shape[1])).x


def decide(rows: Sequence[Row], weights: Sequence[np.ndarray], caution: float) -> Counter:
    """Outcomes by kind, as ``strategies.choosing.adaptive.choose`` would have them."""
    found: Counter = Counter()
    for row in rows:
        chances = [
            0.0 if is_abstention(_of(row, w).text)
            else float(1 / (1 + np.exp(-np.dot(weights[w], _x(row, w)))))
            for w in (0, 1)
        ]  # fmt: skip
        best = int(chances[1] > chances[0])
        # Without a calibration caution is for answers from memory; see ``choose``.
        declined = chances[best] < caution and bool(best or not chances[0])
        found[row.kind, _outcome(row, best, declined)] += 1
    return found


def calibrated_halves(rows: Sequence[Row], caution: float) -> Counter:
    """Outcomes where each half of a set is decided by the shipped weights calibrated on the other."""
    found: Counter = Counter()
    halves = rows[::2], rows[1::2]
    for fitted, asked in (halves, halves[::-1]):
        known = [
            (signals_of(r.read, r.recalled), _known(r, r.read), _known(r, r.recalled))
            for r in fitted
        ]
        calibration = calibrated(known)
        for row in asked:
            chosen = choose(row.read, row.recalled, caution, calibration)
            which = int(not chosen.from_passages)
            found[row.kind, _outcome(row, which, is_abstention(chosen.text))] += 1
    return found


def _known(row: Row, answer: Answer) -> bool | None:
    return None if is_abstention(answer.text) else row.right(answer)


def always(rows: Sequence[Row]) -> Counter:
    """Outcomes of the RAG arm."""
    return Counter((row.kind, _outcome(row, 0, is_abstention(row.read.text))) for row in rows)


def _outcome(row: Row, which: int, declined: bool) -> str:
    if declined:
        return "right" if row.kind == NOTHING else "declined"
    return "right" if row.right(_of(row, which)) else "wrong"


def line(found: Counter) -> str:
    """right / wrong / declined by kind."""
    kinds = (FACT, NOTHING, KNOWN)
    return " | ".join(f"{k} {' / '.join(str(found[k, o]) for o in OUTCOMES)}" for k in kinds)


def main() -> None:
    """Asks, fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--reading", type=Path)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], tuple[list[Item], dict[str, str]]]] = {
        name: (lambda name=name: company(name)) for name in ("tramway", "dairy")
    }
    if options.reading:
        makers["xquad"] = lambda: reading(options.reading, ["xquad"], 110)
        makers["nq"] = lambda: reading(options.reading, ["nq-open", "covid-qa"], 80)
    sets = {name: kept(name, make, options.keep) for name, make in makers.items()}
    for name, rows in sets.items():
        others = [row for other, found in sets.items() if other != name for row in found]
        print(f"{name:8} always reading  {line(always(rows))}")
        for caution in CAUTIONS:
            print(f"{name:8} caution {caution:.1f}     {line(decide(rows, fit(others), caution))}")
        for caution in CAUTIONS:
            print(f"{name:8} calibrated {caution:.1f}  {line(calibrated_halves(rows, caution))}")
    print(
        [
            [round(float(w), 2) for w in ws]
            for ws in fit([r for rows in sets.values() for r in rows])
        ]
    )


if __name__ == "__main__":
    main()
