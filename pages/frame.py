"""The frame that every page shares: page settings, navigation, the workspace in the sidebar."""

from pathlib import Path

import streamlit as st

from pages.ui import activity, charts, components, resources, setup, state
from pages.ui.errors import show_errors
from pages.ui.finished import tour
from pages.ui.people.screen import manages_people, sign_in_screen, who_line
from pages.ui.people.visit import visit

# A file of our own: the icon of a Material name would be fetched from another host.
ICON = Path(__file__).parent / "ui" / "icon.png"

st.set_page_config(page_title="Strategy lab", page_icon=ICON, layout="wide")

STEPS = {
    "": [
        st.Page("start/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("start/people.py", title="People", icon=":material/group:"),
    ],
    "Build": [
        st.Page("build/documents.py", title="Documents", icon=":material/description:"),
        st.Page("build/examples.py", title="Examples", icon=":material/quiz:"),
        st.Page("build/finetune.py", title="Fine-tune", icon=":material/model_training:"),
    ],
    "Compare": [
        st.Page("compare/chat.py", title="Chat", icon=":material/forum:"),
        st.Page("compare/evaluation.py", title="Evaluation", icon=":material/monitoring:"),
    ],
    "Decide": [
        st.Page("decide/advisor.py", title="Advisor", icon=":material/balance:"),
        st.Page("decide/portfolio.py", title="Portfolio", icon=":material/view_list:"),
    ],
}
# What stands on the primary colour: no colour of the dark scheme is far enough from both the page and
# white, so that there the text is black, which can be read on the darker shade under the mouse, too. Not
# by light-dark(): popovers and dialogs lie outside of the element that says which scheme it is.
ON_PRIMARY = {"light": "#ffffff", "dark": "#000000"}[charts.scheme()]
# A quiet button that is pressed or open: Streamlit darkens the primary colour, which the dark scheme swallows.
PRESSED = {"light": "#1b4499", "dark": "#a9c6ff"}[charts.scheme()]
st.html(
    "<style>[data-testid^=stBaseButton-primary], [data-testid^=stBaseButton-primary] p"
    f" {{color: {ON_PRIMARY}}}"
    f" button[kind=tertiary]:is(:hover, :active, :focus, [aria-expanded=true]) {{color: {PRESSED}}}</style>"
)
# Drawn here: Streamlit's own has headings inside a list, which screen readers stumble over.
page = st.navigation(STEPS, position="hidden")


def links() -> None:
    """The navigation; People is for whoever manages them, where people sign in."""
    for step, pages in STEPS.items():
        if step:
            st.caption(step)
        for item in pages:
            if item.title != "People" or manages_people():
                st.page_link(item, width="stretch")
    # On a phone the sidebar lies over the page: it makes room once a link was pressed, as Streamlit's does.
    # And the second click of a double click is no other wish: a page may have changed under it.
    st.html(
        """<script>
        if (!window.ragftSidebar) {
          window.ragftSidebar = true;
          document.addEventListener("click", (event) => {
            const link = event.target.closest("[data-testid=stSidebar] [data-testid=stPageLink] a");
            if (link && window.innerWidth < 768)
              document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
          });
          document.addEventListener("click", (event) => {
            if (event.detail > 1 && event.target.closest("[data-testid^=stBaseButton]"))
              event.stopPropagation();
          }, true);
        }
        </script>""",
        unsafe_allow_javascript=True,
    )


with visit() as refusal, show_errors():
    if refusal is not None:
        sign_in_screen(refusal)
    with st.sidebar.container(gap="xsmall"):
        links()
    state.settle_workspace()
    components.workspace_sidebar()
    who_line()
    activity.section()
    setup.require_models()
    resources.relieve_collector()
    tour.bar(page.url_path)
    page.run()
