"""Question by question: a table with what every arm said and its score, and one case in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
import streamlit as st

from pages.compare.parts import chat
from pages.compare.parts.charts import shown
from pages.ui import arms
from pages.ui.errors import plain
from ragft_core.evaluation import Results
from ragft_core.evaluation.questions import Question
from ragft_core.evaluation.reports import Slice, flips
from ragft_core.evaluation.scoring import BY_NAME
from ragft_core.strategies import Turn

HEAD_PX, SHOWN_ROWS = 35, 7
ROW_PX = 70  # three lines, so that most answers are read whole
CELL_CHARACTERS = 42  # what three lines of an arm's column hold
ALL = "All questions"


def cases(results: Results, score: str, part: Slice) -> None:
    """The questions behind the numbers, those that answer a choice, and the one that is picked."""
    ranked = list(results.ranked_arms)
    groups = _groups(results, score, part, ranked)
    if not groups[ALL]:
        st.caption(f"“{BY_NAME[score].label}” does not apply to any of these questions.")
        return
    chosen = st.selectbox(
        "Show", list(groups), format_func=lambda name: f"{name}: {len(groups[name])}",
        key=f"eval.cases.{score}.{part.key}",
    )  # fmt: skip
    found = groups[chosen]
    picked = st.dataframe(
        [_row(results, question, ranked, score) for question in found],
        hide_index=True,
        height=HEAD_PX + ROW_PX * min(len(found), SHOWN_ROWS) + 3,
        row_height=ROW_PX,
        column_config={
            "Question": st.column_config.TextColumn(width=230, pinned=True),
            "Right answer": st.column_config.TextColumn(width=130),
            # Narrow, so that all arms are seen; the picked row has their words in full.
            **{arms.label(arm): st.column_config.TextColumn(width=108) for arm in ranked},
        },
        on_select="rerun",
        selection_mode="single-row",
        key=f"eval.cases.table.{results.plan.id}.{score}.{part.key}.{chosen}",
        alt=f"{len(found)} questions with every arm's answer and score",
    )
    st.caption("Tick a row to read its answers in full. “–”: not scored.")
    rows = picked["selection"]["rows"]
    _case(results, found[rows[0] if rows and rows[0] < len(found) else 0], ranked)


def _groups(
    results: Results, score: str, part: Slice, ranked: Sequence[str]
) -> dict[str, list[Question]]:
    """The scored questions of a slice, and the parts of them that people ask for."""
    values = np.array([results.row(score, arm) for arm in ranked]).reshape(len(ranked), -1)
    scored = part.mask & ~np.isnan(values).all(axis=0)
    low, high = (pick(values, axis=0) for pick in (np.fmin.reduce, np.fmax.reduce))
    masks = {ALL: scored, "The arms differ": scored & (low < high)}
    if BY_NAME[score].rate:
        masks["No arm is right"] = scored & (high == 0)
        masks["Every arm is right"] = scored & (low == 1)
    found = {
        name: [question for place, question in enumerate(results.ranked) if mask[place]]
        for name, mask in masks.items()
    }
    by_id = {question.id: question for question in results.ranked}
    words = ("{} right, {} wrong" if BY_NAME[score].rate else "{} above {}").format
    for a, b in permutations(ranked, 2):
        ahead = [flip for flip in flips(results, a, b, score, part) if flip.a_score > flip.b_score]
        found[words(arms.label(a), arms.label(b))] = [by_id[flip.question_id] for flip in ahead]
    return {name: rows for name, rows in found.items() if rows or name == ALL}


def _row(
    results: Results, question: Question, ranked: Sequence[str], score: str
) -> dict[str, str | None]:
    said = {arms.label(arm): _cell(results, question, arm, score) for arm in ranked}
    return {
        "Question": question.text,
        "Right answer": " | ".join(question.golds) or "(decline)",
    } | said


def _cell(results: Results, question: Question, arm: str, score: str) -> str | None:
    """The score, a tick or a cross where it is a rate, and the answer."""
    row = results.answer(arm, question.id)
    if row is None:
        return None
    scorer, value = BY_NAME[score], results.details[arm, question.id][score].value
    if value is None:
        mark = "–"
    elif scorer.rate and value in (0, 1):
        mark = "✓" if value else "✗"
    else:
        mark = shown(scorer, value)
    said = f"{mark} {row.answer.text or row.answer.error or '(said nothing)'}"
    # By characters, not by words: not every language parts them.
    return said if len(said) <= CELL_CHARACTERS else f"{said[:CELL_CHARACTERS].rstrip()} …"


def _case(results: Results, question: Question, ranked: Sequence[str]) -> None:
    """One question as in Chat: every arm's answer, its passages and what the model saw."""
    stored = {arm: results.answer(arm, question.id) for arm in ranked}
    # Both seeds of an A/A check answer as the same arm; here they are told apart.
    said = tuple(replace(row.answer, arm=arm) for arm, row in stored.items() if row)
    right = {
        arm: None if (value := results.details[arm, question.id]["correct"].value) is None else value == 1
        for arm, row in stored.items()
        if row
    }  # fmt: skip
    st.markdown(f"**{plain(question.text)}**")
    chat.gold_line(question)
    turn = Turn(question.id, question.text, said, results.plan.created_at)
    key = f"eval.case.{results.plan.id}.{question.id}"
    chat.turn_columns(results.workspace, turn, None, key, right, timed=False)
