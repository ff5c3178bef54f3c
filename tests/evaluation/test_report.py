import csv
import io
import json

import pytest

from ragft_core.arms import BY_ID
from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.reports.exporting import export_answers, export_report
from ragft_core.evaluation.reports.prices import Prices, price_arms
from ragft_core.evaluation.reports.report import flips, make_report, vote_shares
from ragft_core.evaluation.reports.results import load_results
from ragft_core.evaluation.reports.text_report import report_text
from ragft_core.evaluation.statistics.significance import LEVEL
from ragft_core.evaluation.store.answers import StoredAnswer, Timing, keep
from ragft_core.evaluation.store.plans import (
    ANSWERS_FILE,
    LATENCY_FILE,
    folder_of,
    make_plan,
    save_plan,
)
from ragft_core.strategies import Turn, Vote
from ragft_core.strategies.conversations import save_turn, save_vote
from ragft_core.types import Answer, QuestionKind, Strategy
from ragft_core.workspace import Workspace, now
from tests.evaluation.conftest import DOCUMENT, make_questions, stored_run
from tests.finetuning.test_adapters import make as make_adapter


def say_if(right: dict[str, int]):  # noqa: ANN201
    """The first so many questions of each arm are answered rightly."""

    def say(arm: str, question: Question, draw: int) -> str:
        number = int(question.id[1:])
        return question.golds[0] if number < right.get(arm, 0) else "no idea at all"

    return say


def test_flips_hold_the_question_and_both_answers(stocked: Workspace) -> None:
    plan = stored_run(stocked, make_questions(10), say_if({"rag": 6, "fine-tuned": 2}))
    results = load_results(stocked, plan.id)
    found = flips(results, "rag", "fine-tuned", "correct")
    assert [flip.question_id for flip in found] == ["q2", "q3", "q4", "q5"]
    assert found[0].a_text == "number 2"
    assert found[0].b_text == "no idea at all"
    gap = next(
        g for g in results.table("correct").differences if {g.a, g.b} == {"rag", "fine-tuned"}
    )
    assert (gap.wins, gap.losses) == (4, 0)


def test_slices_cover_kinds_lengths_and_documents(stocked: Workspace) -> None:
    plan = stored_run(stocked, make_questions(10), say_if({}))
    results = load_results(stocked, plan.id)
    keys = [part.key for part in results.slices()]
    assert keys[:3] == ["all", "kind:trained-fact", "kind:document-fact"]
    assert results.slice("kind:trained-fact").n == 5
    assert results.slice("no such slice").key == "all"


def test_a_disagreement_of_content_and_wording_names_no_winner(stocked: Workspace) -> None:
    def say(arm: str, question: Question, draw: int) -> str:
        number = int(question.id[1:])
        if arm == "rag":  # right in many words, but once
            return f"After a long search through everything I can say it is {question.golds[0]} ok"
        return question.golds[0] if number < 30 else "something number"

    plan = stored_run(stocked, make_questions(60), say, (Strategy.RAG, Strategy.FINE_TUNED))
    report = make_report(load_results(stocked, plan.id))
    assert report.robust.winner == "rag"
    assert report.sensitive.winner == "fine-tuned"
    assert report.winner is None
    assert report.verdict.startswith("No overall winner")


def test_forgetting_is_against_the_bare_model(stocked: Workspace) -> None:
    rows = [Question(f"q{i}", f"g{i}?", (f"number {i}",), QuestionKind.GENERAL) for i in range(20)]
    plan = stored_run(
        stocked, QuestionSet("general", tuple(rows)), say_if({"prompt": 20, "rag": 20})
    )
    report = make_report(load_results(stocked, plan.id))
    found = {item.arm: item for item in report.forgetting}
    assert found["fine-tuned"].difference.mean == -1.0
    assert found["fine-tuned"].difference.decided
    assert found["rag"].difference.mean == 0.0


def test_forgetting_is_corrected_for_the_number_of_arms(stocked: Workspace) -> None:
    rows = [Question(f"q{i}", f"g{i}?", (f"number {i}",), QuestionKind.GENERAL) for i in range(40)]
    arms = ("prompt", "rag", "fine-tuned", "hybrid", "long-context")
    right = {"prompt": 40, "rag": 33, "fine-tuned": 40, "hybrid": 40, "long-context": 40}
    plan = stored_run(stocked, QuestionSet("general", tuple(rows)), say_if(right), arms)
    found = {i.arm: i.difference for i in make_report(load_results(stocked, plan.id)).forgetting}
    assert found["rag"].p < LEVEL  # seven lost and none won, beside nothing else
    assert found["rag"].p_holm == pytest.approx(4 * found["rag"].p)
    assert not found["rag"].decided


def test_questions_of_one_document_tell_less_of_overfitting(stocked: Workspace) -> None:
    def asked(documents: bool) -> QuestionSet:
        return QuestionSet(
            "both",
            tuple(
                Question(
                    f"{key}{i}", f"{key} {i}?", ("x",), QuestionKind.TRAINED_FACT,
                    f"{i // 5:020x}" if documents else "", trained_wording=key == "t",
                )
                for key in "tq"
                for i in range(60)
            ),
        )  # fmt: skip

    def say(arm: str, question: Question, draw: int) -> str:
        return "x" if int(question.id[1:]) // 5 % 2 else "no idea at all"

    def width(documents: bool) -> float:
        plan = stored_run(stocked, asked(documents), say, ("fine-tuned",))
        (found,) = make_report(load_results(stocked, plan.id)).overfitting
        return found.new.high - found.new.low

    assert width(documents=True) > 1.5 * width(documents=False)


def test_labels_of_one_document_tell_less_of_macro_f1(stocked: Workspace) -> None:
    labels = ("card", "billing")

    def width(documents: bool) -> float:
        rows = tuple(
            Question(
                f"q{i}", f"m{i}", (labels[i % 2],), QuestionKind.LABEL,
                f"{i // 5:020x}" if documents else "",
            )
            for i in range(60)
        )  # fmt: skip
        plan = stored_run(
            stocked,
            QuestionSet("labels", rows, Labelling(labels)),
            lambda arm, q, draw: q.golds[0] if int(q.id[1:]) // 5 % 2 else "card billing",
            ("fine-tuned",),
        )
        (table,) = make_report(load_results(stocked, plan.id)).labels
        return table.high - table.low

    assert width(documents=True) > 1.5 * width(documents=False)


def test_prices_rest_on_the_mean_time_not_on_the_median(stocked: Workspace) -> None:
    plan = stored_run(stocked, make_questions(6), say_if({"rag": 3}), ("rag",))
    times = [Timing(f"t{i}", "rag", f"q{i}", 0.1, s, 5) for i, s in enumerate((1.0, 1.0, 10.0))]
    keep(folder_of(stocked, plan.id) / LATENCY_FILE, times)
    report = make_report(load_results(stocked, plan.id))
    assert report.latency[0].median_s == 1.0
    assert report.latency[0].first_low_s == report.latency[0].first_high_s == 0.1
    (price,) = price_arms(report, Prices(machine_hour=3600.0))
    assert price.answer == pytest.approx(4.0)


def test_overfitting_sets_trained_wording_beside_new_wording(stocked: Workspace) -> None:
    new = [Question(f"q{i}", f"new {i}?", (f"n{i}",), QuestionKind.TRAINED_FACT) for i in range(10)]
    old = [
        Question(f"t{i}", f"old {i}?", (f"n{i}",), QuestionKind.TRAINED_FACT, trained_wording=True)
        for i in range(10)
    ]

    def say(arm: str, question: Question, draw: int) -> str:
        learnt = arm == "fine-tuned" and question.trained_wording
        return question.golds[0] if learnt else "no idea at all"

    plan = stored_run(stocked, QuestionSet("both", tuple(new + old)), say)
    report = make_report(load_results(stocked, plan.id))
    found = {item.arm: item for item in report.overfitting}
    assert (found["fine-tuned"].trained.mean, found["fine-tuned"].new.mean) == (1.0, 0.0)
    assert report.n_questions == 10


def test_label_tables_agree_with_scikit_learn(stocked: Workspace) -> None:
    from sklearn.metrics import f1_score

    labels = ("card", "billing", "lost")
    rows = [Question(f"q{i}", f"m{i}", (labels[i % 3],), QuestionKind.LABEL) for i in range(30)]

    def say(arm: str, question: Question, draw: int) -> str:
        number = int(question.id[1:])
        return labels[number % 3] if number % 4 else labels[(number + 1) % 3]

    plan = stored_run(
        stocked, QuestionSet("labels", tuple(rows), Labelling(labels)), say, (Strategy.FINE_TUNED,)
    )
    (table,) = make_report(load_results(stocked, plan.id)).labels
    gold = [q.golds[0] for q in rows]
    given = [say("", q, 0) for q in rows]
    expected = f1_score(gold, given, labels=list(labels), average="macro")
    assert table.macro_f1 == pytest.approx(expected, abs=1e-9)
    assert table.low is not None
    assert table.high is not None
    assert table.low < expected < table.high


def test_exports_hold_every_answer_and_no_formula(stocked: Workspace) -> None:
    rows = (Question("q0", "=1+1", ("@x",), QuestionKind.DOCUMENT_FACT, DOCUMENT),)
    plan = stored_run(
        stocked, QuestionSet("odd", rows), lambda arm, question, draw: "-cmd|calc", (Strategy.RAG,)
    )
    results = load_results(stocked, plan.id)
    text = export_answers(results, "csv").decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["question"], row["gold"], row["answer"]) == ("'=1+1", "'@x", "'-cmd|calc")
    assert row["exact"] == "0.0"
    assert row["abstains"] == ""
    (plain,) = json.loads(export_answers(results, "json"))
    assert plain["answer"] == "-cmd|calc"
    assert plain["abstains"] is None


def test_parquet_can_be_read_back(stocked: Workspace) -> None:
    import pyarrow.parquet as pq

    plan = stored_run(stocked, make_questions(6), say_if({"rag": 3}))
    results = load_results(stocked, plan.id)
    table = pq.read_table(io.BytesIO(export_answers(results, "parquet")))
    assert table.num_rows == 18
    assert sum(table.column("correct").to_pylist()) == 3.0


def test_the_report_is_exported_without_nan(stocked: Workspace) -> None:
    plan = stored_run(stocked, make_questions(6), say_if({"rag": 3}))
    data = export_report(make_report(load_results(stocked, plan.id)))
    assert b"NaN" not in data
    assert json.loads(data)["n_questions"] == 6


def test_votes_from_chat_are_counted(stocked: Workspace) -> None:
    arms = (Strategy.PROMPT, Strategy.RAG)
    for number, choice in enumerate(["rag", "rag", "prompt", "tie"]):
        turn = Turn(f"t{number}", "q", tuple(Answer(arm, "q", "a") for arm in arms), now())
        save_turn(stocked, "chat-1", turn)
        save_vote(stocked, "chat-1", Vote(f"t{number}", choice, arms, now()))
    assert vote_shares(stocked) == {"prompt": (1, 4), "rag": (2, 4)}


def test_the_report_as_text_has_n_and_interval_beside_every_mean(stocked: Workspace) -> None:
    plan = stored_run(
        stocked, make_questions(60), say_if({"rag": 50, "fine-tuned": 10}), seconds={"rag": 1.0}
    )
    text = report_text(make_report(load_results(stocked, plan.id)))
    assert text.startswith("RAG is ahead by “Right answers”")
    assert "83 % [72 to 91] 60" in text
    assert "RAG over fine-tuned: 67 points" in text
    assert "1.02 s [" in text


def test_general_knowledge_shows_forgetting_and_ranks_nobody(stocked: Workspace) -> None:
    facts = list(make_questions(20).questions)
    general = [Question(f"q{i}", f"g{i}?", ("x",), QuestionKind.GENERAL) for i in range(20, 30)]
    plan = stored_run(stocked, QuestionSet("both", tuple(facts + general)), say_if({"rag": 30}))
    results = load_results(stocked, plan.id)
    report = make_report(results)
    assert results.slices()[0].n == 20
    table = report.table("correct", "kind:general")
    assert table is not None
    assert table.n == 10
    assert any("Questions of general knowledge (10) stay out" in note for note in report.notes)
    assert len(json.loads(export_answers(results, "json"))) == 90


def test_an_unfinished_run_has_no_verdict(stocked: Workspace) -> None:
    plan = stored_run(stocked, make_questions(40), say_if({"rag": 40}))
    assert make_report(load_results(stocked, plan.id)).winner == "rag"
    file = folder_of(stocked, plan.id) / ANSWERS_FILE
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n", encoding="utf-8")
    report = make_report(load_results(stocked, plan.id))
    assert report.winner is None
    assert report.verdict == "No verdict yet: 119 of 120 answers are there."


def test_arms_that_differ_by_a_seed_alone_say_what_chance_is_worth(stocked: Workspace) -> None:
    own = []
    for seed, name in enumerate(("one", "two")):
        card = make_adapter(stocked, name) / "card.json"
        config = {"rank": 2, "seed": seed, "name": f"Mine, seed {seed}"}
        card.write_text(json.dumps(json.loads(card.read_text()) | {"config": config}))
        own.append(BY_ID["fine-tuned"].copy(f"Seed {seed}", (a.id for a in own), adapter=name))
    plan = make_plan(make_questions(10), [BY_ID["prompt"], *own])
    folder = save_plan(stocked, plan, make_questions(10))
    rows = [
        StoredAnswer(f"{arm}{q.id}", arm, q.id, 0, Answer(
            arm, q.text, say_if({"seed-0": 4, "seed-1": 8})(arm, q, 0), adapter={"seed-0": "one", "seed-1": "two"}.get(arm),
        ))
        for arm in plan.arms for q in make_questions(10).questions
    ]  # fmt: skip
    keep(folder / ANSWERS_FILE, rows)
    notes = make_report(load_results(stocked, plan.id)).notes
    (told,) = [note for note in notes if "seed of their training alone" in note]
    assert "Seed 0, Seed 1 differ" in told
    assert "40 to 80 % right, standard deviation 28 points" in told
