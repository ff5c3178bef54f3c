"""What an evaluation showed: the verdict, scores, judgements, votes, labels, claims, exports."""

from __future__ import annotations

import streamlit as st

from pages.compare.parts import charts
from pages.compare.parts.charts import shown, signed
from pages.ui import arms, resources
from pages.ui.errors import plain
from ragft_core.errors import RagftError
from ragft_core.evaluation import EvaluationReport, Results
from ragft_core.evaluation.reports import (
    FORMATS,
    Difference,
    ScoreTable,
    Slice,
    Verdict,
    export_answers,
    export_report,
    vote_interval,
    vote_shares,
)
from ragft_core.evaluation.reports.claims import Holding, citation, claim_table
from ragft_core.evaluation.scoring import BY_NAME, SCORERS, Family, Scorer
from ragft_core.evaluation.store import index_in_words
from ragft_core.knowledge import list_versions
from ragft_core.workspace import Workspace

MARKS = {
    Holding.HOLDS: ":green-badge[:material/check: holds here]",
    Holding.FAILS: ":red-badge[:material/close: does not hold here]",
    Holding.CLOSE: ":orange-badge[:material/balance: too close to call here]",
    Holding.PARTLY: ":green-badge[:material/check_indeterminate_small: holds in the part tested]",
    Holding.NOT_TESTED: ":gray-badge[:material/question_mark: not tested]",
}


def verdict(report: EvaluationReport, *, brief: bool) -> None:
    """The verdict line, both kinds of verdict side by side, and what limits them.

    ``brief`` is the line alone, above a view that is about something else.
    """
    icon = ":material/emoji_events:" if report.winner else ":material/balance:"
    with st.container(border=True):
        # The first sentence is the headline; how sure it is stands below in ordinary type.
        first, _, rest = report.verdict.partition(". ")
        st.header(f"{icon} {plain(first.rstrip('.'))}.", anchor=False)
        if rest and not brief:
            st.markdown(plain(rest))
        if report.agreement:
            st.markdown(f":orange[:material/warning:] {plain(report.agreement)}")
        if brief:
            return
        robust, sensitive = st.columns(2)
        with robust:
            _one_verdict(report, report.robust, "By content", "blind to style")
        with sensitive:
            _one_verdict(report, report.sensitive, "By wording", "rewards terse copies")
    notes(report)


def read_from(workspace: Workspace, results: Results) -> None:
    """Whether the documents and the index are still those of the run."""
    own = results.plan.on_versions
    seen = [record.index_version for record in results.records if record.arm not in own]
    if results.plan.version is None and not any(seen) and not own:
        return
    try:
        present = resources.knowledge(workspace).version
    except RagftError:  # of an embedding model that is not allowed here, say: then nobody knows
        return
    if words := index_in_words(results.plan, seen, present, list_versions(workspace)):
        st.caption(f":material/history: {plain(words)}")


def notes(report: EvaluationReport) -> None:
    """What limits the result: the most important, and the rest one click away."""
    first, *rest = report.notes or [""]
    if first:
        st.caption(plain(first))
    if rest:
        with st.expander(f"What else limits this ({len(rest)})", icon=":material/info:"):
            for note in rest:
                st.caption(plain(note))


def _one_verdict(report: EvaluationReport, verdict: Verdict, title: str, says: str) -> None:
    scorer = BY_NAME[verdict.score]
    table = report.table(verdict.score)
    st.markdown(
        f"**{title}** · {scorer.label} ({says})",
        help="Best in: the share of resamples of the questions in which the arm comes first.",
    )
    if table:
        looks = {arm: arms.look(arm) for arm in table.summaries}
        rows = table.summaries.items()
        st.table(
            {
                "Arm": [f":{e.badge}-badge[{e.icon} {e.name}]" for e in looks.values()],
                "Mean": [f"**{shown(scorer, item.mean)}**" for _, item in rows],
                "95 % interval": [_interval(scorer, item.low, item.high) for _, item in rows],
                "n": [str(item.n) for _, item in rows],
                "Best in": [f"{100 * table.best.get(arm, 0):.0f} %" for arm in looks],
            },
            border="horizontal",
            hide_index=True,
        )
    if verdict is not report.robust:
        st.caption(f"{plain(verdict.text.partition('. ')[0].rstrip('.'))}.")


def scores(results: Results, report: EvaluationReport, score: str, part: Slice) -> None:
    """One score on every kind of question, its pairs, and all scores in a table."""
    scorer = BY_NAME[score]
    table = _table(results, report, score, part)
    if not any(item.n for item in table.summaries.values()):
        st.caption(f"“{scorer.label}” does not apply to any of these questions.")
        return
    rows = [(part.label, table)]
    if part.key == "all" and len(results.questions.kinds) > 1:
        kinds = [item for item in results.slices() if item.key.startswith("kind:")]
        rows += [(item.label, _table(results, report, score, item)) for item in kinds]
        rows = [row for row in rows if any(item.n for item in row[1].summaries.values())]
    st.caption(scorer.help)
    charts.dots(rows, "eval.dots")
    _pairs(table)
    st.markdown("**All scores**")
    _all_scores(results, report, part)
    _judge(results, report, part)
    with st.expander("Profile", icon=":material/radar:"):
        charts.profile(report, "eval.profile")
    _votes(results)


def _interval(scorer: Scorer, low: float | None, high: float | None) -> str:
    """Both ends, the unit once: ``42 to 73 %``."""
    told = f"{shown(scorer, low).removesuffix(' %')} to {shown(scorer, high)}"
    return told.replace(" %", "\u00a0%")  # the unit goes to no line of its own


def _table(results: Results, report: EvaluationReport, score: str, part: Slice) -> ScoreTable:
    """From the report where it is there, else worked out now."""
    return report.table(score, part.key) or results.table(score, part)


def _pairs(table: ScoreTable) -> None:
    if not table.differences:
        return
    scorer = BY_NAME[table.score]
    scale = 1 if scorer.unit else 100
    unit = "points" if scale == 100 else scorer.unit
    st.markdown(f"**Pairs** · on the same questions, {table.differences[0].test}")
    st.dataframe(
        [
            {
                "Pair": f"{arms.label(gap.a)} − {arms.label(gap.b)}",
                "Difference": signed(scale * gap.mean),
                "95 % interval": f"{signed(scale * gap.low)} to {signed(scale * gap.high)}",
                "Higher : lower": f"{gap.wins} : {gap.losses}",
                "n": gap.n,
                "p (Holm)": f"{gap.p_holm:.3f}" if gap.p_holm >= 0.001 else "under 0.001",
                "Verdict": _pair_verdict(gap),
            }
            for gap in table.differences
        ],
        hide_index=True,
        column_config={
            "Difference": st.column_config.TextColumn(f"Difference ({unit})"),
        },
    )


def _pair_verdict(gap: Difference) -> str:
    if gap.decided:
        return "first is higher" if gap.mean > 0 else "second is higher"
    return gap.undecided if gap.wins + gap.losses else "the same on every question"


def _all_scores(results: Results, report: EvaluationReport, part: Slice) -> None:
    rows = []
    for scorer in SCORERS:
        table = _table(results, report, scorer.name, part)
        judged = scorer.family is Family.JUDGED  # an opinion, which stands apart
        if judged or not any(item.n for item in table.summaries.values()):
            continue
        row: dict[str, object] = {"Score": scorer.label, "Kind": scorer.family.value}
        for arm, item in table.summaries.items():
            mean = shown(scorer, item.mean)
            row[arms.label(arm)] = (
                f"{mean} ({_interval(scorer, item.low, item.high)})" if item.n else "n/a"
            )
        counts = sorted({item.n for item in table.summaries.values() if item.n})
        row["n"] = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        rows.append(row)
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={"Score": st.column_config.TextColumn(width=180, pinned=True)},
    )
    st.caption(
        "Mean with its 95 % interval in brackets; n is the number of scored questions of an arm. "
        "n/a: the score does not apply to the arm; it is neither zero nor counted."
    )


def _judge(results: Results, report: EvaluationReport, part: Slice) -> None:
    judge = report.judge
    if judge is None:
        return
    st.markdown(f"**Judge** · the opinion of {plain(judge.model)}, which ranks nobody")
    scorer = BY_NAME["judged"]
    for arm, item in _table(results, report, scorer.name, part).summaries.items():
        if item.n:
            st.caption(
                f"{arms.label(arm)}: {shown(scorer, item.mean)} right ({shown(scorer, item.low)} to "
                f"{shown(scorer, item.high)}, n = {item.n})"
            )
    if judge.compared:
        kappa = f", Cohen's kappa {judge.kappa:.2f}" if judge.kappa is not None else ""
        paid = f" It cost {judge.cost:.4f}." if judge.cost else ""
        st.caption(
            f"It agrees with “{BY_NAME['correct'].label}” on {judge.agreed} of {judge.compared} "
            f"answers ({100 * (judge.agreed / judge.compared):.0f} %{kappa}). {judge.unscored} answers have "
            f"no judgement.{paid}"
        )
    for note in judge.notes:
        st.caption(f":orange[:material/warning:] {plain(note)}")


def _votes(results: Results) -> None:
    shares = vote_shares(results.workspace)
    if not shares:
        return
    st.markdown("**Votes from Chat** · what people preferred, on questions of their own")
    for arm, (won, stood) in shares.items():
        low, high = vote_interval(won, stood)
        st.caption(
            f"{arms.label(arm)}: {won} of {stood} ({100 * (won / stood):.0f} %, 95 % interval {100 * low:.0f} % to "
            f"{100 * high:.0f} %)"
        )


def labels(report: EvaluationReport) -> None:
    """The plain classifier, then a confusion matrix per arm."""
    if report.classifier:
        row = report.classifier
        st.markdown(
            f"**Plain classifier** · accuracy {100 * row.accuracy:.0f} % (95 % interval "
            f"{100 * row.low:.0f} % to {100 * row.high:.0f} %, n = {row.n}) · macro-F1 {row.macro_f1:.2f}"
        )
        st.caption(
            f"{row.method.capitalize()} on sentence embeddings, {row.n_train} training rows, "
            f"{row.seconds:.0f} s. No language model: what it reaches, the arms have to beat."
        )
    grid = st.grid(min_column_width=520)
    for table in report.labels:
        interval = f"{table.low:.2f} to {table.high:.2f}" if table.low is not None else "n/a"
        n = sum(map(sum, table.confusion.counts))
        cell = grid.container()
        cell.markdown(
            f"**{arms.label(table.arm)}** · accuracy {100 * (table.accuracy or 0):.0f} % · macro-F1 "
            f"{table.macro_f1 or 0:.2f} (95 % interval {interval}, n = {n})"
        )
        with cell:
            charts.confusion(table, f"eval.confusion.{table.arm}")


def claims(report: EvaluationReport) -> None:
    """The founding article's seven claims, checked here."""
    st.caption(
        f"{citation()} compares both by seven criteria. What it says, what research says, what was "
        "tested here. Sources are graded: P primary text read, S quoted by another, D our arithmetic."
    )
    checked = {item.id: item for item in report.claims}
    for claim in claim_table():
        found = checked.get(claim.id)
        mark = MARKS[found.holding if found else Holding.NOT_TESTED]
        with st.container(border=True):
            st.markdown(f"**{claim.criterion}** {mark}")
            if found:
                st.markdown(f"**Here:** {plain(found.measured)}")
            article, research = st.columns(2)
            said = f"RAG: {plain(claim.rag)} Fine-tuning: {plain(claim.fine_tuning)}"
            article.caption(f"**The article.** {said}")
            sources = "; ".join(
                f"{plain(source.title)}, {plain(source.where)} ({source.grade})"
                for source in claim.sources
            )
            research.caption(f"**Research.** {plain(claim.literature)} *{sources}*")


def exports(results: Results, report: EvaluationReport, part: Slice) -> None:
    """Files to take away."""
    chosen = None if part.key == "all" else part
    n = part.n if chosen else len(results.ranked)
    st.caption(f"{n} questions, one row per question and arm.")
    with st.container(horizontal=True):
        for form, kind in FORMATS.items():
            st.download_button(
                f"Answers and scores ({form.upper()})", export_answers(results, form, chosen),
                f"{report.id}.{form}", kind, key=f"eval.export.{form}",
                icon=":material/download:",
            )  # fmt: skip
        st.download_button(
            "Report (JSON)", export_report(report), f"{report.id}-report.json",
            "application/json", key="eval.export.report", icon=":material/download:",
        )  # fmt: skip


def score_names(results: Results) -> list[str]:
    """The scores that apply to something here, those of the verdict first."""
    import numpy as np

    return [scorer.name for scorer in SCORERS if not np.isnan(results.scores[scorer.name]).all()]
