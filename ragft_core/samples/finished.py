"""A sample's finished case: adapters, evaluations, answers and a decision, made beforehand.

    <name>/finished.zip     what ``finish.py`` has made, by its place in the workspace
    <name>/answers.json     how the questionnaire was answered for it
    <name>/tour.json        five steps that show it, in the words of whoever watches

Opening one is opening the sample and unpacking this: nothing is trained or asked, and the workspace
says of every part that it was made elsewhere.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ragft_core.errors import WorkspaceError
from ragft_core.jobs import made_elsewhere
from ragft_core.samples.load import Progress, Sample, load_sample, read_sample
from ragft_core.settings import Settings
from ragft_core.values import from_dict
from ragft_core.workspace import Workspace, delete_workspace, read_json

FILE = "finished.zip"
TOUR = "tour.json"
# What is unpacked, and nothing else, wherever the zip may name it.
ROOMS = ("adapters", "advisor", "evaluations", "jobs", "made-elsewhere.json")
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


def has_finished(sample: Sample) -> bool:
    """Whether the sample comes with a finished case."""
    return (sample.folder / FILE).exists()


def open_finished(
    settings: Settings,
    name: str,
    path: Path | None = None,
    *,
    workspace_name: str = "",
    on_progress: Progress = lambda share, text: None,
) -> Workspace:
    """Makes a workspace of a sample with everything done: what ``load_sample`` makes, and the rest.

    Args:
        settings: Says where workspaces and models lie.
        name: Which sample.
        path: The folder to use instead of one in the home.
        workspace_name: What to call the workspace; the sample's name and "finished" when empty.
        on_progress: Called with a share between 0 and 1 and a line that says what is going on.

    Raises:
        WorkspaceError: There is no such sample, it has no finished case, or one for another model.
        ModelError: The embedder could not be fetched.
    """
    sample = read_sample(name)
    if not has_finished(sample):
        raise WorkspaceError(
            f"The sample {name!r} has no finished case.", "Open it without --finished."
        )
    workspace = load_sample(
        settings,
        name,
        path,
        workspace_name=workspace_name or f"{name} finished",
        on_progress=lambda share, text: on_progress(min(share, 1.0) * DOCUMENTS_SHARE, text),
    )
    try:
        on_progress(DOCUMENTS_SHARE, "Unpacking adapters and results")
        _unpack(sample, workspace)
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


def _unpack(sample: Sample, workspace: Workspace) -> None:
    from ragft_core.finetuning import choose_adapter
    from ragft_core.models.weights.bundled import GENERATOR

    with zipfile.ZipFile(sample.folder / FILE) as archive:
        for member in _safe(archive.namelist()):
            target = workspace.path / member
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))
    origin = made_elsewhere(workspace)
    if origin is None or origin.weights != GENERATOR.sha256:
        raise WorkspaceError(
            f"The finished case of {sample.name!r} was made with another model than this lab's.",
            "Make it anew: python -m ragft_core.samples.finish.",
        )
    for adapter in origin.adapters:
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
