"""The prices that the user pays: entered here or in the advisor, kept in one place."""

from __future__ import annotations

import streamlit as st

from ragft_core.advisor.cost import load_costs, save_costs
from ragft_core.evaluation import Prices
from ragft_core.workspace import Workspace

# The fields of ``Prices`` by the names that the advisor's cost inputs have for them.
FIELDS = {"token_in": "price_in", "token_out": "price_out", "machine_hour": "machine_hour"}
LABELS = {
    "token_in": "Million tokens read",
    "token_out": "Million tokens written",
    "machine_hour": "An hour of this machine",
}


def known(workspace: Workspace) -> Prices:
    """What was entered; an endpoint's token prices come from the model's settings."""
    model = workspace.settings().model
    entered = load_costs(workspace)
    found = {"token_in": model.price_in, "token_out": model.price_out}
    found |= {name: entered[key] for name, key in FIELDS.items() if key in entered}
    return Prices(**found)


def editor(workspace: Workspace, prices: Prices) -> None:
    """The form."""
    with (
        st.popover("Enter prices", icon=":material/payments:"),
        st.form(f"eval.prices.{workspace.id}", border=False),
    ):
        st.caption("In your currency; 0 where nothing is paid. The advisor uses them, too.")
        key = f"eval.price.{workspace.id}"
        values = {
            name: st.number_input(label, 0.0, value=getattr(prices, name), key=f"{key}.{name}")
            for name, label in LABELS.items()
        }
        if st.form_submit_button("Save", type="primary"):
            # What was left as it is stays unentered: the advisor has examples in its place.
            changed = {
                FIELDS[n]: value for n, value in values.items() if value != getattr(prices, n)
            }
            save_costs(workspace, load_costs(workspace) | changed)
            st.rerun()
