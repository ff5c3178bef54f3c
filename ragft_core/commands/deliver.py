"""What comes after the decision: the arms over an API, one of them in a folder, examples for a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ragft_core.commands.output import Json, Name, knowledge_of, note, opened, show
from ragft_core.settings import Settings
from ragft_core.types import Split


def serve(
    w: Name,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="On which port; 0 takes a free one.")] = 8765,
    key_variable: Annotated[
        str, typer.Option(help="Environment variable with the key that clients have to send.")
    ] = "",
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name that this server is called by.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serves every arm that can run as a model of an OpenAI-compatible endpoint."""
    from ragft_core.serving import ApiServer, served_models
    from ragft_core.strategies import open_lab
    from ragft_core.telemetry import metrics, set_up_logs

    set_up_logs(opened(w).id)
    metrics.serve_metrics()
    lab = open_lab(opened(w), Settings())
    try:
        server = ApiServer(lab, host, port, key_variable, allow_host or ())
        names = [row["id"] for row in served_models(lab)]
        note("End it with Ctrl+C.")
        show(
            {"url": server.url, "models": names},
            as_json,
            lambda row: f"{row['url']}  {', '.join(row['models'])}",
        )
        server.run()
    finally:
        lab.close()


def ship(
    w: Name,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; new or empty.")],
    arm: Annotated[str, typer.Option(help="The arm that was decided on; see: arms W.")],
    form: Annotated[
        str,
        typer.Option(help="adapter, merged (one model with the base), or gguf (and for Ollama)."),
    ] = "adapter",
    as_json: Json = False,
) -> None:
    """Writes an arm as a folder that runs without the lab, with a smoke test and what was measured."""
    from ragft_core.shipping import ship as write
    from ragft_core.strategies import open_lab

    settings = Settings()
    lab = open_lab(opened(w), settings)
    try:
        done = write(lab, arm, folder.resolve(), settings, lambda share, text: note(text), form)
    finally:
        lab.close()
    show(
        done,
        as_json,
        lambda row: (
            f"{row['folder']}  {row['n_bytes'] / 1e6:.0f} MB; "
            f"try it: python {row['folder']}/smoke_test.py"
        ),
    )


def export(
    w: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl")],
    split: Annotated[Split, typer.Option(help="Which examples.")] = Split.TRAIN,
    passages: Annotated[
        bool, typer.Option("--passages", help="With retrieved passages, for the hybrid arm.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Writes the examples as chat JSONL, the form in which services are given them to tune on."""
    from ragft_core.strategies import export_examples

    workspace = opened(w)
    knowledge = knowledge_of(workspace) if passages else None
    found = {
        "file": str(file),
        "examples": export_examples(workspace, file, split=split, knowledge=knowledge),
    }
    show(found, as_json, lambda row: f"{row['examples']} examples in {row['file']}")
