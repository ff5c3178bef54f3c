"""How a recommendation is drawn: the verdict, why, what would change it, the article beside it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pages.decide.parts import charts
from pages.ui import arms, components
from pages.ui.errors import plain
from ragft_core.advisor import Criteria, Evidence, Recommendation
from ragft_core.advisor.criteria import GRADE_WORDS, STRATEGIES
from ragft_core.advisor.deciding import Reference, Sentence, flip_sentence, tornado, weight_sentence
from ragft_core.advisor.record import (
    article_points,
    article_table,
    citation,
    measured_text,
    weight_text,
)

PAGES = {
    "documents": components.DOCUMENTS,
    "examples": components.EXAMPLES,
    "finetune": components.FINETUNE,
    "chat": components.CHAT,
    "evaluation": components.EVALUATION,
    "advisor": components.ADVISOR,
}
# Fewer trials than this are an accident of the draw.
SELDOM = 0.01
TRACED = "The question mark behind a sentence says what it rests on."


@dataclass(frozen=True)
class Trace:
    """What sentences are traced in: the criteria, the evidence, and the result itself."""

    criteria: Criteria
    evidence: Evidence
    result: Recommendation


def verdict(criteria: Criteria, result: Recommendation, *, brief: bool) -> None:
    """The result in one card: what to take, how sure, what comes next, who wins how often.

    ``brief`` says only what to take and how sure, above a view that is about something else.
    """
    with st.container(border=True):
        if brief:
            words = st.container()
        else:
            words, picture = st.columns([3, 2], gap="large", vertical_alignment="center")
        with words:
            chosen = result.verdict or (result.leader if result.informed else None)
            if result.outside:
                title = criteria.outside[result.outside].title
                st.badge(f"None of the five: {title}", icon=":material/explore:", color="gray")
            elif chosen:
                look = arms.look(chosen)
                text = "Recommended" if result.verdict else "In the lead, not clearly"
                st.badge(f"{text}: {charts.title(chosen)}", icon=look.icon, color=look.badge)
            st.header(plain(result.headline.text), anchor=False)
            if result.informed and result.leader:
                measured = sum(c.basis == "measured" for c in result.contributions)
                resting = f"{len(result.answers)} answers"
                resting += f" and {measured} measured values" if measured else ", nothing measured"
                st.caption(f"Confidence: **{result.confidence}**, from {resting}.")
                if result.measured_weight and not brief:
                    st.caption(
                        weight_text(result),
                        help="Measured right answers have n / (n + 50) of it, the rest by the "
                        "questions' weights: a questionnaire counts as 50 questions.",
                    )
            if brief:
                return
            st.markdown(plain(result.next_step.text))
            page = _page_of(criteria, result.next_step)
            if page and result.informed:
                if st.button("Measure it", icon=":material/arrow_forward:", key="advisor.measure"):
                    st.switch_page(PAGES[page])
        with picture:
            if result.informed and result.leader:
                st.caption(
                    "How often each comes first while weights and guesses vary",
                    help="How firmly the inputs point one way, not how likely it is to work.",
                )
                charts.wins(result)
            else:
                st.caption("The shares of the strategies appear here with the first answers.")
        for veto in result.vetoes if result.leader is None else ():
            st.markdown(f"- {charts.title(veto.strategy)}: {plain(veto.reason)}")


def _page_of(criteria: Criteria, sentence: Sentence) -> str:
    for reference in sentence.references:
        if reference.kind == "measurement":
            return criteria.measurements[reference.id].page
    return ""


# ---------------------------------------------------------------------------------------- why


def why(trace: Trace) -> None:
    """Reasons, objections and cautions, each traceable; contributions; every criterion."""
    result = trace.result
    if not result.informed:
        st.caption("Answer a question first: there is nothing to explain yet.")
        return
    st.caption(TRACED)
    for heading, found in (
        ("What speaks for it", result.reasons),
        ("What speaks against it", result.objections),
        ("What would change it", result.changes),
        ("Take care", [one for one in result.cautions if one.text != result.next_step.text]),
    ):
        if found:
            st.header(heading, anchor=False)
            for sentence in found:
                _traced(trace, sentence)
    told = " ".join(sentence.text for sentence in result.reasons)
    vetoes = [veto for veto in result.vetoes if veto.reason not in told]  # said once is enough
    if vetoes and result.leader:
        st.header("Ruled out", anchor=False)
        for veto in vetoes:
            text = f"{charts.title(veto.strategy)}: {veto.reason}"
            reference = Reference("answer", veto.criterion)
            _traced(trace, Sentence(text, (reference,)))
    st.header("What each group contributes", anchor=False)
    charts.contributions(trace.criteria, result)
    st.header("Every question", anchor=False)
    _criteria_table(trace)
    if not result.methods_agree:
        return
    st.caption(
        "Cross-check: TOPSIS, a second method, puts the same strategy first. "
        "Utilities run from 0 (does not meet the demand) to 1 (meets it fully)."
    )


def _traced(trace: Trace, sentence: Sentence) -> None:
    """A sentence, and behind its question mark what it rests on."""
    ground = "  \n".join(_explained(trace, reference) for reference in sentence.references)
    st.markdown(plain(sentence.text), help=ground or None)


def _explained(trace: Trace, reference: Reference) -> str:
    criteria, result = trace.criteria, trace.result
    if reference.kind == "source":
        source = criteria.sources[reference.id]
        grade = GRADE_WORDS[source.grade]
        return f":material/menu_book: {plain(source.title)}, {plain(source.where)} ({grade})"
    if reference.kind == "measurement":
        lines = [
            f"{charts.title(s)}: {measured_text(criteria, trace.evidence, reference.id, s)}"
            for s in STRATEGIES
        ]
        return ":material/straighten: Measured. " + "; ".join(plain(line) for line in lines)
    if reference.kind == "weight":
        total = sum(result.weights.values()) or 1
        share = result.weights[reference.id] / total
        question = plain(criteria.get(reference.id).question)
        return f":material/balance: Weight of “{question}”: {100 * share:.0f} % of all"
    if reference.kind == "simulation":
        return (
            f":material/casino: {result.simulations:,} trials; weights vary around yours "
            f"(certainty {result.certainty:g}), utilities within their uncertainty, seed {result.seed}"
        )
    criterion = criteria.get(reference.id)
    chosen = result.answers.get(reference.id)
    label = criterion.choice(chosen).label if chosen else "don't know"
    return (
        f":material/quiz: {plain(criterion.question)} **{plain(label)}**. {plain(criterion.view)}"
    )


def _criteria_table(trace: Trace) -> None:
    criteria, result = trace.criteria, trace.result
    rows = []
    cells = {(c.criterion, c.strategy): c for c in result.contributions}
    for group in criteria.groups:
        for criterion in criteria.of_group(group.id):
            chosen = result.answers.get(criterion.id)
            row: dict[str, object] = {
                "Group": group.title,
                "Question": criterion.question,
                "Answer": criterion.choice(chosen).label if chosen else "don't know",
                "Weight": round(100 * cells[criterion.id, STRATEGIES[0]].weight, 1),
            }
            for strategy in STRATEGIES:
                row[charts.title(strategy)] = _cell(cells[criterion.id, strategy])
            row["Sources"] = ", ".join(criteria.sources[s].title for s in criterion.sources)
            row["Grade"] = GRADE_WORDS[criterion.grade]
            row["Literature"] = criterion.view
            row["Contested"] = criterion.contested
            rows.append(row)
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height=420,
        column_config={
            # Narrow: it stays while the others are scrolled, on a phone as well.
            "Question": st.column_config.TextColumn(pinned=True, width=220),
            "Weight": st.column_config.NumberColumn(format="%.1f %%"),
        },
        alt="Utility of each strategy on every question, with what it rests on",
    )
    st.caption(
        "● measured here · ◐ a guess, moved by measurements · ○ a guess from your answer · – don't know"
    )


def _cell(item: object) -> str:
    marks = {"measured": "●", "adjusted": "◐", "answer": "○", "unknown": "–"}
    basis = item.basis  # type: ignore[attr-defined]
    value = item.utility  # type: ignore[attr-defined]
    return marks[basis] if basis == "unknown" else f"{marks[basis]} {value:.2f}"


# ------------------------------------------------------------------------------------- what if


def what_if(trace: Trace) -> None:
    """The tornado, and the turning points in words."""
    criteria, result = trace.criteria, trace.result
    if not result.informed or result.leader is None:
        st.caption("Answer a question first: there is no lead yet that could change.")
        return
    st.header("What other answers would do", anchor=False)
    bars = tornado(result)
    if bars:
        charts.tornado(criteria, result, bars)
    flips = [flip for flip in result.answer_flips if flip.margin < 0]
    st.caption(
        f"{TRACED} A must that would rule the leader out is drawn as a lead lost by 0.3. "
        f"Other answers that would change the leader: {len(flips)}."
    )
    for flip in flips[:8]:
        _traced(trace, flip_sentence(criteria, result.leader, flip))
    if result.weight_flips:
        st.header("What other weights would do", anchor=False)
        for weight in result.weight_flips[:3]:
            _traced(trace, weight_sentence(criteria, weight))
    _favouring(trace)
    worth = [item for item in result.information if item.changes >= SELDOM]
    if worth:
        st.header("What is worth finding out", anchor=False)
        st.table(
            [_information_row(trace, item) for item in worth[:8]],
            border="horizontal",
            hide_index=True,
            alt="What could be found out, and how often it would change the leader",
        )


def _favouring(trace: Trace) -> None:
    """The weights under which each strategy wins: its central weights against the usual ones."""
    result = trace.result
    total = sum(result.weights.values()) or 1
    for score in result.scores:
        if score.share < SELDOM or score.share > 1 - SELDOM:
            continue
        lifts = {k: w - result.weights[k] / total for k, w in score.weights.items()}
        top = sorted(lifts, key=lambda key: -lifts[key])[:3]
        wanted = " ".join(f"“{plain(trace.criteria.get(key).question)}”" for key in top)
        st.markdown(
            f"- {charts.title(score.strategy)} comes first more often where these count more: {wanted}"
        )


def _information_row(trace: Trace, item: object) -> dict[str, str]:
    criteria = trace.criteria
    criterion = criteria.get(item.criterion)  # type: ignore[attr-defined]
    kind, measurement = item.kind, item.measurement  # type: ignore[attr-defined]
    if kind == "answer":
        what = f"Answer: {criterion.question}"
    elif kind == "page":
        what = f"All that the page “{measurement.capitalize()}” measures"
    else:
        what = f"Measure: {criteria.measurements[measurement].title}"
    changes = f"in {100 * item.changes:.0f} % of trials"  # type: ignore[attr-defined]
    return {"What": plain(what), "Would change the leader": changes}


# ---------------------------------------------------------------------------------- the article


def article(criteria: Criteria, evidence: Evidence) -> None:
    """The founding article's table and its advantages and limits, beside what was measured."""
    st.caption(f"{citation()}, in our words, beside what this workspace has measured so far.")
    rag, tuned = arms.look("rag"), arms.look("fine-tuned")
    for row in article_table(criteria, evidence):
        with st.container(border=True):
            st.markdown(f"**{plain(row.title)}**" + (f" · {plain(row.facts)}" if row.facts else ""))
            left, right = st.columns(2)
            for column, look, said, measured in (
                (left, rag, row.rag, row.measured_rag),
                (right, tuned, row.fine_tuned, row.measured_fine_tuned),
            ):
                column.markdown(f":{look.badge}-badge[{look.icon} {look.name}] {plain(said)}")
                if measured:
                    column.caption(f":material/straighten: {plain(_sentence(measured))}")
            st.caption(f":material/science: The evaluation: {row.holding}. {plain(row.tested)}")
            st.caption(f":material/gavel: Research: {plain(row.contested)}")
    st.header("Advantages and limits, by the article", anchor=False)
    # A table that wraps: what was measured is a sentence.
    st.table(
        [
            {
                "Strategy": arms.look(point.strategy).name,
                "By the article": f"{point.kind.capitalize()}: {plain(point.text)}",
                "Here": plain(_sentence(point.measured)),
            }
            for point in article_points(criteria, evidence)
        ],
        border="horizontal",
        hide_index=True,
        alt="Advantages and limits by the article, beside measurements",
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
