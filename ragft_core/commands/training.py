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
    tell_origin,
)
from ragft_core.errors import SettingsError
from ragft_core.settings import Settings


class TrainFor(StrEnum):
    """Which arm an adapter is trained for."""

    FINE_TUNED = "fine-tuned"
    HYBRID = "hybrid"
    BOTH = "both"


class TakenAs(StrEnum):
    """What an adapter is written as."""

    PEFT = "peft"
    MERGED = "merged"
    GGUF = "gguf"


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
    seeds: Annotated[
        int, typer.Option(help="So many runs that differ by their seed: what chance is worth.")
    ] = 1,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Starts fine-tuning runs in the background; for both arms, or several seeds, one by one."""
    from ragft_core.evaluation.equivalence import equivalent
    from ragft_core.finetuning import load_examples, preset_config, start_run, with_passages
    from ragft_core.finetuning.config import with_settings
    from ragft_core.finetuning.training import look_over, with_seeds
    from ragft_core.knowledge import texts_of
    from ragft_core.strategies.passages import training_passages

    workspace = opened(w)
    config = with_settings(preset_config(preset), changes or [])
    for found in look_over(workspace, load_examples(workspace), Settings(), equivalent):
        note(f"{found.problem}: {found.text}")
    jobs = []
    texts = texts_of(workspace)
    if arm is not TrainFor.HYBRID:
        jobs += [start_run(workspace, each, texts=texts) for each in with_seeds(config, seeds)]
    if arm is not TrainFor.FINE_TUNED:
        passages = training_passages(workspace, knowledge_of(workspace))
        every = with_seeds(with_passages(config), seeds)
        jobs += [start_run(workspace, each, passages, texts) for each in every]
    for job in jobs:
        finish(job, wait, as_json)


def sweep(
    w: Name,
    minutes: Annotated[float, typer.Option(help="How long the trials may take together.")] = 20.0,
    preset: Annotated[str, typer.Option(help="The settings to begin with.")] = "quick",
    arm: Annotated[TrainFor, typer.Option(help="fine-tuned or hybrid.")] = TrainFor.FINE_TUNED,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, such as learning_rate=5e-4.")
    ] = None,
    show_: Annotated[str, typer.Option("--show", help="Show the trials of this search.")] = "",
    train_best: Annotated[
        str, typer.Option(help="Train on all rows with the best settings of this search.")
    ] = "",
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Searches for learning rate, rank and steps by right answers, bounded by minutes."""
    from ragft_core.finetuning import preset_config, with_passages
    from ragft_core.finetuning.config import with_settings
    from ragft_core.finetuning.training import best_config, start_run, start_sweep, trials_of
    from ragft_core.jobs import get_job
    from ragft_core.knowledge import texts_of
    from ragft_core.strategies.passages import training_passages

    workspace = opened(w)
    if show_:
        trials = trials_of(get_job(workspace, show_))
        show(trials, as_json, lambda rows: table(rows, _TRIAL_COLUMNS, "No trial has ended yet."))
        return
    if arm is TrainFor.BOTH:
        raise SettingsError("A search is for one arm.", "Choose fine-tuned or hybrid.")
    config = with_settings(preset_config(preset), changes or [])
    if train_best:
        found = best_config(get_job(workspace, train_best))
        if found is None:
            raise SettingsError(
                f"No trial of {train_best} has ended.", "Search again, with more minutes."
            )
        config = found
    elif arm is TrainFor.HYBRID:
        config = with_passages(config)
    passages = (
        training_passages(workspace, knowledge_of(workspace)) if config.with_context else None
    )
    texts = texts_of(workspace)
    if train_best:
        finish(start_run(workspace, config, passages, texts), wait, as_json)
        return
    job = start_sweep(workspace, config, minutes, passages, texts)
    finish(job, wait, as_json)
    if wait and not as_json:
        show(trials_of(job), False, lambda rows: table(rows, _TRIAL_COLUMNS, "No trial ended."))
        note(f"Train with the best: python -m ragft_core sweep {w} --train-best {job.id}")


_TRIAL_COLUMNS = {
    "number": "trial", "learning_rate": "learning rate", "rank": "rank", "steps": "steps",
    "right": "right", "asked": "asked", "val_loss": "loss", "state": "state", "seconds": "s",
}  # fmt: skip


def runs(
    w: Name,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Put two runs side by side.")
    ] = None,
    rename: Annotated[str, typer.Option(help="Rename this fine-tuning run.")] = "",
    name: Annotated[str, typer.Option(help="What it is called from now on.")] = "",
    notes: Annotated[str, typer.Option(help="What there is to say about it.")] = "",
    delete: Annotated[
        str, typer.Option(help="Delete this job; an adapter that it made stays.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Lists the background jobs, or puts two fine-tuning runs side by side."""
    from ragft_core.finetuning import list_runs
    from ragft_core.finetuning.training import compare_runs, rename_run, seed_spreads, spread_text
    from ragft_core.jobs import get_job, list_jobs

    workspace = opened(w)
    if compare:
        found = compare_runs([get_job(workspace, run) for run in compare])
        show(found, as_json, _side_by_side)
        return
    if rename:
        rename_run(workspace, rename, name, notes)
    if delete:
        get_job(workspace, delete).delete()
    name_damage(workspace, "jobs/")
    rows = [job_row(job) for job in list_jobs(workspace)]
    show(rows, as_json, lambda items: "\n".join(map(_run_line, items)) or "No runs yet.")
    for spread in seed_spreads(list_runs(workspace)):
        note(spread_text(spread))


def _run_line(row: dict[str, Any]) -> str:
    """A job in one line, with what a training came to."""
    result = row["result"] or {}
    held_out = result.get("held_out") or {}
    told = [f"{held_out['right']} of {held_out['asked']} right"] if held_out.get("asked") else []
    told += [result[key] for key in ("ended", "warning") if result.get(key)]
    return "  ".join([job_line(row), *map(str, told)])


def _side_by_side(found: dict[str, Any]) -> str:
    names = [run["title"] for run in found["runs"]]
    scores = [{"": key, **{str(n): run["scores"][key] for n, run in enumerate(found["runs"])}}
              for key in found["runs"][0]["scores"]]  # fmt: skip
    settings = [
        {"": name, **{str(n): value for n, value in enumerate(values)}}
        for name, values in found["differing"].items()
    ]
    columns = {"": "", **{str(n): name for n, name in enumerate(names)}}
    return "\n\n".join(
        [table(scores, columns, ""), table(settings, columns, "The settings are the same.")]
    )


def adapters(
    w: Name,
    export: Annotated[str, typer.Option(help="Write this adapter out.")] = "",
    format_: Annotated[
        TakenAs,
        typer.Option(
            "--format",
            help="A zip of PEFT's files, or base and adapter in one: a model folder, a GGUF file.",
        ),
    ] = TakenAs.PEFT,
    to: Annotated[Path | None, typer.Option(help="Where it goes.")] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Bring in a zip of PEFT's files.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the adapter is called from now on.")] = "",
    rename: Annotated[str, typer.Option(help="Rename this adapter.")] = "",
    publish: Annotated[
        str, typer.Option(help="Have a vLLM server load this adapter, under --name or its id.")
    ] = "",
    url: Annotated[
        str, typer.Option(help="The server's address; by default the workspace's endpoint.")
    ] = "",
    key_variable: Annotated[str, typer.Option(help="Variable that holds its key.")] = "",
    seen_as: Annotated[
        str, typer.Option(help="The adapter's folder as the server sees it, if elsewhere.")
    ] = "",
    with_passages: Annotated[
        bool, typer.Option(help="The one brought in was trained with passages (hybrid).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Lists the adapters, and takes them home or brings them in."""
    from ragft_core.finetuning import (
        export_adapter,
        export_model,
        get_adapter,
        import_adapter,
        list_adapters,
        rename_adapter,
    )

    workspace = opened(w)
    if export:
        ending = {TakenAs.PEFT: ".zip", TakenAs.MERGED: "-merged", TakenAs.GGUF: ".gguf"}[format_]
        target = to or Path(f"{export.replace(':', '-')}{ending}")
        if format_ is TakenAs.PEFT:
            target.write_bytes(export_adapter(workspace, export))
            note(f"Written to {target}.")
        else:
            made = export_model(workspace, export, format_.value, target, Settings())
            note(
                f"Written to {target}, {made.bytes / 1e6:.0f} MB. Loaded again, {made.agreeing} of "
                f"{made.asked} answers are the adapter's; logits differ by {made.difference:.3f} at most."
            )
    if import_ is not None:
        called = name or import_.stem
        import_adapter(
            workspace, called, import_.read_bytes(), Settings(), with_context=with_passages
        )
    if rename:
        rename_adapter(workspace, rename, name)
    if publish:
        from ragft_core.models.remote import publish_adapter
        from ragft_core.types import ModelChoice

        model = workspace.settings().model
        server = ModelChoice("endpoint", model.name, url, key_variable) if url else model
        folder = Path(get_adapter(workspace, publish).path)
        note(publish_adapter(server, name or publish.replace(":", "-"), folder, seen_as))
    name_damage(workspace, "adapters/")
    tell_origin(workspace)
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
