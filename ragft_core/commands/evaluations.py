"""Evaluations that were made: listed, compared, walked through, and the adaptive arm fitted to them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ragft_core.commands.output import (
    Json,
    Name,
    knowledge_of,
    name_damage,
    note,
    opened,
    show,
    table,
    tell_origin,
)
from ragft_core.errors import EvaluationError, RagftError
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace


def evaluations(
    w: Name,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="BEFORE AFTER", help="Put two runs side by side, paired."),
    ] = None,
    differing: Annotated[
        str, typer.Option(help="The questions of this run on which its arms disagree.")
    ] = "",
    score: Annotated[str, typer.Option(help="The score to compare by.")] = "correct",
    as_json: Json = False,
) -> None:
    """Lists the evaluations; puts two side by side, or shows where arms disagree."""
    from ragft_core.evaluation import list_plans, load_results
    from ragft_core.evaluation.reports.pairing import compare_evaluations, splits
    from ragft_core.evaluation.scoring import BY_NAME
    from ragft_core.evaluation.store import index_since, index_versions

    workspace = opened(w)
    name_damage(workspace, "evaluations/")
    tell_origin(workspace)
    if score not in BY_NAME:
        raise EvaluationError(f"There is no score {score!r}.", f"Use one of: {', '.join(BY_NAME)}.")
    if compare:
        before, after = (load_results(workspace, run) for run in compare)
        show(compare_evaluations(before, after, score), as_json, _two_runs)
        return
    if differing:
        show(splits(load_results(workspace, differing)), as_json, _splits)
        return
    plans = list_plans(workspace)
    present = _present(workspace) if plans else None
    rows = [
        {
            "id": plan.id, "name": plan.name, "created_at": plan.created_at, "arms": plan.arms,
            "version": plan.version.name if plan.version else "",
            "index": "not known"
            if present is None
            else index_since(plan, index_versions(workspace, plan), present),
        }
        for plan in plans
    ]  # fmt: skip
    columns = {"id": "id", "name": "name", "created_at": "when", "index": "documents and index"}
    columns["version"] = "named version"
    show(rows, as_json, lambda found: table(found, columns, "No evaluations yet."))


def _present(workspace: Workspace) -> int | None:
    """The version of the index now; None where its embedding model cannot be had."""
    try:
        return knowledge_of(workspace).version
    except RagftError as error:
        note(f"Whether the index has changed is not known: {error.message}")
        return None


def _two_runs(found: dict[str, Any]) -> str:
    lines = [f"{found['n']} questions in both, {found['left_out']} in the later one only."]
    for arm in found["arms"]:
        lines += ["", arm["text"], *(f"  {text}" for text in arm["changed"])]
        for sign, moved in (("+", arm["better"]), ("-", arm["worse"])):
            lines += [
                f"  {sign} {m['question']}  gold: {m['gold'] or 'decline'}\n"
                f"      before: {m['before_text']}\n      after:  {m['after_text']}"
                for m in moved
            ]
    return "\n".join(lines)


def _splits(found: list[dict[str, Any]]) -> str:
    marks = {True: "right", False: "wrong", None: "not scored"}
    return (
        "\n\n".join(
            "\n".join(
                [
                    f"{row['question']['text']}  gold: {' | '.join(row['question']['golds']) or 'decline'}",
                    *(
                        f"  {marks[item['right']]:>5}  [{item['arm']}] {item['answer']['text']}"
                        for item in row["said"]
                    ),
                ]
            )
            for row in found
        )
        or "The arms agree on every question."
    )


def adaptive(
    w: Name,
    calibrate: Annotated[
        str, typer.Option(help="Fit the arm to an evaluation's answers: its id, or 'last'.")
    ] = "",
    caution: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Answer where the chance of being right is so high."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Shows how the adaptive arm decides; calibrates it; sets its caution."""
    from ragft_core.evaluation import list_plans, load_results
    from ragft_core.evaluation.running import calibrate as fit

    workspace = opened(w)
    if caution is not None:
        workspace.update(caution=caution)
    report = None
    if calibrate:
        plans = list_plans(workspace)
        if calibrate == "last" and not plans:
            raise EvaluationError("There is no evaluation yet.", "Make one: evaluate W.")
        chosen = plans[0].id if calibrate == "last" else calibrate
        report = fit(workspace, load_results(workspace, chosen))
    own = workspace.settings()
    found = {
        "caution": own.caution,
        "calibration": to_dict(own.calibration),
        "report": to_dict(report),
    }
    show(found, as_json, _adaptive)


def _adaptive(found: dict[str, Any]) -> str:
    fitted = found["calibration"]
    lines = [
        f"Answers where the chance of being right is {found['caution']:.0%} or more.",
        f"Calibrated on {fitted['n']} questions of {fitted['source']}." if fitted
        else "Not calibrated on this workspace's questions: --calibrate last.",
    ]  # fmt: skip
    if found["report"]:
        lines.append("On questions it was not fitted to:")
        for name in ("reading", "adaptive"):
            row = found["report"][name]
            what = "always reading" if name == "reading" else "adaptive"
            lines.append(
                f"  {what}: {row['right']} right, {row['wrong']} wrong, {row['declined']} declined"
            )
        if found["report"]["unknown"]:
            lines.append(f"Answers whose confidence is not known: {found['report']['unknown']}.")
    return "\n".join(lines)
