"""How passages are found: ways of searching compared, and the embedding model."""

from __future__ import annotations

import streamlit as st

from pages.ui import resources, state
from pages.ui.errors import plain, show_errors
from pages.ui.people.visit import fragment
from ragft_core.evaluation.retrieval import (
    Comparison,
    adopt,
    adopt_tuned,
    ask_each_way,
    keep,
    last_comparison,
    last_tuning,
    questions_with_source,
    start_tuning,
    way_in_use,
)
from ragft_core.jobs import list_jobs
from ragft_core.knowledge import SUGGESTED_EMBEDDERS, embedder_choice, start_embedding
from ragft_core.workspace import Workspace

BUNDLED = "bundled"


def lab_section(workspace: Workspace) -> None:
    """Every way of searching on the examples whose source is known; one click adopts one."""
    in_use = way_in_use(workspace)
    st.caption(
        f"In use: {in_use.words}. The lab asks your examples whose answer stands in a document in "
        "every way and looks whether the right passage comes up. No model answers, so it is quick."
    )
    base = resources.knowledge(workspace)
    if st.button("Compare the ways of searching", icon=":material/science:", key="documents.lab"):
        bar = st.progress(0.0, text="Asking")
        questions = questions_with_source(workspace)
        k = workspace.settings().top_k
        told = lambda share: bar.progress(share, text="Asking")  # noqa: E731 - a callback
        keep(workspace, ask_each_way(base, questions, in_use, k, told))
        st.rerun()
    found = last_comparison(workspace)
    if found is not None:
        if found.index_version != base.version:
            st.caption(":material/history: The documents have changed since this comparison.")
        _comparison(workspace, found)


def _comparison(workspace: Workspace, found: Comparison) -> None:
    st.markdown(f"**{plain(found.verdict)}**")
    rows = {
        "Way": [row.way.words for row in found.rows],
        f"Right in {found.k}": [row.hit.mean for row in found.rows],
        "95 % interval": [_between(row.hit.low, row.hit.high) for row in found.rows],
        "MRR@10": [row.mrr.mean for row in found.rows],
        "nDCG@10": [row.ndcg.mean for row in found.rows],
        "Median ms": [row.median_ms for row in found.rows],
        "Missed": [len(row.missed) for row in found.rows],
    }
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="content",
        alt=f"Table of {len(found.rows)} ways of searching on {found.n} questions",
        column_config={
            "Way": st.column_config.TextColumn(width="medium"),
            f"Right in {found.k}": st.column_config.NumberColumn(format="percent"),
            "MRR@10": number,
            "nDCG@10": number,
            "Median ms": st.column_config.NumberColumn(format="%.0f"),
        },
    )
    st.caption(
        f"{found.n} questions, resampled by {found.unit}. Right: of the question's document, and "
        "holding its evidence or answer. The best of several is a little flattered by the choice."
    )
    words = {row.way.words: row for row in found.rows}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Way", list(words), index=list(words).index(found.best.way.words),
            key="documents.lab.way",
        )  # fmt: skip
        if st.button("Use it in this workspace", type="primary", key="documents.lab.adopt"):
            adopt(workspace, words[chosen].way)
            state.notify(f"This workspace searches by: {chosen}.")
            st.rerun()
    missed = words[chosen].missed
    if missed:
        with st.expander(f"Questions that it missed ({len(missed)})"):
            st.markdown("\n".join(f"- {plain(question)}" for question in missed))


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{100 * low:.0f} % to {100 * high:.0f} %"


def embedder_section(workspace: Workspace) -> None:
    """Which model embeds, and a change of it as a job; until that is done, the old index serves."""
    now = workspace.settings().embedder
    st.caption(
        f"Now: {plain(now.name) if now else 'the bundled model, which reads English'}. A change "
        "embeds every document anew; until that is done, the index there is serves."
    )
    if _runs(workspace, "embed"):
        return
    names = [BUNDLED, *(item.name for item in SUGGESTED_EMBEDDERS)]
    name = st.selectbox(
        "Embedding model", names, index=None, accept_new_options=True,
        placeholder="A hub id, or a folder saved by sentence-transformers",
        key="documents.embedder",
    )  # fmt: skip
    known = next((item for item in SUGGESTED_EMBEDDERS if item.name == name), None)
    if known:
        size = f"{known.parameters / 1e6:,.0f} million parameters"
        st.caption(f"{size} · {known.licence} · {known.note}")
    if name and st.button("Embed all documents with it", key="documents.embedder.use"):
        with show_errors():
            start_embedding(workspace, embedder_choice(name))
            st.rerun()


def tuning_section(workspace: Workspace) -> None:
    """The embedding model tuned on the examples: whether that finds better, and its adoption."""
    st.caption(
        "Tunes the embedding model on your examples, tests it on facts that it was not tuned on, and "
        "offers it only where it finds better. RAG and hybrid then read what it finds: train the "
        "hybrid adapter anew after it, and both halves are tuned together. Takes minutes."
    )
    if _runs(workspace, "tune"):
        return
    if st.button("Tune and test", icon=":material/tune:", key="documents.tune"):
        with show_errors():
            start_tuning(workspace)
            st.rerun()
    found = last_tuning(workspace)
    if found is None:
        return
    st.markdown(f"**{plain(found.verdict)}**")
    st.dataframe(
        {
            "Embedding model": ["As it is", "Tuned on other facts"],
            f"Right in {found.k}": [found.hit_before.mean, found.hit_after.mean],
            "95 % interval": [
                _between(score.low, score.high) for score in (found.hit_before, found.hit_after)
            ],
            "MRR@10": [found.mrr_before.mean, found.mrr_after.mean],
        },
        hide_index=True,
        width="stretch",
        alt=f"The embedding model before and after tuning, on {found.n} questions",
        column_config={
            f"Right in {found.k}": st.column_config.NumberColumn(format="percent"),
            "MRR@10": st.column_config.NumberColumn(format="%.3f"),
        },
    )
    st.caption(f"{found.n} questions, searched by: {found.way.words.lower()}.")
    if found.embedder and st.button("Embed all documents with it", key="documents.tune.use"):
        with show_errors():
            adopt_tuned(workspace, found)
            st.rerun()


def _runs(workspace: Workspace, kind: str) -> bool:
    """Shows the newest job of a kind while it runs, and its error where it failed."""
    job = next(iter(list_jobs(workspace, kind)), None)
    if job is None:
        return False
    if not job.status().active:
        if job.status().error:
            st.error(plain(job.status().error))
        return False

    @fragment(run_every="2s")
    def live() -> None:
        status = job.status()
        if not status.active:
            st.rerun()
        st.progress(status.share, text=plain(status.message))
        if st.button("Stop", icon=":material/stop:", key=f"documents.{kind}.stop"):
            job.stop()

    live()
    return True
