"""What a plain classifier reaches on the examples' labels: the number that the arms have to beat."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui import resources
from pages.ui.errors import show_errors
from ragft_core.evaluation.scoring import try_classifier
from ragft_core.types import Example


def classifier_section(examples: Sequence[Example]) -> None:
    """A button and, after it, cross-validated numbers, the hardest labels first."""
    st.caption(
        "Nearest neighbours or logistic regression on sentence embeddings: no language model, trained "
        "in seconds. Where it is right as often as the arms, neither retrieval nor tuning is needed. "
        "An evaluation of questions with labels measures it on the same questions."
    )
    if not st.button("Try it", icon=":material/category:", key="examples.classify"):
        return
    with show_errors(), st.spinner("Cross-validating"):
        found = try_classifier(
            [row.question for row in examples],
            [row.answer.strip() for row in examples],
            resources.embedder(),
        )
        with st.container(horizontal=True):
            st.metric("Right", f"{100 * found.accuracy:.0f} %", border=True)
            st.metric(
                "95 % interval", f"{100 * found.low:.0f} % to {100 * found.high:.0f} %", border=True
            )
            st.metric("Macro-F1", f"{found.macro_f1:.2f}", border=True)
        st.caption(
            f"{found.method.capitalize()}, {found.n} examples with {found.labels} labels, each asked "
            f"while it was held out. {found.seconds:.1f} s."
        )
        rows = sorted(found.by_label.items(), key=lambda item: item[1])
        st.dataframe(
            [{"Label": label, "Right": share} for label, share in rows],
            column_config={"Right": st.column_config.ProgressColumn(format="percent", max_value=1)},
            hide_index=True,
        )
