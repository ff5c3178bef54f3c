"""The advisor: a recommendation from answers and measurements, and the decision record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.commands.output import Json, Name, opened, show
from ragft_core.errors import AdvisorError
from ragft_core.workspace import Workspace


def advise(
    w: Name,
    answers: Annotated[
        Path | None, typer.Option(help="JSON: choice by criterion. Default: the saved ones.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recommends a strategy from the questionnaire's answers and what was measured here."""
    _, result, _, _ = _decided(opened(w), answers)
    show(result, as_json, _advice)


def _decided(workspace: Workspace, file: Path | None) -> tuple[Any, Any, Any, Any]:
    from ragft_core.advisor import (
        decide,
        gather_evidence,
        load_answers,
        load_criteria,
        read_answers,
        with_seen,
    )

    criteria = load_criteria(workspace)
    given = read_answers(criteria, file) if file else load_answers(workspace, criteria)
    evidence = gather_evidence(workspace)
    given = with_seen(criteria, given, evidence.facts)
    result = decide(criteria, given, measurements=evidence.measurements, leads=evidence.leads)
    return criteria, result, given, evidence


def _advice(row: dict[str, Any]) -> str:
    lines = [row["headline"]["text"], ""]
    lines += [f"  + {sentence['text']}" for sentence in row["reasons"]]
    lines += [f"  - {sentence['text']}" for sentence in row["objections"]]
    lines += [f"  ? {sentence['text']}" for sentence in row["changes"]]
    lines += [f"  ! {sentence['text']}" for sentence in row["cautions"]]
    return "\n".join(lines)


def report(
    w: Name,
    form: Annotated[
        str, typer.Option("--format", help="markdown, json, html or docx.")
    ] = "markdown",
    out: Annotated[Path | None, typer.Option(help="Write it to a file.")] = None,
    answers: Annotated[Path | None, typer.Option(help="JSON: choice by criterion.")] = None,
    as_json: Json = False,
) -> None:
    """Makes the decision record, keeps it in the workspace and prints it."""
    from ragft_core.advisor import (
        load_criteria,
        make_record,
        read_answers,
        render_docx,
        render_record,
        save_record,
    )

    workspace = opened(w)
    given = read_answers(load_criteria(workspace), answers) if answers else None
    record = make_record(workspace, given)
    if form == "docx" and not (out or as_json):
        raise AdvisorError("A Word file is not printed.", "Say where it goes with --out FILE.")
    text = (
        "" if form == "docx" and not as_json else render_record(record, "json" if as_json else form)
    )
    save_record(workspace, record)
    if out and form == "docx" and not as_json:
        out.write_bytes(render_docx(record))
    elif out:
        out.write_text(text, encoding="utf-8")
    else:
        typer.echo(text)
