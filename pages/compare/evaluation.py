import streamlit as st

from pages.compare.parts import cases, confidence, costs, findings, review, setup, two_runs
from pages.ui import components, resources
from pages.ui.errors import plain, show_errors
from pages.ui.finished import origin
from pages.ui.people.visit import fragment
from ragft_core.evaluation import find_job, list_plans
from ragft_core.evaluation.reports import Slice
from ragft_core.evaluation.scoring import BY_NAME
from ragft_core.jobs import list_jobs

NEW = "new"

components.page_header(
    "Evaluation",
    "Many questions to every arm: which one answers best here, and how sure are we.",
    "evaluation",
)
workspace = components.require_workspace()


def progress(evaluation_id: str) -> bool:
    """Draws a run that has not ended well, and says whether it has."""
    job = find_job(workspace, evaluation_id)
    if job is None:
        return True
    seen = job.status()  # once: it may end between two looks
    if seen.state == "succeeded":
        return True
    active = seen.active

    @fragment(run_every="2s" if active else None)
    def live() -> None:
        status = job.status()
        if active and not status.active:
            st.rerun()
        left = f", about {components.duration(status.eta_s)} left" if status.eta_s else ""
        with st.container(border=True):
            st.progress(status.share, text=f"{plain(status.message)}{left}")
            if status.error:
                st.error(plain(status.error))
            if status.active:
                if st.button("Stop", icon=":material/stop:", key="eval.stop"):
                    job.stop()
                    st.rerun()
            elif st.button(
                "Go on", icon=":material/play_arrow:", type="primary", key="eval.resume"
            ):
                job.resume()
                st.rerun()

    live()
    return False


def running(evaluation_ids: list[str]) -> str:
    """The newest evaluation that is at work, which is what a person comes back for; or none."""
    active = {
        job.spec.get("evaluation")
        for job in list_jobs(workspace, "evaluate")
        if job.status().active
    }
    return next((key for key in evaluation_ids if key in active), "")


def choose(names: list[str], slices: dict[str, Slice], *, scored: bool) -> tuple[str, Slice]:
    """Which questions a view is about, and by which score; files hold every score."""
    by_slice, by_score = st.columns(2)
    key = by_slice.selectbox(
        "Questions", list(slices), key="eval_slice", bind="query-params",
        format_func=lambda key: f"{slices[key].label} ({slices[key].n})",
    )  # fmt: skip
    if not scored:
        return names[0], slices[key]
    score = by_score.selectbox(
        "Score", names, format_func=lambda name: BY_NAME[name].label, key="eval_score",
        bind="query-params",
    )  # fmt: skip
    return score, slices[key]


def read(evaluation_id: str) -> None:
    """Draws what a run has shown, as far as it is."""
    ended = progress(evaluation_id)
    results, report = resources.evaluation(workspace, evaluation_id)
    if not any(record.answered for record in report.arms):
        st.caption("No answers yet." if not ended else "No arm could answer.")
        findings.notes(report)
        return
    if not ended:
        st.caption("What follows is what there is so far.")
    top = st.container()
    names = findings.score_names(results)
    slices = {part.key: part for part in results.slices()}
    views = {
        "scores": "Scores",
        "questions": "Questions",
        "review": "Review",
        "costs": "Time and side effects",
        "confidence": "Confidence",
        **({"labels": "Labels"} if report.labels else {}),
        "claims": "The article's claims",
        **({"runs": "Two runs"} if two_runs.others(workspace, evaluation_id) else {}),
        "export": "Export",
    }
    view = st.segmented_control(
        "View", list(views), default="scores", format_func=views.get, key="eval_view",
        bind="query-params", label_visibility="collapsed", required=True,
    )  # fmt: skip
    with top:
        origin.notice(workspace, evaluation_id)
        findings.read_from(workspace, results)
        findings.verdict(report, brief=view != "scores")
    score, part = names[0], slices["all"]
    if view in ("scores", "questions", "export"):
        score, part = choose(names, slices, scored=view != "export")
    if view == "scores":
        findings.scores(results, report, score, part)
    elif view == "questions":
        cases.cases(results, score, part)
    elif view == "review":
        review.review(results)
    elif view == "costs":
        costs.costs(results, report)
    elif view == "confidence":
        confidence.confidence(results)
    elif view == "labels":
        findings.labels(report)
    elif view == "claims":
        findings.claims(report)
    elif view == "runs":
        two_runs.section(workspace, results, names)
    else:
        findings.exports(results, report, part)


with show_errors():
    plans = {plan.id: plan for plan in list_plans(workspace)}
    chosen = st.query_params.get("eval") or running(list(plans)) or next(iter(plans), NEW)
    if plans:
        ids = [*plans] if chosen in plans else [NEW, *plans]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            run, fresh = st.container(width=560), st.container(width="content")
        if chosen != NEW and fresh.button("New evaluation", icon=":material/add:", key="eval.new"):
            st.query_params["eval"] = NEW
            st.rerun()
        picked = run.selectbox(
            "Run",
            ids,
            index=ids.index(chosen) if chosen in ids else 0,
            format_func=components.distinct(
                {NEW: "A new evaluation"}
                | {
                    key: f"{plan.name} · {components.moment(plan.created_at)}"
                    for key, plan in plans.items()
                }
            ),
            key=f"eval.run.{chosen}.{len(ids)}",
        )
        if picked != chosen:
            st.query_params["eval"] = picked
            st.rerun()
    if chosen in plans:
        read(chosen)
    else:
        setup.setup(workspace)
