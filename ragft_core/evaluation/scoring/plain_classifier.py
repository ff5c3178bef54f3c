"""A plain classifier: nearest neighbours or logistic regression on sentence embeddings.

The honest outsider of every comparison by labels: no language model, trained in seconds. Which of
the two, and how strongly it is regularised, is chosen by cross-validation on the training rows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragft_core.errors import TrainingDataError
from ragft_core.evaluation.protocols import Embedder
from ragft_core.evaluation.statistics.bootstrap import Floats, wilson

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDS = 5
FEWEST_ROWS = 4
STRENGTHS = (1.0, 10.0, 100.0)
NEIGHBOURS = (1, 3, 7)
SEED = 0


@dataclass(frozen=True)
class Trial:
    """What cross-validation on training rows showed; ``seconds`` are those of all of it.

    ``accuracy`` (with its 95 % interval) and ``macro_f1`` are of rows held out, ``by_label`` the
    share right of each label's rows.
    """

    method: str
    n: int
    labels: int
    accuracy: float
    low: float
    high: float
    macro_f1: float
    seconds: float
    by_label: Mapping[str, float]


@dataclass(frozen=True)
class PlainClassifier:
    """A fitted classifier; ``method`` says which, in words."""

    method: str
    model: Any
    embedder: Embedder

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """The label of each text with its probability."""
        if not texts:
            return []
        shares = self.model.predict_proba(_vectors(self.embedder, texts))
        best = shares.argmax(axis=1)
        labels = self.model.classes_
        return [(str(labels[k]), float(row[k])) for k, row in zip(best, shares, strict=True)]


def fit_classifier(
    texts: Sequence[str], labels: Sequence[str], embedder: Embedder
) -> PlainClassifier:
    """Fits the method that does best in cross-validation.

    Raises:
        TrainingDataError: There are too few rows, or only one label.
    """
    _check(labels)
    vectors = _vectors(embedder, texts)
    method, model, _ = _best(vectors, labels)
    return PlainClassifier(method, model.fit(vectors, list(labels)), embedder)


def try_classifier(texts: Sequence[str], labels: Sequence[str], embedder: Embedder) -> Trial:
    """What a plain classifier would bring, by cross-validation on the rows alone.

    Raises:
        TrainingDataError: There are too few rows, or only one label.
    """
    from sklearn.metrics import f1_score

    began = time.perf_counter()
    _check(labels)
    method, _, held = _best(_vectors(embedder, texts), labels)
    right = np.array([given == label for given, label in zip(held, labels, strict=True)])
    low, high = wilson(float(right.mean()), len(right))
    counts = Counter(labels)
    hits = Counter(label for label, good in zip(labels, right, strict=True) if good)
    return Trial(
        method, len(labels), len(counts), float(right.mean()), low, high,
        float(f1_score(list(labels), held, average="macro", zero_division=0)),
        time.perf_counter() - began, {label: hits[label] / n for label, n in counts.most_common()},
    )  # fmt: skip


def _check(labels: Sequence[str]) -> None:
    if len(labels) < FEWEST_ROWS or len(set(labels)) < 2:
        raise TrainingDataError(
            f"{len(labels)} rows with {len(set(labels))} labels are too few for a classifier.",
            f"Bring at least {FEWEST_ROWS} rows and two labels.",
        )


def _vectors(embedder: Embedder, texts: Sequence[str]) -> Floats:
    vectors = np.asarray(embedder.embed_documents(list(texts)), dtype=np.float64)
    length: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.maximum(length, 1e-12)
    return unit


def _best(vectors: Floats, labels: Sequence[str]) -> tuple[str, Any, list[str]]:
    """The method's name, the unfitted model, and what it gave for the rows held out."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    candidates: list[tuple[str, Any]] = [
        ("logistic regression", LogisticRegression(C=strength, max_iter=2000))
        for strength in STRENGTHS
    ]
    candidates += [
        (f"{k} nearest neighbours" if k > 1 else "nearest neighbour", KNeighborsClassifier(k))
        for k in NEIGHBOURS
        if k < len(labels) * (FOLDS - 1) // FOLDS
    ]
    tried = [(name, model, _held_out(model, vectors, labels)) for name, model in candidates]
    return max(tried, key=lambda item: sum(g == w for g, w in zip(item[2], labels, strict=True)))


def _held_out(model: Any, vectors: Floats, labels: Sequence[str]) -> list[str]:
    """What a model gives for each row when it was fitted without it; folds hold every label."""
    from sklearn.base import clone
    from sklearn.model_selection import KFold, StratifiedKFold

    rows = np.array(list(labels))
    rarest = min(Counter(labels).values())
    kind = StratifiedKFold if rarest >= 2 else KFold
    folds = kind(min(FOLDS, max(2, rarest)), shuffle=True, random_state=SEED)
    given = [""] * len(rows)
    for train, held in folds.split(vectors, rows):
        if len(set(rows[train])) < 2:
            continue
        fitted = clone(model).fit(vectors[train], rows[train])
        for place, label in zip(held, fitted.predict(vectors[held]), strict=True):
            given[place] = str(label)
    return given
