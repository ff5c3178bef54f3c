"""A sample's finished case: adapters, evaluations, answers and a decision, made beforehand.

    <name>/finished.zip     what ``finish.py`` has made, by its place in the workspace
    <name>/answers.json     how the questionnaire was answered for it
    <name>/tour.json        five steps that show it, in the words of whoever watches

A case belongs to one model. The bundled model's comes with the lab; those that ``finish.py`` made
with other models lie in ``RAGFT_HOME/finished/<name>``, one file each.

Opening one is opening the sample and unpacking this: nothing is trained or asked, and the workspace
says of every part that it was made elsewhere.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ragft_core.approval import approve
from ragft_core.errors import ModelError, WorkspaceError
from ragft_core.jobs import MadeElsewhere, made_elsewhere
from ragft_core.jobs.elsewhere import FILE as ORIGIN
from ragft_core.samples.load import Progress, Sample, load_sample, read_sample
from ragft_core.settings import Settings
from ragft_core.values import InvalidValueError, from_dict
from ragft_core.workspace import Workspace, delete_workspace, read_json

FILE = "finished.zip"
TOUR = "tour.json"
# What is unpacked, and nothing else, wherever the zip may name it.
ROOMS = ("adapters", "advisor", "evaluations", "jobs", ORIGIN)
# The documents are read and embedded; the rest is copying.
DOCUMENTS_SHARE = 0.95


@dataclass(frozen=True)
class Stop:
    """A step of the tour: the page where it is seen, what it is called, and what there is to see.

    ``page`` is one of ``documents``, ``chat``, ``evaluation``, ``advisor``, ``record``.
    """

    page: str
    title: str
    text: str


@dataclass(frozen=True)
class Case:
    """A finished case: its file, and where and with which model it was made."""

    file: Path
    origin: MadeElsewhere


def cases_folder(sample: Sample, settings: Settings) -> Path:
    """Where the cases lie that were made in this lab, with models other than the bundled one."""
    return settings.home / "finished" / sample.name


def finished_cases(sample: Sample, settings: Settings) -> list[Case]:
    """The sample's finished cases: the bundled model's first, then by the name of the model.

    A file that is damaged is no case.
    """
    files = [sample.folder / FILE, *cases_folder(sample, settings).glob("*.zip")]
    found = [Case(file, origin) for file in files if (origin := _origin(file)) is not None]
    return sorted(found, key=lambda case: (case.origin.choice.kind != "bundled", case.origin.model))


def open_finished(
    settings: Settings,
    name: str,
    path: Path | None = None,
    *,
    model: str = "",
    workspace_name: str = "",
    on_progress: Progress = lambda share, text: None,
) -> Workspace:
    """Makes a workspace of a sample with everything done: what ``load_sample`` makes, and the rest.

    A model other than the bundled one is fetched where it is missing, asked once, and then the
    workspace's model.

    Args:
        settings: Says where workspaces and models lie.
        name: Which sample.
        path: The folder to use instead of one in the home.
        model: Of which model's case, by the model's name; empty for the bundled one.
        workspace_name: What to call the workspace; the sample's name and "finished" when empty.
        on_progress: Called with a share between 0 and 1 and a line that says what is going on.

    Raises:
        WorkspaceError: There is no such sample, it has no finished case of that model, or the
            model's weights are no longer those that it was made with.
        ModelError: The embedder or the model cannot be had.
        NotAllowedError: The person who acts may not use a model that the lab does not bring.
    """
    sample = read_sample(name)
    case = _case(sample, settings, model)
    workspace = load_sample(
        settings,
        name,
        path,
        workspace_name=workspace_name or f"{name} finished",
        on_progress=lambda share, text: on_progress(min(share, 1.0) * DOCUMENTS_SHARE, text),
    )
    try:
        on_progress(DOCUMENTS_SHARE, "Unpacking adapters and results")
        _use_model(case, workspace, settings)
        _unpack(case, workspace)
    except BaseException:
        delete_workspace(workspace)
        raise
    on_progress(1.0, f"{sample.title} is ready, with everything done")
    return workspace


def tour_of(workspace: Workspace) -> tuple[Stop, ...]:
    """The steps that show a workspace, where it is a finished case; else none."""
    settings = workspace.settings()
    if not settings.sample or made_elsewhere(workspace) is None:
        return ()
    rows = read_json(read_sample(settings.sample).folder / TOUR)["stops"]
    return tuple(from_dict(Stop, row, TOUR) for row in rows)


def _origin(file: Path) -> MadeElsewhere | None:
    try:
        with zipfile.ZipFile(file) as archive:
            return from_dict(MadeElsewhere, json.loads(archive.read(ORIGIN)), str(file))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, InvalidValueError):
        return None


def _case(sample: Sample, settings: Settings, model: str) -> Case:
    cases = finished_cases(sample, settings)
    if not cases:
        raise WorkspaceError(
            f"The sample {sample.name!r} has no finished case.", "Open it without --finished."
        )
    for case in cases:
        if case.origin.model == model or (not model and case.origin.choice.kind == "bundled"):
            return case
    known = ", ".join(case.origin.model for case in cases)
    raise WorkspaceError(
        f"The sample {sample.name!r} has no finished case of {model or 'the bundled model'}.",
        f"There are those of {known}. Make one: python -m ragft_core.samples.finish --help.",
    )


def _use_model(case: Case, workspace: Workspace, settings: Settings) -> None:
    """Takes the case's model into use, where its weights are those that the case was made with."""
    from ragft_core.models import check_model, model_folder, try_model, weights_digest
    from ragft_core.models.weights.bundled import GENERATOR

    choice, weights = case.origin.choice, GENERATOR.sha256
    if choice.kind != "bundled":
        report = check_model(choice, settings)
        if not report.usable:
            raise ModelError(report.problem, report.remedy)
        try_model(choice, settings)
        weights = weights_digest(model_folder(choice, settings))
    if weights != case.origin.weights:
        raise WorkspaceError(
            f"This finished case was made with other weights of {case.origin.model}.",
            "Make it anew: python -m ragft_core.samples.finish --help.",
        )
    if choice.kind != "bundled":
        workspace.update(model=choice)
        approve(workspace, choice)


def _unpack(case: Case, workspace: Workspace) -> None:
    from ragft_core.finetuning import choose_adapter

    with zipfile.ZipFile(case.file) as archive:
        for member in _safe(archive.namelist()):
            target = workspace.path / member
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))
    for adapter in case.origin.adapters:
        _whole(workspace.path / "adapters" / adapter)
        choose_adapter(workspace, adapter)


def _safe(names: Iterable[str]) -> list[str]:
    """The members that lie in one of the rooms; a path that leads elsewhere is left out."""
    paths = [PurePosixPath(name) for name in names if not name.endswith("/")]
    return [str(p) for p in paths if p.parts[0] in ROOMS and ".." not in p.parts]


def _whole(folder: Path) -> None:
    """Puts an adapter together that was stored as its difference to the bundled reader."""
    from ragft_core.finetuning.adapters import BUNDLED_FOLDER, CARD
    from ragft_core.finetuning.exporting import DIFFERENCE, join_adapter

    if not (folder / DIFFERENCE).exists():
        return
    expected = read_json(folder / CARD)["sha256"]
    join_adapter(folder, BUNDLED_FOLDER / "reader")
    if read_json(folder / CARD)["sha256"] != expected:
        raise WorkspaceError(
            "The stored adapter does not fit the bundled reader any more.",
            "Make the finished cases anew: python -m ragft_core.samples.finish.",
        )
    (folder / DIFFERENCE).unlink()
