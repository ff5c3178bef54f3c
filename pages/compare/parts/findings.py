"""What an evaluation showed: the verdict, scores, questions, times, labels, claims, exports."""

from __future__ import annotations

import streamlit as st

from pages.compare.parts import charts, prices
from pages.compare.parts.charts import name_of, shown
from pages.ui import arms, components, resources
from pages.ui.errors import plain
from ragft_core.errors import RagftError
from ragft_core.evaluation import EvaluationReport, Prices, Results, price_arms
from ragft_core.evaluation.reports import (
    FORMATS,
    ArmPrice,
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
from ragft_core.evaluation.scoring import BY_NAME, SCORERS, Family
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


def verdict(report: EvaluationReport) -> None:
    """The verdict line, both kinds of verdict side by side, and what limits them."""
    icon = ":material/emoji_events:" if report.winner else ":material/balance:"
    with st.container(border=True):
        # The first sentence is the headline; how sure it is stands below in ordinary type.
        first, _, rest = report.verdict.partition(". ")
        st.subheader(f"{icon} {plain(first.rstrip('.'))}.", anchor=False)
        if rest:
            st.markdown(plain(rest))
        if report.agreement:
            st.markdown(f":orange[:material/warning:] {plain(report.agreement)}")
        robust, sensitive = st.columns(2)
        with robust:
            _one_verdict(report, report.robust, "By content", "blind to style")
        with sensitive:
            _one_verdict(report, report.sensitive, "By wording", "rewards terse copies")
    notes(report)


def read_from(workspace: Workspace, results: Results) -> None:
    """Whether the documents and the index are still those of the run."""
    seen = [record.index_version for record in results.records]
    if results.plan.version is None and not any(seen):
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
    st.markdown(f"**{title}** · {scorer.label} ({says})")
    if table:
        best = {arm: share for arm, share in table.best.items() if share >= 0.005}
        for arm, item in table.summaries.items():
            look = charts.look_of(arm)
            chance = f" · best in {100 * best[arm]:.0f} %" if arm in best else ""
            st.markdown(
                f":{look.badge}-badge[{look.icon} {name_of(arm)}] **{shown(scorer, item.mean)}** "
                f"({shown(scorer, item.low)} to {shown(scorer, item.high)}, n = {item.n})"
                f":small[{chance}]"
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


def _table(results: Results, report: EvaluationReport, score: str, part: Slice) -> ScoreTable:
    """From the report where it is there, else worked out now."""
    return report.table(score, part.key) or results.table(score, part)


def _pairs(table: ScoreTable) -> None:
    if not table.differences:
        return
    scorer = BY_NAME[table.score]
    scale = 1 if scorer.unit or scorer.name == "wer" else 100
    unit = "points" if scale == 100 else scorer.unit
    st.markdown(f"**Pairs** · on the same questions, {table.differences[0].test}")
    st.dataframe(
        [
            {
                "Pair": f"{name_of(gap.a)} − {name_of(gap.b)}",
                "Difference": f"{scale * gap.mean:+.3g}",
                "95 % interval": f"{scale * gap.low:+.3g} to {scale * gap.high:+.3g}",
                "Higher : lower": f"{gap.wins} : {gap.losses}",
                "n": gap.n,
                "p (Holm)": gap.p_holm,
                "Verdict": _pair_verdict(gap),
            }
            for gap in table.differences
        ],
        hide_index=True,
        column_config={
            "Difference": st.column_config.TextColumn(f"Difference ({unit})"),
            "p (Holm)": st.column_config.NumberColumn(format="%.3f"),
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
            interval = f"{shown(scorer, item.low)} to {shown(scorer, item.high)}"
            row[name_of(arm)] = (
                f"{shown(scorer, item.mean)} [{interval}] n = {item.n}" if item.n else "n/a"
            )
        rows.append(row)
    st.dataframe(rows, hide_index=True, height="content")
    st.caption(
        "Mean, 95 % interval and number of scored questions. n/a: the score does not apply to "
        "the arm; it is neither zero nor counted."
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
                f"{name_of(arm)}: {shown(scorer, item.mean)} right ({shown(scorer, item.low)} to "
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


def costs(results: Results, report: EvaluationReport) -> None:
    """Times, memory, prices, forgetting, overfitting and variety."""
    known = prices.known(results.workspace)
    priced = {item.arm: item for item in price_arms(report, known)}
    if report.latency:
        st.markdown("**Time per answer** · each arm asked alone, one question at a time")
        charts.times(report.latency, "eval.times")
    times = {item.arm: item for item in report.latency}
    st.dataframe(
        [
            {
                "Arm": name_of(item.arm),
                "Tokens read": round(item.prompt_tokens),
                "Tokens written": round(item.completion_tokens),
                "First token": f"{times[item.arm].first_token_s:.2f} s"
                if item.arm in times
                else "",
                "Whole answer": _time(report, item.arm),
                "Training, once": components.duration(item.training_s) if item.training_s else "",
                "Memory": components.size(int(item.memory_bytes)) if item.memory_bytes else "",
                **_prices(priced[item.arm], known),
            }
            for item in report.costs
        ],
        hide_index=True,
    )
    st.caption("Memory: what one answer holds beside the base model, which all arms share.")
    prices.editor(results.workspace, known)
    _side_effects(report)


def _side_effects(report: EvaluationReport) -> None:
    if report.forgetting:
        st.markdown("**Forgetting** · general knowledge against the bare model")
        for item in report.forgetting:
            gap = item.difference
            state = f"; {gap.undecided}" if gap.undecided else ""
            st.caption(
                f"{name_of(item.arm)}: {100 * gap.mean:+.0f} points (95 % interval "
                f"{100 * gap.low:+.0f} to {100 * gap.high:+.0f}, n = {gap.n}{state})"
            )
    if report.overfitting:
        st.markdown("**Overfitting** · right in the trained wording, and in a new one")
        scorer = BY_NAME["correct"]
        for item in report.overfitting:
            st.caption(
                f"{name_of(item.arm)}: {shown(scorer, item.trained.mean)} (n = {item.trained.n}) "
                f"and {shown(scorer, item.new.mean)} (n = {item.new.n})"
            )
        st.caption(
            "Arms without an adapter show what the wording alone does; what an adapter loses "
            "beyond that is overfitting."
        )
    if report.diversity:
        st.markdown("**Variety** · several answers drawn for one question")
        st.dataframe(
            [
                {
                    "Arm": name_of(item.arm),
                    "Questions": item.questions,
                    "Answers each": item.samples,
                    "Distinct words": item.distinct_1,
                    "Distinct word pairs": item.distinct_2,
                    "Self-BLEU (less is more varied)": item.self_bleu,
                }
                for item in report.diversity
            ],
            hide_index=True,
        )


def _prices(item: ArmPrice, prices: Prices) -> dict[str, str]:
    if not prices.known:
        return {}
    return {
        "Price of 1,000 answers": f"{1000 * item.answer:.4g}",
        "Of 1,000 right ones": f"{1000 * item.right_answer:.4g}" if item.right_answer else "n/a",
        "Of the training": f"{item.training:.4g}" if item.training else "",
    }


def _time(report: EvaluationReport, arm: str) -> str:
    found = next((item for item in report.latency if item.arm == arm), None)
    if found is None:
        return ""
    return f"{found.median_s:.2f} s ({found.low_s:.2f} to {found.high_s:.2f}, n = {found.n})"


def labels(report: EvaluationReport) -> None:
    """The plain classifier, then a confusion matrix per arm."""
    if report.classifier:
        row = report.classifier
        st.markdown(
            f"**Plain classifier** · accuracy {100 * row.accuracy:.0f} % ({100 * row.low:.0f} % to {100 * row.high:.0f} %) · "
            f"macro-F1 {row.macro_f1:.2f}"
        )
        st.caption(
            f"{row.method.capitalize()} on sentence embeddings, {row.n_train} training rows, "
            f"{row.seconds:.0f} s. No language model: what it reaches, the arms have to beat."
        )
    for table in report.labels:
        interval = f"{table.low:.2f} to {table.high:.2f}" if table.low is not None else "n/a"
        st.markdown(
            f"**{name_of(table.arm)}** · accuracy {100 * (table.accuracy or 0):.0f} % · macro-F1 "
            f"{table.macro_f1 or 0:.2f} (95 % interval {interval})"
        )
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
