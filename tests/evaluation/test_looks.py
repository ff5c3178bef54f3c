"""Stop when you know: the correction for looks, the order of the questions, the run itself."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ragft_core.evaluation.questions.question_sets import Question, QuestionSet, asking_order
from ragft_core.evaluation.reports.report import load_report
from ragft_core.evaluation.statistics.bootstrap import group, resample
from ragft_core.evaluation.statistics.estimates import compare
from ragft_core.evaluation.statistics.looks import LOOKS, at_one_look, look_sizes, over_looks
from ragft_core.evaluation.statistics.significance import LEVEL
from ragft_core.evaluation.store.answers import stored_answers
from ragft_core.evaluation.store.plans import Plan, folder_of, load_looks, make_plan, save_plan
from ragft_core.types import Answer, QuestionKind
from ragft_core.workspace import Workspace
from tests.evaluation.conftest import ARMS, DOCUMENT, Done, FakeLab, arms_of
from tests.evaluation.test_runner import run


def test_the_correction_is_how_often_a_motion_crosses_at_any_look() -> None:
    from scipy import stats

    random = np.random.default_rng(0)
    steps = np.sqrt(np.diff([0.0, *LOOKS]))
    paths = np.cumsum(random.normal(size=(200_000, len(LOOKS))) * steps, axis=1) / np.sqrt(LOOKS)
    for z in (1.5, 2.2, 2.7):
        crossed = (np.abs(paths) > z).any(axis=1).mean()
        assert over_looks(2 * stats.norm.sf(z)) == pytest.approx(crossed, rel=0.03)


def test_the_correction_lies_between_one_look_and_all_of_them() -> None:
    for p in (1e-12, 1e-6, 0.001, 0.02, 0.4):
        assert p < over_looks(p) <= len(LOOKS) * p
    assert over_looks(1.0) == pytest.approx(1.0)
    assert over_looks(0.0) == 0.0
    assert over_looks(at_one_look(0.05)) == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("n", [1, 2, 7, 60, 200])
def test_the_last_look_sees_every_question(n: int) -> None:
    sizes = look_sizes(n)
    assert sizes[-1] == n
    assert list(sizes) == sorted(set(sizes))


def looked(values: np.ndarray, documents: list[str], **options: bool) -> bool:
    """Whether any planned look finds a lead."""
    for size in look_sizes(values.shape[1]):
        clusters = group(documents[:size])
        found = compare(["a", "b"], values[:, :size], clusters, resample(clusters, 200), **options)
        if found and found[0].decided:
            return True
    return False


@pytest.mark.parametrize("documents", [[""] * 80, [f"d{i % 20}" for i in range(80)]])
def test_looking_six_times_errs_no_more_often_than_once(documents: list[str]) -> None:
    random = np.random.default_rng(1)
    places = [int(name[1:] or 0) if name else i for i, name in enumerate(documents)]
    wrong = 0
    for _ in range(100):
        moods = np.clip(0.5 + random.normal(0, 0.2, (2, max(places) + 1)), 0, 1)[:, places]
        values = (random.random((2, 80)) < moods).astype(float)
        wrong += looked(values, documents, sequential=True)
    # The level of one score, and three standard errors of 100 runs.
    assert wrong / 100 <= LEVEL + 3 * (LEVEL / 100) ** 0.5


def test_looking_without_the_correction_errs_more_often() -> None:
    """The test above can fail: a graded score at the plain level crosses far more often."""
    random = np.random.default_rng(2)
    found = {False: 0, True: 0}
    for _ in range(80):
        values = np.clip(0.5 + random.normal(0, 0.2, (2, 80)), 0, 1)
        for sequential in found:
            found[sequential] += looked(values, [""] * 80, sequential=sequential)
    assert found[False] > found[True]
    assert found[False] > 80 * 1.5 * LEVEL


def test_intervals_hold_where_a_run_ends() -> None:
    """The true lead of 20 points lies in the interval that is shown at the end, 95 % of the time."""
    random = np.random.default_rng(3)
    held = 0
    for _ in range(150):
        values = (random.random((2, 80)) < np.array([[0.7], [0.5]])).astype(float)
        for size in look_sizes(80):
            clusters = group([""] * size)
            found = compare(
                ["a", "b"], values[:, :size], clusters, resample(clusters, 1000), sequential=True
            )[0]
            if found.decided:
                break
        held += found.low <= 0.2 <= found.high
    assert held / 150 >= 0.92


def kinds(n: int = 120) -> list[Question]:
    chosen = [QuestionKind.TRAINED_FACT] * 6 + [QuestionKind.DOCUMENT_FACT] * 3
    chosen += [QuestionKind.UNANSWERABLE]
    return [
        Question(
            f"q{i}", f"What is thing {i}?", (f"number {i}",), chosen[i % 10], f"d{i // 10 % 3}"
        )
        for i in range(n)
    ]


@pytest.mark.parametrize("size", [20, 36, 60, 96])
def test_any_beginning_has_its_share_of_kinds_and_documents(size: int) -> None:
    rows = asking_order(kinds())
    assert sorted(row.id for row in rows) == sorted(row.id for row in kinds())
    found = Counter(row.kind for row in rows[:size])
    for kind, count in Counter(row.kind for row in rows).items():
        assert abs(found[kind] - count * size / 120) <= 1
    read = Counter(row.document_id for row in rows[:size])
    assert all(abs(count - size / 3) <= 4 for count in read.values())


def test_the_order_is_the_same_every_time_and_not_the_given_one() -> None:
    rows = kinds()
    assert asking_order(rows) == asking_order(rows[::-1])
    assert asking_order(rows) != rows


def test_a_beginning_counts_the_questions_that_decide() -> None:
    rows = [
        Question(
            f"q{i}", "?", ("1",), QuestionKind.GENERAL if i % 2 else QuestionKind.DOCUMENT_FACT
        )
        for i in range(20)
    ]
    asked = QuestionSet("mixed", tuple(rows))
    assert len(asked.deciding) == 10
    assert len(asked.beginning(4).deciding) == 4
    assert asked.beginning(10) == asked


class Knowing(FakeLab):
    """RAG knows everything; the prompt knows what ``share`` says."""

    share = 0

    def _answer(self, question: str, arm: str, sampling: object) -> Answer:
        number = "".join(filter(str.isdigit, question))
        right = arm == "rag" or int(number or 0) % 10 < self.share
        return Answer(
            arm, question, f"number {number}" if right else "something else", model="fake",
            prompt_tokens=40, completion_tokens=5, first_token_s=0.1, total_s=0.2,
        )  # fmt: skip

    def ask(self, question: str, arms: list[str], **options: object) -> list[Done]:  # type: ignore[override]
        self.on_ask()
        self.asked += [(arm, question) for arm in arms]
        return [Done(self._answer(question, arm, None)) for arm in arms]


class Equal(Knowing):
    share = 10


def early(workspace: Workspace, n: int = 60) -> Plan:
    rows = [
        Question(f"q{i}", f"What is thing {i}?", (f"number {i}",), document_id=DOCUMENT)
        for i in range(n)
    ]
    questions = QuestionSet("Things", tuple(asking_order(rows)))
    plan = make_plan(
        questions, arms_of(ARMS), latency_questions=2, diversity_questions=3, stop_early=True
    )
    save_plan(workspace, plan, questions)
    return plan


def test_a_clear_winner_ends_the_run_and_the_report_says_so(stocked: Workspace) -> None:
    plan = early(stocked)
    run(stocked, plan, Knowing())
    report = load_report(stocked, plan.id)
    assert report.winner == "rag"
    assert report.ended_early
    assert (report.n_questions, report.planned, report.looked_after) == (18, 60, (18,))
    assert "ended early, after 18 of 60 questions" in report.verdict
    assert any("overstated on average" in note for note in report.notes)
    firsts = [key for key in stored_answers(folder_of(stocked, plan.id)) if not key[2]]
    assert len(firsts) == 36
    assert report.diversity[0].questions == 3


def test_without_a_clear_winner_everything_is_asked(stocked: Workspace) -> None:
    plan = early(stocked)
    run(stocked, plan, Equal())
    report = load_report(stocked, plan.id)
    assert report.winner is None
    assert not report.ended_early
    assert report.n_questions == 60
    assert report.looked_after == (18, 24, 30, 36, 48)
    assert "the same score on every one of 60 questions" in report.verdict


def test_a_run_that_goes_on_takes_no_look_twice_and_ends_the_same(stocked: Workspace) -> None:
    class KilledError(Exception):
        pass

    class Killed(Equal):
        def ask(self, *args: object, **options: object) -> list[Done]:
            if len(self.asked) > 2 * 27:  # between the second look and the third
                raise KilledError
            return super().ask(*args, **options)  # type: ignore[arg-type]

    plan = early(stocked)
    with pytest.raises(KilledError):
        run(stocked, plan, Killed())
    assert load_looks(folder_of(stocked, plan.id)).after == (18, 24)
    run(stocked, plan, Equal())
    report = load_report(stocked, plan.id)
    assert report.looked_after == (18, 24, 30, 36, 48)
    assert report.n_questions == 60


def test_an_ended_run_asks_nothing_when_it_is_resumed(stocked: Workspace) -> None:
    plan = early(stocked)
    run(stocked, plan, Knowing())
    first = load_report(stocked, plan.id)
    again = Knowing()
    run(stocked, plan, again)
    assert again.asked == []
    assert load_report(stocked, plan.id) == first


def test_an_arm_that_fails_does_not_let_another_win_early(stocked: Workspace) -> None:
    class Failing(Knowing):
        def _answer(self, question: str, arm: str, sampling: object) -> Answer:
            if arm == "hybrid":
                return Answer(arm, question, "", error="The endpoint is away.", finish="error")
            return super()._answer(question, arm, sampling)

    rows = [
        Question(f"q{i}", f"What is thing {i}?", (f"number {i}",), document_id=DOCUMENT)
        for i in range(30)
    ]
    questions = QuestionSet("Things", tuple(asking_order(rows)))
    arms = arms_of([*ARMS, "hybrid"])
    plan = make_plan(questions, arms, latency_questions=0, stop_early=True)
    save_plan(stocked, plan, questions)
    from ragft_core.evaluation.running import stopping
    from ragft_core.evaluation.store.answers import StoredAnswer, keep
    from ragft_core.evaluation.store.plans import ANSWERS_FILE

    def answer(batch: QuestionSet) -> None:
        for q in batch.questions:
            for arm in plan.arms:
                said = Failing()._answer(q.text, arm, None)
                row = StoredAnswer(f"{arm}{q.id}", arm, q.id, 0, said)
                keep(folder_of(stocked, plan.id) / ANSWERS_FILE, [row])

    asked = stopping.ask_until_clear(stocked, plan, questions, answer, lambda: False)
    assert len(asked.questions) == 30


def test_a_run_on_its_way_says_what_is_left(stocked: Workspace, tmp_path: Path) -> None:
    from ragft_core.evaluation.reports.report import make_report
    from ragft_core.evaluation.reports.results import load_results

    class KilledError(Exception):
        pass

    class Killed(Equal):
        def ask(self, *args: object, **options: object) -> list[Done]:
            if len(self.asked) > 2 * 27:
                raise KilledError
            return super().ask(*args, **options)  # type: ignore[arg-type]

    plan = early(stocked)
    with pytest.raises(KilledError):
        run(stocked, plan, Killed())
    report = make_report(load_results(stocked, plan.id))
    assert report.winner is None
    assert "No winner was clear after 24 of 60 questions; at most 36 are left" in report.verdict
