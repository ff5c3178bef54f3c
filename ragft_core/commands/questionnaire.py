"""The questionnaire: one's own answers, a template's, and those of several people together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragft_core.commands.output import Json, Name, note, opened, show, table
from ragft_core.errors import AdvisorError
from ragft_core.workspace import Workspace

if TYPE_CHECKING:
    from ragft_core.advisor import Answers, Criteria

Who = Annotated[str, typer.Option(help="Whose answers; the workspace's own where it is left out.")]


def answers(
    w: Name,
    who: Who = "",
    import_: Annotated[
        Path | None, typer.Option("--import", help="JSON: choice by criterion, or an export.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="An answer, such as need=facts or need=unknown."),
    ] = None,
    rank: Annotated[
        str, typer.Option(help="Topics from the most important on: knowledge,task,compute,...")
    ] = "",
    template: Annotated[
        str, typer.Option(help="Fill what is open with a use case's typical answers, by its id.")
    ] = "",
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Make the template's answers one's own.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Take the template's answers back.")] = False,
    as_json: Json = False,
) -> None:
    """Shows the questionnaire with its answers; brings in, sets, ranks, fills from a template."""
    from ragft_core.advisor import load_answers, load_criteria, read_answers, save_answers
    from ragft_core.advisor.criteria import confirm_template, drop_template, take_template

    workspace = opened(w)
    criteria = load_criteria(workspace)
    before = load_answers(workspace, criteria, who)
    found = replace(read_answers(criteria, import_), who=who) if import_ else before
    for pair in set_ or []:
        found = _answered(criteria, found, pair)
    if rank:
        found = replace(found, ranking=_topics(criteria, rank))
    if template:
        found = take_template(criteria, found, template)
    found = confirm_template(found) if confirm else drop_template(found) if drop else found
    if found != before:
        found = save_answers(workspace, found)
    rows = [
        {
            "criterion": c.id,
            "question": c.question,
            "answer": found.choice(c.id) or "",
            "from": found.template if c.id in found.assumed else "",
            "choices": " ".join(choice.id for choice in c.choices),
        }
        for c in criteria.criteria
    ]
    if as_json:
        show({"answers": found, "questions": rows}, as_json, str)
        return
    columns = {"criterion": "id", "answer": "answer", "from": "template", "choices": "choices"}
    show(rows, as_json, lambda items: table(items, columns, ""))
    if found.ranking:
        note(f"Ranked: {', '.join(found.ranking)}.")


def _answered(criteria: Criteria, found: Answers, pair: str) -> Answers:
    """The answers with one ``id=choice`` more, or with one taken back."""
    from ragft_core.advisor import parse_answers
    from ragft_core.advisor.criteria import UNKNOWN

    key, _, choice = pair.partition("=")
    said = parse_answers(criteria, {key: choice or UNKNOWN}).choices
    kept = {k: v for k, v in found.choices.items() if k != key}
    assumed = tuple(k for k in found.assumed if k != key)
    return replace(found, choices=kept | said, assumed=assumed)


def _topics(criteria: Criteria, text: str) -> tuple[str, ...]:
    """Topics by id, each once.

    Raises:
        AdvisorError: One is not known.
    """
    known = [group.id for group in criteria.groups]
    named = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    strange = [topic for topic in named if topic not in known]
    if strange:
        raise AdvisorError(f"{strange[0]!r} is no topic.", f"The topics are: {', '.join(known)}.")
    return named


def people(
    w: Name,
    take: Annotated[
        bool, typer.Option("--take", help="Make the group's answers and weights the workspace's.")
    ] = False,
    remove: Annotated[str, typer.Option(help="Remove this person's answers.")] = "",
    as_json: Json = False,
) -> None:
    """Several people's answers: where they differ, how far they agree, what the group says."""
    from ragft_core.advisor import load_criteria, save_answers
    from ragft_core.advisor.criteria import remove_stakeholder

    workspace = opened(w)
    criteria = load_criteria(workspace)
    if remove:
        remove_stakeholder(workspace, remove)
    found = _together(workspace, criteria)
    if take:
        if not found["people"]:
            raise AdvisorError(
                "Nobody has answered yet.", "Bring answers in: answers W --who NAME --import FILE."
            )
        save_answers(workspace, found["view"].answers)
    show(found, as_json, lambda row: _group_lines(criteria, row))


def _together(workspace: Workspace, criteria: Criteria) -> dict[str, Any]:
    from ragft_core.advisor import gather_evidence
    from ragft_core.advisor.record import decide_together

    view, results = decide_together(workspace, criteria, gather_evidence(workspace))
    return {
        "people": view.people,
        "view": view,
        "headlines": {who or "the group": r.headline.text for who, r in results.items()},
    }


def _group_lines(criteria: Criteria, row: dict[str, Any]) -> str:
    """What each says, where they differ, and the group's weights."""
    view = row["view"]
    lines = [f"{who}: {text}" for who, text in row["headlines"].items()]
    differing = [
        {
            "question": criteria.get(item["criterion"]).question,
            "said": "; ".join(f"{k}: {', '.join(who)}" for k, who in item["choices"].items()),
            "group": item["group"] or "open",
        }
        for item in view["opinions"]
        if len(item["choices"]) > 1
    ]
    columns = {"question": "question", "said": "who said what", "group": "the group"}
    lines += ["", table(differing, columns, "Nobody contradicts anybody.")]
    if view["agreement"]:
        w, p = view["agreement"]["w"], view["agreement"]["p"]
        shares = ", ".join(f"{key} {100 * share:.0f} %" for key, share in view["weights"].items())
        lines += ["", f"Kendall's W of the ranks: {w:.2f} of 1 (p = {p:.2g}). Weights: {shares}."]
    return "\n".join(lines) if row["people"] else "Nobody has answered under a name yet."
