"""Before a run: questions, leaks, arms, what it takes and what it can show."""

from __future__ import annotations

import streamlit as st

from pages.ui import arms, components, own_arms, resources, state
from pages.ui.errors import plain
from pages.ui.generate_examples import writing_form, writing_progress
from pages.ui.workspace_settings import endpoint_fields
from ragft_core.arms import Arm
from ragft_core.errors import EvaluationError
from ragft_core.evaluation import (
    Forecast,
    Plan,
    QuestionSet,
    brought_questions,
    check_leaks,
    count_test_questions,
    estimate_evaluation,
    latest_writing,
    make_plan,
    make_self_check,
    probe,
    start_evaluation,
    workspace_questions,
    written_questions,
)
from ragft_core.evaluation.questions import KIND_LABELS
from ragft_core.finetuning.examples import FORMATS
from ragft_core.knowledge import Version, list_versions
from ragft_core.strategies import arm_states
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace

OWN, WRITTEN, BROUGHT = "Test split", "Written from the documents", "A file"


def setup(workspace: Workspace) -> None:
    """The whole form: from choosing questions to starting the run."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        questions = _choose_questions(workspace)
    with right:
        chosen = _choose_arms(workspace)
    if questions is None:
        return
    _show_leaks(workspace, questions)
    if len(chosen) < 2:
        st.caption("Choose two or more arms to compare.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        similarity = st.toggle(
            "Compare meanings", True, key="eval.similarity",
            help="Cosine of each answer to the gold answer, by the local embedding model.",
        )  # fmt: skip
        varied = st.toggle(
            "Measure variety", key="eval.diversity",
            help="Draws four answers each to ten of the questions, which takes longer.",
        )  # fmt: skip
        judging = st.toggle(
            "Ask a judge", workspace.settings().judge is not None, key=f"eval.judging.{workspace.id}",
            help="Another model's opinion of each answer. It ranks nobody; it stands beside the "
            "scores, with how often it agrees with them.",
        )  # fmt: skip
        stop_early = st.toggle(
            "Stop when the winner is clear", key="eval.stop_early",
            help="Looks at the answers at planned points and ends there where an arm is clearly ahead "
            "of all others. Intervals and tests are widened for it, so that a run errs no more often; "
            "a small lead is found a little less often.",
        )  # fmt: skip
    judge = _choose_judge(workspace) if judging else None
    version = _choose_version(workspace)
    plan = make_plan(
        questions, chosen, diversity_questions=10 if varied else 0, similarity=similarity,
        judge=judge, stop_early=stop_early, version=version,
    )  # fmt: skip
    forecast = estimate_evaluation(workspace, state.settings(), plan, questions)
    _show_outlook(workspace, plan, questions, forecast)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button(
            "Start the evaluation", type="primary", icon=":material/play_arrow:",
            disabled=judging and judge is None,
        ):  # fmt: skip
            _start(workspace, plan, questions)
        with st.popover("A/A check", icon=":material/difference:"):
            st.caption(
                "Asks one arm twice, drawn with two seeds. There must be no winner; if there is "
                "one, these questions cannot tell arms apart."
            )
            for arm in chosen:
                if st.button(arm.name, key=f"eval.self.{arm.id}"):
                    _start(workspace, make_self_check(questions, arm, version), questions)


def _choose_questions(workspace: Workspace) -> QuestionSet | None:
    st.markdown("**Questions**")
    count = count_test_questions(workspace)
    source = st.segmented_control(
        "Questions", [OWN, WRITTEN, BROUGHT], default=OWN if count else BROUGHT, required=True,
        key=f"eval.source.{workspace.id}", label_visibility="collapsed",
    )  # fmt: skip
    if source == OWN:
        questions = _own_questions(workspace, count)
    elif source == WRITTEN:
        questions = _written_questions(workspace)
    else:
        questions = _brought_questions(workspace)
    if questions is not None:
        counts = [f"{n} · {KIND_LABELS[kind].lower()}" for kind, n in questions.kinds.items()]
        extra = len(questions.questions) - len(questions.ranked)
        counts += [f"{extra} · in trained wording, not ranked"] if extra else []
        st.caption("  \n".join(counts))
    return questions


def _own_questions(workspace: Workspace, count: int) -> QuestionSet | None:
    if not count:
        components.empty_state(
            "No test questions yet.",
            "Mark examples as test on the page Examples, have some written from the documents, or "
            "bring a file.",
            components.EXAMPLES,
        )
        return None
    limit = count
    if count > 5:
        limit = st.slider("How many", 5, count, min(count, 100), key=f"eval.limit.{count}")
    worded = st.toggle(
        "Also ask 20 questions in their trained wording", key="eval.trained",
        help="Shows overfitting: right in the trained wording and wrong in a new one. They are "
        "left out of every ranking.",
    )  # fmt: skip
    return workspace_questions(workspace, limit, 20 if worded else 0)


def _written_questions(workspace: Workspace) -> QuestionSet | None:
    job = latest_writing(workspace)
    if job and job.status().active:
        writing_progress(job)
        return None
    try:
        questions = written_questions(workspace)
    except EvaluationError as error:
        st.caption(str(error))
        writing_form(workspace)
        return None
    st.caption(f":material/info: {questions.caveat} Nobody has read them over unless you did.")
    count = len(questions.questions)
    if count <= 5:
        return questions
    limit = st.slider("How many", 5, count, min(count, 100), key=f"eval.written.{count}")
    return written_questions(workspace, limit)


def _brought_questions(workspace: Workspace) -> QuestionSet | None:
    upload = st.file_uploader(
        "Questions with answers", type=[f".{form}" for form in FORMATS], key="eval.upload",
        help="Columns question and answer; also kind, document and evidence. A row without an "
        "answer is a question that cannot be answered.",
    )  # fmt: skip
    return brought_questions(workspace, upload.name, upload.getvalue()) if upload else None


def _choose_arms(workspace: Workspace) -> list[Arm]:
    states = arm_states(workspace)
    ready, default = arms.ready_and_chosen(states)
    st.markdown("**Arms**")
    chosen = st.pills(
        "Arms", ready, selection_mode="multi", default=default, label_visibility="collapsed", wrap=True,
        format_func=arms.choice,
        key=f"eval.arms.{workspace.id}.{len(ready)}",
    )  # fmt: skip
    components.missing_arms(states)
    with st.expander("Arms of your own", icon=":material/add_circle:"):
        own_arms.section(workspace)
    return [item.arm for item in states if item.arm.id in chosen]


def _choose_judge(workspace: Workspace) -> ModelChoice | None:
    with st.container(border=True):
        st.caption(
            ":material/cloud_upload: Questions, gold answers and answers are sent to this address. "
            "A judge should be a stronger model than the one it judges, and not the same."
        )
        current = workspace.settings().judge or ModelChoice("endpoint", "")
        return endpoint_fields(current, f"eval.judge.{workspace.id}")


def _choose_version(workspace: Workspace) -> Version | None:
    """A named version whose documents are read; nothing is asked where there is none."""
    versions = {version.id: version for version in list_versions(workspace)}
    if not versions:
        return None
    chosen = st.selectbox(
        "Documents", ["", *versions], key=f"eval.version.{workspace.id}",
        format_func=lambda key: f"The version {versions[key].name}" if key else "As they are now",
        help="A named version is read as it was when it was named, with the embedding model of then. "
        "Arms of your own with a version of theirs keep to that.",
    )  # fmt: skip
    return versions.get(chosen)


def _show_leaks(workspace: Workspace, questions: QuestionSet) -> None:
    report = check_leaks(workspace, questions)
    if not report.leaks:
        st.caption(f":material/verified: {report.summary}")
        return
    st.warning(report.summary, icon=":material/content_copy:")
    with st.expander(f"The {len(report.leaks)} pairs"):
        st.dataframe(
            [
                {
                    "Test question": leak.question,
                    "Trained question": leak.trained,
                    "Common words": leak.similarity,
                }
                for leak in report.leaks
            ],
            hide_index=True,
            column_config={"Common words": st.column_config.NumberColumn(format="percent")},
        )


def _show_outlook(
    workspace: Workspace, plan: Plan, questions: QuestionSet, forecast: Forecast
) -> None:
    takes, shows = st.columns(2)
    with takes.container(border=True, height="stretch"):
        st.markdown("**What it will take**")
        if plan.version:
            st.markdown(f"Reads the named version **{plain(plan.version.name)}**.")
        reused = (
            f", {forecast.reusable} of them are kept from earlier runs" if forecast.reusable else ""
        )
        most = "At most " if plan.stop_early else ""
        st.markdown(f"{most}{forecast.answers} answers{reused}.")
        if forecast.looks:
            st.caption(forecast.looks)
        if forecast.seconds is not None:
            st.markdown(f"About **{components.duration(forecast.seconds)}** on this machine.")
        else:
            st.caption("How fast these arms are on this machine is not known yet.")
            if st.button(
                "Ask two questions to find out", key="eval.probe", icon=":material/timer:"
            ):
                with st.spinner("Asking two questions"):
                    probe(workspace, resources.lab(workspace), plan, questions)
                st.rerun()
    with shows.container(border=True, height="stretch"):
        st.markdown("**What it can show**")
        st.markdown(forecast.shows)
        st.caption(forecast.needs)


def _start(workspace: Workspace, plan: Plan, questions: QuestionSet) -> None:
    if not plan.is_self_check:
        workspace.update(judge=plan.judge)
    start_evaluation(workspace, plan, questions)
    st.query_params["eval"] = plan.id
    st.rerun()
