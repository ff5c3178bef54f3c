"""How often "right" agrees with people: ``python -m tests.benchmarks.equivalence FILE ...``

Reads sets that people labelled, which are not kept here: FinanceBench's results as JSON lines
(github.com/patronus-ai/financebench; ``financebench_id``, ``question``, ``gold_answer``,
``model_answer``, ``label``) and EVOUNA's NQ.json and TQ.json (github.com/wangcunxiang/QA-Eval).
``--fit`` fits the weights to the half of FinanceBench's questions with the given number (0 or 1,
by a digest of their ids) and measures on the other half, ``--fit all`` to all of them, which the
weights in the product were. ``--rules`` leaves the embedder out. The table is kept in ``docs/equivalence.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragft_core.evaluation.equivalence import grading
from ragft_core.evaluation.text import is_abstention
from ragft_core.knowledge.embed import Embedder
from ragft_core.models.weights import EMBEDDER, fetch
from ragft_core.settings import Settings

# Below 0.001 and above 0.999 are the short gold answers, which are judged by rules alone.
EDGES = (0.001, 0.35, 0.6, 0.7, 0.85, 0.95, 0.999)
# What an answer beside another question's gold answer weighs against one that people labelled.
MISMATCHED = 0.25


@dataclass(frozen=True)
class Labelled:
    """An answer that a person called right, wrong or a refusal; ``id`` is its question's."""

    id: str
    system: str
    question: str
    golds: tuple[str, ...]
    answer: str
    right: bool
    refuses: bool | None = None

    @property
    def half(self) -> int:
        """Which half of the questions it belongs to."""
        return int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % 2


def read(path: Path) -> list[Labelled]:
    """The rows of one file of either set."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
        return [
            Labelled(
                row["financebench_id"],
                path.stem,
                str(row["question"]),
                (str(row["gold_answer"]),),
                str(row["model_answer"]),
                row["label"].startswith("Correct"),
                row["label"] == "Refusal",
            )
            for row in rows
        ]
    return [
        Labelled(
            row["question"],
            f"{path.stem} {name.removeprefix('judge_')}",
            row["question"],
            tuple(row["golden_answer"].split("/")),
            str(row[name.replace("judge", "answer")]),
            bool(right),
        )
        for row in json.loads(text)
        if not row["improper"]
        for name, right in row.items()
        if name.startswith("judge_") and right is not None
    ]


class Meanings:
    """Cosines of answers and gold answers by the bundled embedder; empty where it is left out."""

    def __init__(self) -> None:
        self._vectors: dict[str, np.ndarray] = {}

    def learn(self, rows: Sequence[Labelled]) -> None:
        """Embeds what is compared by meaning: long gold answers and what was answered."""
        texts = {
            text
            for row in rows
            if any(map(grading.is_long, row.golds)) and not is_abstention(row.answer)
            for text in (row.answer, *row.golds)
        }
        order = sorted(texts - set(self._vectors))
        if order:
            vectors = Embedder(fetch(EMBEDDER, Settings().models)).embed_documents(order)
            self._vectors |= dict(zip(order, vectors, strict=True))

    def of(self, answer: str, golds: Sequence[str]) -> float | None:
        """The cosine to the nearest gold answer; None where it was not worked out."""
        if not all(text in self._vectors for text in (answer, *golds)):
            return None
        return max(float(self._vectors[answer] @ self._vectors[gold]) for gold in golds)


MEANINGS = Meanings()


def likely(row: Labelled) -> float:
    """How likely the product holds an answer for right."""
    meaning = MEANINGS.of(row.answer, row.golds)
    return max(grading.likelihood(row.answer, g, row.question, meaning) for g in row.golds)


def says_right(row: Labelled) -> bool:
    """What the product says of an answer."""
    return not is_abstention(row.answer) and likely(row) >= grading.RIGHT


def kappa(one: Sequence[bool], other: Sequence[bool]) -> float:
    """Cohen's kappa: agreement beyond what chance gives (1960)."""
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(one, other))


def line(name: str, rows: Sequence[Labelled]) -> str:
    """One row of the table."""
    people, lab = [row.right for row in rows], [says_right(row) for row in rows]
    both = sum(a and b for a, b in zip(people, lab, strict=True))
    text = (
        f"{name:34} n {len(rows):6} kappa {kappa(people, lab):.3f} recall {both / sum(people):.3f} "
        f"precision {both / max(1, sum(lab)):.3f}"
    )
    refused = [row.refuses for row in rows if row.refuses is not None]
    if any(refused):
        told = [is_abstention(row.answer) for row in rows]
        hits = sum(bool(a and b) for a, b in zip(refused, told, strict=True))
        text += (
            f" | refusals recall {hits / sum(refused):.3f} precision {hits / max(1, sum(told)):.3f}"
        )
    return text


def against_people(rows: Sequence[Labelled]) -> str:
    """Pairs of systems of which people and lab each name a winner, and not the same one.

    A winner is ahead by more than 1.96 standard errors of two independent shares of one half.
    """
    shares: dict[str, tuple[float, float, int]] = {}
    for system in dict.fromkeys(row.system for row in rows):
        mine = [row for row in rows if row.system == system]
        lab = float(np.mean([says_right(row) for row in mine]))
        shares[system] = (float(np.mean([row.right for row in mine])), lab, len(mine))
    pairs, against = 0, []
    for one, (people, lab, n) in shares.items():
        for other, (people2, lab2, _) in shares.items():
            if one < other:
                pairs += 1
                noise = 1.96 * (0.5 / n) ** 0.5
                gaps = (people - people2, lab - lab2)
                if gaps[0] * gaps[1] < 0 and min(map(abs, gaps)) > noise:
                    against.append(f"{one} / {other}")
    return f"{pairs} pairs of systems, verdicts against people: {against or 'none'}"


def calibration(rows: Sequence[Labelled]) -> str:
    """Of the long answers by their likelihood: how many, and the share that people call right."""
    rated = [(likely(row), row.right) for row in rows if not is_abstention(row.answer)]
    parts = []
    for low, high in itertools.pairwise(EDGES):
        inside = [right for likely, right in rated if low <= likely < high]
        share = f"{np.mean(inside):.2f}" if inside else "none"
        parts.append(f"{low:.2f} to {high:.2f}: n {len(inside)}, {share}")
    return "likelihood, people's share: " + "; ".join(parts)


def fit(rows: Sequence[Labelled]) -> None:
    """Puts weights in place that were fitted to these rows.

    Each answer is shown beside another question's gold answer too, as a wrong one of a quarter of
    the weight: people's labels hold few answers that have nothing to do with the question.
    """
    from sklearn.linear_model import LogisticRegression

    weighed = [r for r in rows if grading.is_long(r.golds[0]) and not is_abstention(r.answer)]
    golds = sorted({(r.id, r.golds[0], r.question) for r in weighed})
    others = [
        golds[(golds.index((r.id, r.golds[0], r.question)) + 1 + place) % len(golds)]
        for place, r in enumerate(weighed)
    ]
    pairs = [(r.answer, r.golds[0], r.question, r.right, 1.0) for r in weighed] + [
        (r.answer, gold, question, False, MISMATCHED)
        for r, (other, gold, question) in zip(weighed, others, strict=True)
        if other != r.id
    ]
    for name in ("BY_RULES", "BY_MEANING"):
        features = [grading.features(*pair[:3]) for pair in pairs]
        if name == "BY_MEANING":
            for feature, (answer, gold, *_) in zip(features, pairs, strict=True):
                feature["meaning"] = MEANINGS.of(answer, [gold]) or 0.0
        model = LogisticRegression(C=1.0, max_iter=1000).fit(
            [list(f.values()) for f in features],
            [pair[3] for pair in pairs],
            sample_weight=[pair[4] for pair in pairs],
        )
        weights = dict(zip(features[0], map(float, model.coef_[0]), strict=True))
        setattr(grading, name, grading.Weighing(float(model.intercept_[0]), weights))
        rounded = {name: round(weight, 2) for name, weight in weights.items()}
        print(f"{name}: {len(weighed)} answers, {model.intercept_[0]:.2f}, {rounded}")


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, after a fit where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--fit", choices=("0", "1", "all"), help="the half to fit to")
    parser.add_argument("--rules", action="store_true", help="without the embedder")
    options = parser.parse_args(argv)
    rows = [row for path in options.files for row in read(path)]
    if not options.rules:
        MEANINGS.learn(rows)
    if options.fit is not None:
        fit([row for row in rows if options.fit in ("all", str(row.half))])
        rows = [row for row in rows if options.fit == "all" or str(row.half) != options.fit]
    print(line("all", rows))
    for system in dict.fromkeys(row.system for row in rows):
        print(line(system, [row for row in rows if row.system == system]))
    print(against_people(rows))
    print(calibration(rows))


if __name__ == "__main__":
    main()
