import streamlit as st

from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from pages.ui.people.screen import manages_people
from ragft_core.access import Role, rights
from ragft_core.people import (
    Account,
    add_person,
    audit_log,
    change_person,
    list_people,
    remove_person,
)

ROLES = {
    Role.VIEWER: "reads, asks and votes in the workspaces shared with them",
    Role.EDITOR: "makes workspaces, and changes their own and those shared with them",
    Role.ADMIN: "manages people, chooses models and keys, sees every workspace",
}


def _row(account: Account) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        state_of = " :orange-badge[suspended]" if account.suspended else ""
        st.markdown(f"**{plain(account.id)}**{state_of}", width="stretch")
        role = st.selectbox(
            "Role", list(Role), list(Role).index(account.role), key=f"people.role.{account.id}",
            format_func=str, label_visibility="collapsed", width=140,
        )  # fmt: skip
        with show_errors():
            if role is not account.role:
                change_person(account.id, role=role)
                st.rerun()
            label = "Let in again" if account.suspended else "Suspend"
            if st.button(label, key=f"people.suspend.{account.id}"):
                change_person(account.id, suspended=not account.suspended)
                st.rerun()
            lost = f"{plain(account.id)} is taken out of the list. What they made and said stays."
            if components.confirmed("Remove", lost, "Remove", f"people.remove.{account.id}"):
                remove_person(account.id)
                st.rerun()


components.page_header("People", "Who may come in, what they may do, and what they did.", "people")
if not manages_people():
    told = "Nobody signs in here: whoever opens the lab on this machine is its owner."
    st.caption("Only administrators manage people." if rights.doors_are_closed() else told)
    st.stop()
if state.settings().sign_in == "password":
    st.caption(
        "Everybody signs in with one password and may do everything; names are not checked. For "
        "roles, let a provider or a proxy sign people in."
    )
else:
    with st.form("people.add", border=True):
        left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
        person = left.text_input("Mail address", max_chars=200, placeholder="anna@example.org")
        role = middle.selectbox("Role", list(Role), format_func=str)
        if right.form_submit_button("Add", width="stretch"):
            with show_errors():
                added = add_person(person, role)
                state.notify(f"{plain(added.id)} may come in.")
                st.rerun()
        st.caption("  \n".join(f"**{name}** {text}." for name, text in ROLES.items()))
    for account in list_people():
        _row(account)
st.header("What happened", anchor=False)
events = audit_log()
st.dataframe(
    [
        {
            "When": components.moment(event.at), "Who": event.who or "(command line)", "What": event.what,
            "Workspace": event.workspace, "About": event.about, "Result": event.result,
        }
        for event in events
    ],
    hide_index=True,
    height=min(36 * (len(events) + 1), 420),
)  # fmt: skip
