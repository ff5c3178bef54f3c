"""Training: runs, their adapters, and the plain classifier beside them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.commands.output import (
    Json,
    Name,
    Wait,
    finish,
    job_line,
    job_row,
    knowledge_of,
    name_damage,
    note,
    opened,
    show,
    table,
)
from ragft_core.settings import Settings


class TrainFor(StrEnum):
    """Which arm an adapter is trained for."""

    FINE_TUNED = "fine-tuned"
    HYBRID = "hybrid"
    BOTH = "both"


def classify(w: Name, as_json: Json = False) -> None:
    """What a plain classifier reaches on the examples' labels, by cross-validation."""
    from ragft_core.evaluation.scoring import try_classifier
    from ragft_core.finetuning import load_examples
    from ragft_core.strategies import open_embedder

    rows = load_examples(opened(w))
    found = try_classifier(
        [row.question for row in rows], [row.answer for row in rows], open_embedder(Settings())
    )

    def human(row: dict[str, Any]) -> str:
        return (
            f"{row['method']}: {row['accuracy']:.0%} right ({row['low']:.0%} to {row['high']:.0%}), "
            f"macro-F1 {row['macro_f1']:.2f}, {row['n']} examples, {row['labels']} labels, "
            f"{row['seconds']:.1f} s"
        )

    show(found, as_json, human)


def train(
    w: Name,
    preset: Annotated[str, typer.Option(help="quick, balanced or thorough.")] = "quick",
    arm: Annotated[TrainFor, typer.Option(help="Which arm the adapter is for.")] = (
        TrainFor.FINE_TUNED
    ),
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, such as learning_rate=5e-4.")
    ] = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Starts a fine-tuning run in the background; two, one after the other, for both arms."""
    from ragft_core.finetuning import preset_config, start_run, with_passages
    from ragft_core.finetuning.config import with_settings
    from ragft_core.knowledge import texts_of
    from ragft_core.strategies.passages import training_passages

    workspace = opened(w)
    config = with_settings(preset_config(preset), changes or [])
    jobs = []
    if arm is not TrainFor.HYBRID:
        jobs.append(start_run(workspace, config, texts=texts_of(workspace)))
    if arm is not TrainFor.FINE_TUNED:
        passages = training_passages(workspace, knowledge_of(workspace))
        jobs.append(start_run(workspace, with_passages(config), passages, texts_of(workspace)))
    for job in jobs:
        finish(job, wait, as_json)


def runs(w: Name, as_json: Json = False) -> None:
    """Lists the background jobs: fine-tuning, evaluation, example writing."""
    from ragft_core.jobs import list_jobs

    workspace = opened(w)
    name_damage(workspace, "jobs/")
    rows = [job_row(job) for job in list_jobs(workspace)]
    show(rows, as_json, lambda items: "\n".join(map(job_line, items)) or "No runs yet.")


def adapters(
    w: Name,
    export: Annotated[str, typer.Option(help="Write this adapter as a zip of PEFT's files.")] = "",
    to: Annotated[Path | None, typer.Option(help="Where the zip goes.")] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Bring in a zip of PEFT's files.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the adapter is called from now on.")] = "",
    rename: Annotated[str, typer.Option(help="Rename this adapter.")] = "",
    with_passages: Annotated[
        bool, typer.Option(help="The one brought in was trained with passages (hybrid).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Lists the adapters, and takes them home or brings them in."""
    from ragft_core.finetuning import (
        export_adapter,
        import_adapter,
        list_adapters,
        rename_adapter,
    )

    workspace = opened(w)
    if export:
        target = to or Path(f"{export.replace(':', '-')}.zip")
        target.write_bytes(export_adapter(workspace, export))
        note(f"Written to {target}.")
    if import_ is not None:
        called = name or import_.stem
        import_adapter(
            workspace, called, import_.read_bytes(), Settings(), with_context=with_passages
        )
    if rename:
        rename_adapter(workspace, rename, name)
    name_damage(workspace, "adapters/")
    columns = {"id": "id", "name": "name", "rank": "rank", "with_context": "with passages"}
    rows = [{key: getattr(item, key) for key in columns} for item in list_adapters(workspace)]
    show(rows, as_json, lambda items: table(items, columns, "No adapters yet."))


def stop(w: Name, run: str, as_json: Json = False) -> None:
    """Stops a background job; what it has is kept."""
    from ragft_core.jobs import get_job

    job = get_job(opened(w), run)
    job.stop()
    job.wait(timeout=60)
    show(job_row(job), as_json, job_line)


def resume(w: Name, run: str, wait: Wait = False, as_json: Json = False) -> None:
    """Continues a job that was stopped, failed or was interrupted."""
    from ragft_core.jobs import get_job

    job = get_job(opened(w), run)
    job.resume()
    finish(job, wait, as_json)
