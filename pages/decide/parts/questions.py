"""The questionnaire: seven questions first, more where they help; templates; weights."""

from __future__ import annotations

import json
from dataclasses import replace

import streamlit as st

from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from ragft_core.access import Right, rights
from ragft_core.advisor import (
    Answers,
    Criteria,
    Criterion,
    Evidence,
    differing,
    export_answers,
    parse_answers_text,
    save_answers,
    with_seen,
)
from ragft_core.advisor.criteria import (
    GRADE_WORDS,
    UNKNOWN,
    answer_templates,
    confirm_template,
    drop_template,
    take_template,
    template_title,
)
from ragft_core.workspace import Workspace


def _key(name: str, workspace: Workspace, who: str = "") -> str:
    return f"advisor.{name}.{workspace.id}.{who}"


def questionnaire(
    workspace: Workspace, criteria: Criteria, answers: Answers, evidence: Evidence
) -> Answers:
    """Draws all questions and returns the answers as they now stand, saved."""
    answered, seen = len(answers.choices), len(answers.prefilled)
    shown = f", {seen} of them by what this workspace shows" if seen else ""
    st.caption(
        f"{answered} of {len(criteria.criteria)} answered{shown}. Seven questions give a first result, "
        "all of them take about three minutes; “don't know” is an answer too."
    )
    template_line(workspace, criteria, answers)
    choices: dict[str, str] = {}
    cards = st.grid(2, min_column_width=640)  # beside each other where the screen is wide
    for number, group in enumerate(criteria.groups, start=1):
        first, *more = criteria.of_group(group.id)
        with cards.container(border=True):
            st.markdown(f"**{number} · {plain(group.title)}**")
            choices |= _question(workspace, first, answers)
            if more:
                known = sum(criterion.id in answers.choices for criterion in more)
                label = f"{len(more)} more questions, {known} answered"
                with st.expander(label.replace("1 more questions", "1 more question")):
                    for criterion in more:
                        choices |= _question(workspace, criterion, answers)
    if choices != answers.choices:
        seen = {key: answers.choices[key] for key in answers.prefilled}
        own = {key: choice for key, choice in choices.items() if seen.get(key) != choice}
        assumed = tuple(key for key in answers.assumed if own.get(key) == answers.choices[key])
        saved = _kept(workspace, replace(answers, choices=own, prefilled=(), assumed=assumed))
        answers = with_seen(criteria, saved, evidence.facts)
    _exchange(workspace, criteria, answers)
    return answers


def _kept(workspace: Workspace, answers: Answers) -> Answers:
    """Saves what was changed; whoever only reads tries it, and it is not kept."""
    if rights.may(Right.CHANGE, workspace.path):
        return save_answers(workspace, answers)
    st.caption(":material/visibility: You may try answers and weights here; they are not kept.")
    return answers


def template_line(workspace: Workspace, criteria: Criteria, answers: Answers) -> None:
    """Begins with a use case's typical answers, and says which are still the template's."""
    templates = answer_templates()
    if answers.assumed:
        title = plain(template_title(answers.template))
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/dashboard_customize: **{len(answers.assumed)} answers are those of "
                f"“{title}”**, typical of such a case. Change what is otherwise here.",
                width="stretch",
            )
            if st.button("They fit: make them mine", key="advisor.template.confirm"):
                save_answers(workspace, confirm_template(answers))
                st.rerun()
            if st.button("Take them back", key="advisor.template.drop", type="tertiary"):
                save_answers(workspace, drop_template(answers))
                st.rerun()
        return
    with st.expander("Begin with a template", icon=":material/dashboard_customize:"):
        chosen = st.selectbox(
            "Use case", list(templates), format_func=lambda key: templates[key].title,
            key=f"advisor.template.{workspace.id}",
        )  # fmt: skip
        st.caption(f"{templates[chosen].says} It fills {len(templates[chosen].answers)} questions.")
        if st.button("Fill what is open", key="advisor.template.take"):
            with show_errors():
                save_answers(workspace, take_template(criteria, answers, chosen))
                st.rerun()


def _question(workspace: Workspace, criterion: Criterion, answers: Answers) -> dict[str, str]:
    # Labels are Markdown, and a team's own criteria may hold anything.
    labels = {choice.id: plain(choice.label) for choice in criterion.choices}
    seen = criterion.id in answers.prefilled
    if not seen:
        labels[UNKNOWN] = "Don't know"
    key = _key(f"q.{criterion.id}", workspace, answers.who)
    kept = answers.choice(criterion.id) or UNKNOWN
    state.follow(key, kept)
    if state.get(key) not in labels:  # taken back, and the workspace shows it
        state.put(key, kept)
    chosen = st.pills(
        plain(criterion.question),
        list(labels),
        format_func=labels.get,
        key=key,
        help=_help(criterion),
        required=True,
    )
    if seen:
        st.caption(
            ":material/auto_awesome: seen here: this workspace shows it; choose another to override"
        )
    if criterion.id in answers.assumed:
        title = plain(template_title(answers.template))
        st.caption(f":material/dashboard_customize: typical of “{title}”: nobody has confirmed it")
    return {} if chosen in (None, UNKNOWN) else {criterion.id: str(chosen)}


def _help(criterion: Criterion) -> str:
    parts = [f"**Why it is asked.** {plain(criterion.why)}"]
    if criterion.view:
        grade = GRADE_WORDS[criterion.grade]
        parts.append(f"**What the literature says** ({grade}). {plain(criterion.view)}")
    if criterion.contested:
        parts.append(f"**Contested.** {plain(criterion.contested)}")
    return "\n\n".join(parts)


def contradicted(criteria: Criteria, answers: Answers, evidence: Evidence) -> None:
    """Says where an answer and what the workspace shows are two different things."""
    for key, given, shown in differing(criteria, answers, evidence.facts):
        criterion = criteria.get(key)
        st.caption(
            f":material/warning: You answered that {plain(criterion.choice(given).condition)}; "
            f"this workspace shows that {plain(criterion.choice(shown).condition)}."
        )


def _exchange(workspace: Workspace, criteria: Criteria, answers: Answers) -> None:
    with st.expander("Take answers with you, bring others in"):
        out, back = st.columns(2)
        out.download_button(
            "Download the answers",
            json.dumps(export_answers(answers), indent=2, ensure_ascii=False),
            file_name="answers.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        with out:
            lost = f"Clear {len(answers.choices)} answers? Download them first to keep them."
            if components.confirmed(
                "Clear all answers", lost, "Clear them", "advisor.clear", ":material/ink_eraser:"
            ):
                save_answers(workspace, Answers(who=answers.who))
                st.rerun()
        with back.form("advisor.import", border=False, clear_on_submit=True):
            file = st.file_uploader("Answers as JSON", type="json", key="advisor.file")
            who = st.text_input(
                "Whose are they?", max_chars=60, help="Empty: they become this workspace's own."
            )
            if st.form_submit_button("Bring in") and file is not None:
                with show_errors():
                    text = file.getvalue().decode("utf-8", errors="replace")
                    read = parse_answers_text(criteria, text, file.name)
                    save_answers(workspace, replace(read, who=who.strip()))
                    st.rerun()


def weights(workspace: Workspace, criteria: Criteria, answers: Answers) -> Answers:
    """Sliders for the weight of every question; returns the answers with them, saved."""
    total = sum({**criteria.weights, **answers.weights}.values()) or 1
    found: dict[str, float] = {}
    columns = st.columns(2)
    for number, group in enumerate(criteria.groups):
        rows = criteria.of_group(group.id)
        share = sum(answers.weights.get(c.id, c.weight) for c in rows) / total
        with columns[number % 2].expander(
            f"{plain(group.title)} · {share * 100:.0f} % of all weight"
        ):
            for criterion in rows:
                key = _key(f"w.{criterion.id}", workspace)
                state.follow(key, float(answers.weights.get(criterion.id, criterion.weight)))
                found[criterion.id] = st.slider(
                    plain(criterion.question),
                    0.0,
                    5.0,
                    step=0.5,
                    key=key,
                    help=f"0 does not matter, 5 decides. The usual weight is {criterion.weight:g}.",
                )
    changed = {k: w for k, w in found.items() if w != criteria.get(k).weight}
    if changed != answers.weights:
        answers = _kept(workspace, replace(answers, weights=changed))
    if changed and st.button("Back to the usual weights", icon=":material/restart_alt:"):
        save_answers(workspace, replace(answers, weights={}))
        st.rerun()
    return answers
