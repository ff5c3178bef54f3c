"""The plain classifier: what it reaches alone, beside the arms, and what the advisor makes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ragft_core.advisor import decide, gather_evidence
from ragft_core.errors import TrainingDataError
from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.reports.report import make_report
from ragft_core.evaluation.reports.results import load_results
from ragft_core.evaluation.running.classifying import classify_questions
from ragft_core.evaluation.scoring.plain_classifier import fit_classifier, try_classifier
from ragft_core.evaluation.store.plans import REPORT_FILE, folder_of
from ragft_core.finetuning import save_examples
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_json
from tests.advisor.conftest import CRITERIA
from tests.evaluation.conftest import stored_run

LABELS = ("billing", "delivery", "repair")
WORDS = {
    "billing": "invoice refund payment charge card amount".split(),
    "delivery": "parcel courier late address arrive tracking".split(),
    "repair": "broken engine spare part noise leak".split(),
}


class BagOfWords:
    """Vectors that count words: enough to tell these labels apart."""

    vocabulary = [word for words in WORDS.values() for word in words]

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        return np.array([[float(w in t.split()) for w in self.vocabulary] for t in texts])


def rows(n: int, seed: int = 0) -> list[tuple[str, str]]:
    random = np.random.default_rng(seed)
    found = []
    for place in range(n):
        label = LABELS[place % 3]
        found.append((" ".join(["my", *random.choice(WORDS[label], 3)]), label))
    return found


def test_it_learns_and_says_how_sure_it_is() -> None:
    texts, labels = zip(*rows(60), strict=True)
    classifier = fit_classifier(texts, labels, BagOfWords())
    given = classifier.predict(["my invoice refund", "my leak noise"])
    assert [label for label, _ in given] == ["billing", "repair"]
    assert all(0.34 < share <= 1 for _, share in given)


def test_held_out_rows_are_right_and_random_labels_are_not() -> None:
    texts, labels = zip(*rows(60), strict=True)
    found = try_classifier(texts, labels, BagOfWords())
    assert found.accuracy > 0.95
    assert (found.n, found.labels, set(found.by_label)) == (60, 3, set(LABELS))
    shuffled = list(np.random.default_rng(3).permutation(labels))
    assert try_classifier(texts, shuffled, BagOfWords()).accuracy < 0.6


@pytest.mark.parametrize("labels", [["a"] * 10, ["a", "b"], []])
def test_too_little_is_said(labels: Sequence[str]) -> None:
    with pytest.raises(TrainingDataError, match="too few"):
        try_classifier([f"t{n}" for n in range(len(labels))], labels, BagOfWords())


def test_a_label_with_one_row_is_no_obstacle() -> None:
    texts, labels = zip(*[*rows(30), ("strange thing", "other")], strict=True)
    assert try_classifier(texts, labels, BagOfWords()).accuracy > 0.8


def run_with(workspace: Workspace, arm_right: int) -> QuestionSet:
    trained = [Example(f"e{n}", text, label) for n, (text, label) in enumerate(rows(60))]
    kept = Example("t", "never trained", "billing", Split.TEST)
    save_examples(workspace, [*trained, kept])
    asked = tuple(
        Question(f"q{n}", text, (label,), QuestionKind.LABEL)
        for n, (text, label) in enumerate(rows(45, seed=9))
    )
    questions = QuestionSet("Labels", asked, Labelling(LABELS))

    def say(arm: str, question: Question, draw: int) -> str:
        return question.golds[0] if int(question.id[1:]) < arm_right else "who knows"

    plan = stored_run(workspace, questions, say)
    classify_questions(workspace, folder_of(workspace, plan.id), questions, BagOfWords)
    report = make_report(load_results(workspace, plan.id))
    write_json(folder_of(workspace, plan.id) / REPORT_FILE, to_dict(report))
    return report


def test_as_good_as_the_arms_it_is_named_and_the_advisor_says_so(stocked: Workspace) -> None:
    report = run_with(stocked, arm_right=43)
    assert report.classifier.enough
    assert report.classifier.n == 45
    assert report.classifier.n_train == 60
    assert any("you may need neither" in note for note in report.notes)
    evidence = gather_evidence(stocked)
    result = decide(CRITERIA, {}, measurements=evidence.measurements, leads=evidence.leads)
    assert (result.outside, result.verdict) == ("classifier", None)
    assert "None of the five is needed" in result.headline.text


def test_without_labels_there_is_none(stocked: Workspace) -> None:
    questions = QuestionSet("Facts", (Question("q0", "What?", ("a",)),))
    plan = stored_run(stocked, questions, lambda *_: "a")
    classify_questions(stocked, folder_of(stocked, plan.id), questions, BagOfWords)
    assert make_report(load_results(stocked, plan.id)).classifier is None
