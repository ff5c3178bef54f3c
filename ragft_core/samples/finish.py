"""Makes the samples' finished cases: ``python -m ragft_core.samples.finish [NAME...]``.

It does what a person does on the pages, in workspaces under ``RAGFT_HOME``: opens the sample, trains
both adapters, evaluates, answers the questionnaire, keeps a decision record. Then it packs what is
not in the sample already into ``<name>/finished.zip``. What is done is not done again, so that it
can be stopped and started at will. About an hour on two processors.

With ``--kind hub --name owner/model`` (or ``folder`` and its path) all of that is done with another
model, and the case is kept in the lab's home, where the samples' list finds it.

The adapters are cut before they are asked anything: the stored answers are those of the stored
adapters.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ragft_core
from ragft_core.advisor import load_criteria, make_record, read_answers, save_answers, save_record
from ragft_core.advisor.record.record import list_records
from ragft_core.approval import approve
from ragft_core.errors import JobError, ModelError, RagftError
from ragft_core.evaluation import (
    Plan,
    list_plans,
    load_report,
    make_plan,
    start_evaluation,
    workspace_questions,
)
from ragft_core.evaluation.store.plans import REPORT_FILE
from ragft_core.finetuning import (
    RunConfig,
    list_adapters,
    preset_config,
    start_run,
    with_passages,
)
from ragft_core.finetuning.adapters import BUNDLED_FOLDER
from ragft_core.finetuning.exporting import DIFFERENCE, cut_adapter, halve_adapter
from ragft_core.jobs import Job, MadeElsewhere, keep_origin, list_jobs, this_machine
from ragft_core.jobs.elsewhere import FILE as ORIGIN
from ragft_core.models import check_model, try_model
from ragft_core.samples.finished import FILE, cases_folder
from ragft_core.samples.load import Sample, list_samples, load_sample, read_sample
from ragft_core.settings import Settings
from ragft_core.strategies import arm_states
from ragft_core.types import Adapter, ModelChoice
from ragft_core.workspace import Workspace, now, open_workspace, slug

ANSWERS = "answers.json"
NAME = "Finished sample"
BUNDLED = ModelChoice()
# Of every member, so that the same workspace gives the same bytes.
DATE = (2026, 1, 1, 0, 0, 0)
# A run that was stopped by hand leaves its best step.
ENDED = ("succeeded", "stopped")
RUN_FILES = ("spec.json", "status.json", "result.json", "metrics.jsonl")


@dataclass(frozen=True)
class Size:
    """How large a sample's adapters are, so that all of them together stay under 8 MB.

    ``rank`` is that of an adapter trained from nothing, ``change`` of what is kept of one that
    began as the reader; the runs read so many tokens at most and take so many steps at
    least, without passages and with them; none with them where documents do not hold the answers.
    """

    rank: int
    change: int
    tokens: int
    steps: int
    passage_tokens: int
    passage_steps: int


SIZES = {
    "knowledge": Size(4, 4, 80_000, 100, 48_000, 40),
    "triage": Size(4, 4, 60_000, 40, 0, 0),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Finishes the samples that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    names = [sample.name for sample in list_samples()]
    parser.add_argument("samples", nargs="*", metavar="NAME", help=f"of: {', '.join(names)}")
    parser.add_argument("--kind", choices=("bundled", "folder", "hub"), default="bundled")
    parser.add_argument("--name", default="", help="the folder, or the id on the hub")
    options = parser.parse_args(argv)
    try:
        choice = _choice(options.kind, options.name, Settings())
        for name in options.samples or names:
            file = finish(read_sample(name), Settings(), choice)
            _say(f"{name}: {file.stat().st_size / 1e6:.1f} MB, {file}")
    except RagftError as error:
        raise SystemExit(str(error)) from None


def _choice(kind: str, name: str, settings: Settings) -> ModelChoice:
    """The model, at the commit that was found, asked once."""
    if kind == "bundled":
        return ModelChoice()
    report = check_model(choice := ModelChoice(kind, name), settings)
    if not report.usable:
        raise ModelError(report.problem, report.remedy)
    choice = replace(choice, revision=report.revision)
    _say(try_model(choice, settings, lambda _, text: _say(text)).text)
    return choice


def finish(sample: Sample, settings: Settings, choice: ModelChoice = BUNDLED) -> Path:
    """Does all that is missing with a model of this machine, and packs it; returns the file."""
    title = sample.name if choice == BUNDLED else f"{sample.name} {Path(choice.name).name}"
    folder = settings.workspaces / slug(title)
    workspace = (
        open_workspace(settings, str(folder))
        if (folder / "workspace.json").exists()
        else load_sample(settings, sample.name, folder, workspace_name=title)
    )
    if choice != BUNDLED:
        workspace.update(model=choice)
        approve(workspace, choice)
    size = SIZES[sample.name]
    if sample.reader:  # the later run shows what reading with an adapter brings
        _evaluate(workspace, "Before the adapters", reader=False, trained=False)
    workspace.update(reader=sample.reader)  # the hybrid adapter begins as the reader
    for config in _configs(size, from_reader=sample.reader and choice == BUNDLED):
        _train(workspace, config, size)
    _evaluate(workspace, "With the adapters", reader=sample.reader)
    _keep_origin(workspace)  # now the record says where its measurements were made
    if not list_records(workspace):
        answers = read_answers(load_criteria(workspace), sample.folder / ANSWERS)
        save_answers(workspace, answers)
        save_record(workspace, make_record(workspace, note="Made by ragft_core.samples.finish."))
    origin = _keep_origin(workspace)
    own = cases_folder(sample, settings) / f"{origin.weights[:12]}.zip"
    return _pack(workspace, sample.folder / FILE if choice == BUNDLED else own)


def _configs(size: Size, *, from_reader: bool) -> Iterator[RunConfig]:
    plain = replace(
        preset_config("balanced"), name=NAME, rank=size.rank, alpha=2 * size.rank,
        most_tokens=size.tokens, steps=size.steps,
    )  # fmt: skip
    yield plain
    if not size.passage_tokens:
        return
    hybrid = with_passages(
        replace(
            plain,
            name=f"{NAME}, with passages",
            most_tokens=size.passage_tokens,
            steps=size.passage_steps,
        )
    )
    # What begins as the reader needs the reader's rank, and is cut afterwards.
    usual = preset_config("balanced")
    yield replace(hybrid, rank=usual.rank, alpha=usual.alpha) if from_reader else hybrid


def _own(workspace: Workspace, *, with_context: bool) -> Adapter | None:
    found = [a for a in list_adapters(workspace) if not a.bundled]
    return next((a for a in found if a.with_context is with_context), None)


def _train(workspace: Workspace, config: RunConfig, size: Size) -> None:
    adapter = _own(workspace, with_context=config.with_context)
    if adapter is None:
        _follow(_running(workspace, config) or _start(workspace, config))
        adapter = _own(workspace, with_context=config.with_context)
        assert adapter is not None, "the run has ended well"
    if adapter.card.get("precision") == "half":
        return
    folder = Path(adapter.path)
    if adapter.card.get("started_from"):
        kept = cut_adapter(folder, BUNDLED_FOLDER / "reader", size.change)
        _say(f"{adapter.id}: {kept:.0%} of what training changed is kept at rank {size.change}")
    else:
        halve_adapter(folder)


def _running(workspace: Workspace, config: RunConfig) -> Job | None:
    for job in list_jobs(workspace, "train"):
        if job.spec["config"]["with_context"] is config.with_context and job.status().active:
            return job
    return None


def _start(workspace: Workspace, config: RunConfig) -> Job:
    from ragft_core.knowledge import KnowledgeBase, embedder_of, texts_of
    from ragft_core.strategies.passages import training_passages

    passages = None
    if config.with_context:
        base = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
        passages = training_passages(workspace, base)
    return start_run(workspace, config, passages, texts_of(workspace))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _follow(job: Job) -> None:
    while (status := job.wait(timeout=30)).active:
        _say(f"{job.id}: {status.share:.0%} {status.message}")
    if status.state != "succeeded":
        raise JobError(f"{job.id}: {status.error}", "Start it again.")


def _evaluate(workspace: Workspace, name: str, *, reader: bool, trained: bool = True) -> None:
    """One run over all test questions with the usual arms, by the name of the run."""
    if any(plan.name.startswith(name) for plan in _evaluated(workspace)):
        return
    workspace.update(reader=reader)
    questions = workspace_questions(workspace)
    ready = [state.arm for state in arm_states(workspace) if state.ready and state.arm.chosen]
    arms = [arm for arm in ready if trained or not arm.is_trained]
    plan: Plan = replace(make_plan(questions, arms), name=f"{name}: {questions.name}")
    _follow(start_evaluation(workspace, plan, questions))
    _say(load_report(workspace, plan.id).verdict)


def _evaluated(workspace: Workspace) -> list[Plan]:
    """The evaluations that came to their end; one that was broken off is none of the case."""
    rooms = workspace.path / "evaluations"
    return [plan for plan in list_plans(workspace) if (rooms / plan.id / REPORT_FILE).exists()]


def _keep_origin(workspace: Workspace) -> MadeElsewhere:
    adapters = [a for a in list_adapters(workspace) if not a.bundled]
    origin = MadeElsewhere(
        machine=this_machine(),
        made_at=now(),
        model=str(adapters[0].card["base_name"]),
        weights=adapters[0].base,
        lab=ragft_core.__version__,
        adapters=tuple(adapter.id for adapter in adapters),
        evaluations=tuple(plan.id for plan in _evaluated(workspace)),
        records=tuple(list_records(workspace)),
        choice=workspace.settings().model,
    )
    keep_origin(workspace, origin)
    return origin


def _pack(workspace: Workspace, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(".partial")  # what is there serves until the new one is whole
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in _members(workspace):
            info = zipfile.ZipInfo(file.relative_to(workspace.path).as_posix(), DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.read_bytes(), compresslevel=9)
    return scratch.replace(target)


def _members(workspace: Workspace) -> Iterator[Path]:
    """The files that the sample itself does not bring, without what was only needed on the way."""
    root = workspace.path
    yield root / ORIGIN
    for folder in sorted(root.glob("adapters/[!.]*")):
        stored = DIFFERENCE if (folder / DIFFERENCE).exists() else "adapter_model.safetensors"
        yield from (folder / name for name in ("adapter_config.json", "card.json", stored))
    yield from _files(root / "advisor", "*/**/*")  # how fast this machine answers stays here
    for plan in _evaluated(workspace):
        yield from _files(root / "evaluations" / plan.id, "**/*")
    yield from sorted((root / "advisor").glob("*.json"))
    for run in sorted(root.glob("jobs/train-*")):
        if json.loads((run / "status.json").read_text(encoding="utf-8"))["state"] in ENDED:
            yield from (run / name for name in RUN_FILES)


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    return (file for file in sorted(folder.glob(pattern)) if file.is_file())


if __name__ == "__main__":
    main()
