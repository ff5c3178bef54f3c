"""The advisor: a recommendation from answers and measurements, and the decision record."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.commands.output import Json, Name, opened, show, table, tell_origin
from ragft_core.errors import AdvisorError
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace


def advise(
    w: Name,
    answers: Annotated[
        Path | None, typer.Option(help="JSON: choice by criterion. Default: the saved ones.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recommends a strategy from the questionnaire's answers and what was measured here."""
    workspace = opened(w)
    tell_origin(workspace)
    _, result, _, _ = _decided(workspace, answers)
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


def costs(
    w: Name,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="An input, such as requests=20000.")
    ] = None,
    prices: Annotated[str, typer.Option(help="Take a price list over, by its id.")] = "",
    currency: Annotated[str, typer.Option(help="What all amounts are in.")] = "",
    scenario: Annotated[
        list[str] | None,
        typer.Option(help="Own scenarios, such as Pilot=3,500: months, requests a month."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Shows what each strategy costs, with ranges and scenarios; enters inputs, a price list."""
    from ragft_core.advisor import gather_evidence, load_answers, load_criteria, with_seen
    from ragft_core.advisor.cost import (
        cost_ranges,
        cost_table,
        fill_costs,
        load_costs,
        load_scenarios,
        save_costs,
        save_scenarios,
        scenario_costs,
        take_preset,
    )

    workspace = opened(w)
    entered = dict(map(_input, changes or []))
    if prices:
        take_preset(workspace, prices)
    if entered or currency:
        save_costs(workspace, load_costs(workspace) | entered, currency or None)
    if scenario:
        save_scenarios(workspace, [_scenario(text) for text in scenario])
    criteria, evidence = load_criteria(workspace), gather_evidence(workspace)
    answers = with_seen(criteria, load_answers(workspace, criteria), evidence.facts)
    filled = fill_costs(workspace, evidence, answers.choices)
    ranges = cost_ranges(filled)
    rows = [
        {**to_dict(cost), "low": span.low, "high": span.high, "cheapest": span.cheapest}
        for cost, span in zip(cost_table(filled.inputs), ranges.totals, strict=True)
    ]
    data = {
        "costs": rows,
        "inputs": filled.inputs,
        "origin": filled.origin,
        "currency": filled.currency,
        "assumed": ranges.assumed,
        "scenarios": scenario_costs(filled, load_scenarios(workspace, filled)),
    }
    show(data, as_json, _cost_lines)


def _input(text: str) -> tuple[str, float]:
    """An input of the costs from ``name=value``, checked."""
    from ragft_core.advisor.cost import CostInputs

    known = {item.name: item.metadata for item in fields(CostInputs)}
    name, _, value = text.partition("=")
    if name not in known:
        raise AdvisorError(
            f"{name!r} is no input of the costs.", f"Use one of: {', '.join(known)}."
        )
    least, most = known[name]["min"], known[name].get("max", math.inf)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not least <= number <= most or math.isinf(number):
        to = f" to {most:g}" if most < math.inf else " or more"
        raise AdvisorError(f"{name} cannot be {value!r}.", f"Use a number of {least:g}{to}.")
    return name, number


def _scenario(text: str) -> Any:
    """A scenario from ``title=months,requests``."""
    from ragft_core.advisor.cost import Scenario

    title, _, numbers = text.partition("=")
    try:
        months, requests = map(float, numbers.split(","))
    except ValueError:
        raise AdvisorError(
            f"{text!r} is no scenario.", "Write TITLE=MONTHS,REQUESTS, such as Pilot=3,500."
        ) from None
    return Scenario(title, months, requests)


def _scenario_rows(data: dict[str, Any]) -> tuple[list[dict[str, str]], dict[str, str]]:
    """One row a strategy and one column a scenario, with the headings."""
    columns = {"strategy": ""}
    rows = [{"strategy": row["strategy"]} for row in data["costs"]]
    for item in data["scenarios"]:
        title, months, requests = (item["scenario"][k] for k in ("title", "months", "requests"))
        columns[title] = f"{title}: {months:g} months, {requests:,.0f} a month"
        spans = {span["strategy"]: span for span in item["ranges"]["totals"]}
        for row, cost in zip(rows, item["costs"], strict=True):
            span = spans[cost["strategy"]]
            row[title] = f"{cost['total']:,.0f} ({span['low']:,.0f} to {span['high']:,.0f})"
    return rows, columns


def _cost_lines(data: dict[str, Any]) -> str:
    inputs = data["inputs"]
    rows = [
        {"strategy": r["strategy"], "once": f"{r['once']:,.0f}", "total": f"{r['total']:,.0f}"}
        | {"range": f"{r['low']:,.0f} to {r['high']:,.0f}"}
        for r in data["costs"]
    ]
    columns = {"strategy": "", "once": "once", "total": "total", "range": "90 % range"}
    head = f"{inputs['months']:g} months, {inputs['requests']:,.0f} requests a month"
    named = data["currency"] or "no currency named"
    foot = f"{len(data['assumed'])} inputs are assumed; enter them with --set NAME=VALUE."
    scenarios = table(*_scenario_rows(data), "")
    return f"{head}, {named}\n\n{table(rows, columns, '')}\n\n{scenarios}\n\n{foot}"


def report(
    w: Name,
    form: Annotated[
        str, typer.Option("--format", help="markdown, json, html, docx or pptx (slides).")
    ] = "markdown",
    out: Annotated[Path | None, typer.Option(help="Write it to a file.")] = None,
    answers: Annotated[Path | None, typer.Option(help="JSON: choice by criterion.")] = None,
    rfp: Annotated[
        bool, typer.Option(help="A tender's questions answered from it: markdown or docx.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Makes the decision record, keeps it in the workspace and prints it."""
    from ragft_core.advisor import load_criteria, make_record, read_answers, save_record

    workspace = opened(w)
    given = read_answers(load_criteria(workspace), answers) if answers else None
    record = make_record(workspace, given)
    made = _rendered(record, "json" if as_json else form, rfp=rfp)
    if isinstance(made, bytes) and not out:
        raise AdvisorError(_BINARY, "Say where it goes with --out FILE.")
    save_record(workspace, record)
    if out:
        out.write_bytes(made if isinstance(made, bytes) else made.encode())
    else:
        typer.echo(made)


_BINARY = "A file of Word or PowerPoint is not printed."


def _rendered(record: Any, form: str, *, rfp: bool) -> str | bytes:
    """The record, or the questions answered from it, in a form."""
    from ragft_core.advisor import render_record, render_rfp
    from ragft_core.advisor.export import render_docx, render_rfp_docx, render_slides

    if not rfp:
        binary = {"docx": render_docx, "pptx": render_slides}
        return binary[form](record) if form in binary else render_record(record, form)
    if form not in ("markdown", "docx"):
        raise AdvisorError(f"The questions cannot be written as {form}.", "Use markdown or docx.")
    return render_rfp_docx(record) if form == "docx" else render_rfp(record)


def steps(
    w: Name,
    strategy: Annotated[str, typer.Option(help="For which; the one that leads by default.")] = "",
    owner: Annotated[
        list[str] | None, typer.Option(help="Who does a step, such as tests=Ada.")
    ] = None,
    due: Annotated[
        list[str] | None, typer.Option(help="By which day, such as tests=2027-01-31.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Shows the next steps of a strategy; gives them owners and days."""
    from ragft_core.advisor import make_recipe
    from ragft_core.advisor.record import assign
    from ragft_core.types import Strategy

    workspace = opened(w)
    _, result, _, evidence = _decided(workspace, None)
    if strategy and strategy not in list(Strategy):
        known = ", ".join(Strategy)
        raise AdvisorError(f"There is no strategy {strategy!r}.", f"Use one of: {known}.")
    chosen = Strategy(strategy) if strategy else result.leader or next(iter(Strategy))
    known_steps = [step.key for step in make_recipe(workspace, chosen, evidence).steps]
    given = [("owner", pair) for pair in owner or []] + [("due", pair) for pair in due or []]
    for field, pair in given:
        key, _, value = pair.partition("=")
        if key not in known_steps:
            raise AdvisorError(
                f"{key!r} is no step here.", f"The steps are: {', '.join(known_steps)}."
            )
        assign(workspace, key, **{field: value})
    recipe = make_recipe(workspace, chosen, evidence)
    columns = {"key": "key", "done": "done", "owner": "owner", "due": "due", "text": "step"}
    show(recipe.steps, as_json, lambda rows: table(rows, columns, ""))


def portfolio(
    only: Annotated[
        list[str] | None, typer.Argument(metavar="[W]...", help="Workspaces; all by default.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="One document: markdown, html, docx or json.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write it to a file.")] = None,
    as_json: Json = False,
) -> None:
    """Puts the decisions of all workspaces side by side, or into one document."""
    from ragft_core.advisor.export import make_portfolio, portfolio_cells, render_portfolio
    from ragft_core.settings import Settings
    from ragft_core.workspace import list_workspaces

    found = make_portfolio(map(opened, only) if only else list_workspaces(Settings()))
    if not form and not out and not as_json:
        cells = portfolio_cells(found.rows)
        columns = {key: key for key in cells[0]} if cells else {}
        typer.echo(table([dict(row) for row in cells], columns, "There is no workspace yet."))
        return
    made = render_portfolio(found, "json" if as_json else form or "markdown")
    if isinstance(made, bytes) and not out:
        raise AdvisorError(_BINARY, "Say where it goes with --out FILE.")
    if out:
        out.write_bytes(made if isinstance(made, bytes) else made.encode())
    else:
        typer.echo(made)
