import streamlit as st

from pages.ui import arms, components, state
from pages.ui.errors import plain, show_errors
from pages.ui.people.visit import later
from ragft_core.advisor.deciding import percent
from ragft_core.advisor.export import PortfolioRow, make_portfolio, render_portfolio

WIDTHS = [3, 2, 2, 3]
FORMS = {
    "html": ("Printable page", "text/html", "html", ":material/print:"),
    "docx": (
        "Word",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
        ":material/description:",
    ),
    "markdown": ("Markdown", "text/markdown", "md", ":material/markdown:"),
    "json": ("JSON", "application/json", "json", ":material/data_object:"),
}


def _row(row: PortfolioRow) -> None:
    with st.container(border=True):
        decided, right, cost, changes = st.columns(WIDTHS, gap="medium")
        with decided:
            st.markdown(f"**{plain(row.use_case)}**")
            text = plain(row.verdict_text[:1].upper() + row.verdict_text[1:])
            if row.strategy and not row.outside:
                look = arms.look(row.strategy)
                st.markdown(f":{look.badge}-badge[{look.icon} {text}]")
            else:
                st.markdown(f":material/explore: {text}" if row.record else f":gray[{text}]")
            if row.strategy and not row.outside:
                st.caption(f"Confidence: {row.confidence}, first in {percent(row.share)} of trials")
            if row.record:
                st.caption(f"Decided {components.moment(row.decided_at)}")
            if row.stale:
                st.caption(
                    f":orange[:material/update:] {row.stale.capitalize()} since: decide again"
                )
            if st.button(
                "See why", key=f"portfolio.open.{row.workspace}", icon=":material/balance:"
            ):
                state.open_workspace(row.workspace)
                st.switch_page(components.ADVISOR)
        with right:
            _figure("Right answers", row.right[0] if row.right else None, row.right_text)
        with cost:
            if row.record:
                st.caption(f"Cost of {row.months:g} months")
            if row.cost:
                st.markdown(f"**{f'{row.cost[0]:,.0f} {plain(row.currency)}'.strip()}**")
                unit = "" if row.currency else "; no currency chosen"
                st.caption(f"{row.cost[1]:,.0f} to {row.cost[2]:,.0f}{unit}")
            elif row.record:
                st.caption("Not reckoned: none of the five strategies was chosen.")
        with changes:
            if row.changes:
                st.caption("What would change it")
            for text in row.changes:
                st.markdown(f"- {plain(text)}")


def _figure(title: str, value: float | None, text: str) -> None:
    if not text:
        return
    st.caption(title)
    if value is None:
        st.markdown(text)
        return
    shown, _, interval = text.partition(" (")
    st.markdown(f"**{shown}**")
    st.caption(interval.rstrip(")"))


components.page_header(
    "Portfolio",
    "What was decided in every workspace, from the newest record that was kept.",
    "portfolio",
)
with show_errors():
    found = make_portfolio(state.workspaces())
    if not found.rows:
        components.empty_state(
            "There is no workspace yet.", "Make one, or open a finished sample, on Home.",
            components.HOME,
        )  # fmt: skip
        st.stop()
    if found.records:
        with st.container(horizontal=True):
            for form, (label, mime, ending, icon) in FORMS.items():
                st.download_button(
                    label,
                    later(lambda form=form: render_portfolio(found, form)),  # type: ignore[misc]
                    file_name=f"portfolio.{ending}",
                    mime=mime,
                    icon=icon,
                    key=f"portfolio.get.{form}",
                    on_click="ignore",
                )
        st.caption("One document: this table, then page one of every record.")
    for row in found.rows:
        _row(row)
