"""A workspace as a whole: renamed, deleted, taken away as a file and brought in from one.

The file is a zip of the workspace's folder. What comes in was made elsewhere: its model, judge and
embedder ask for approval before their first use (``approval``), because their signatures are made
with a secret of the machine that approved them.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ragft_core.access import rights
from ragft_core.access.rights import ARCHIVED_FILE, Right
from ragft_core.errors import WorkspaceError
from ragft_core.jobs import Needs, check_disk, list_jobs
from ragft_core.settings import Settings
from ragft_core.storage import artefacts, place_of
from ragft_core.workspace import (
    FILE,
    Workspace,
    check_name,
    delete_workspace,
    list_workspaces,
    own,
    slug,
)

# What a process left for itself means nothing on another machine.
LEFT_OUT = {"process.json", "cluster.json", ARCHIVED_FILE, rights.MEMBERS_FILE}
MOST_FILES = 200_000
MOST_BYTES = 50 << 30


def rename_workspace(workspace: Workspace, name: str) -> None:
    """Gives a workspace another name; its id, which commands use, stays.

    Raises:
        WorkspaceError: The name cannot be used.
        NotAllowedError: It is not the acting person's.
    """
    rights.require(Right.OWN, workspace.path)
    workspace.update(name=check_name(name))


def remove_workspace(workspace: Workspace) -> None:
    """Deletes a workspace with all its documents, adapters, evaluations and records.

    Raises:
        WorkspaceError: A job of it is at work.
        StoreError: Its index lies in a store that is away; nothing was deleted.
        NotAllowedError: It is not the acting person's.
    """
    rights.require(Right.OWN, workspace.path)
    _at_rest(workspace, "deleted")
    if Settings().index_uri:
        place_of(workspace).clear()
    artefacts.forget(workspace)
    delete_workspace(workspace)


def archive_workspace(workspace: Workspace) -> None:
    """Puts a workspace away: lists leave it out, it can be read, and nobody changes it.

    Raises:
        WorkspaceError: A job of it is at work.
        NotAllowedError: It is not the acting person's.
    """
    rights.require(Right.OWN, workspace.path)
    _at_rest(workspace, "archived")
    (workspace.path / ARCHIVED_FILE).touch()
    rights.note("archive", workspace.path)


def restore_workspace(workspace: Workspace) -> None:
    """Brings an archived workspace back.

    Raises:
        NotAllowedError: It is not the acting person's.
    """
    rights.require(Right.OWN, workspace.path)
    (workspace.path / ARCHIVED_FILE).unlink(missing_ok=True)
    rights.note("restore", workspace.path)


def export_workspace(workspace: Workspace, file: Path) -> int:
    """Writes a workspace into a zip file.

    Args:
        workspace: Which one.
        file: Where it goes; what lies there is replaced once the new file is whole.

    Returns:
        The file's size in bytes.

    Raises:
        WorkspaceError: A job of it is at work, or the file cannot be written.
        JobError: The disk is too full.
        NotAllowedError: The person who acts may not change it, so may not take it away.
    """
    rights.require(Right.CHANGE if not workspace.archived else Right.OWN, workspace.path)
    _at_rest(workspace, "taken away")
    size = sum(path.stat().st_size for path, _ in _files(workspace))
    folder = file.absolute().parent
    if not folder.is_dir():
        raise WorkspaceError(f"There is no folder {folder.name!r} to write to.", "Make it first.")
    check_disk(folder, "Writing the file", Needs(disk_mb=size / 1e6))
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{file.name}.", delete=False) as scratch:
        try:
            with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for path, name in _files(workspace):
                    archive.write(path, name)
        except BaseException:
            Path(scratch.name).unlink(missing_ok=True)
            raise
    Path(scratch.name).replace(file)
    rights.note("export", workspace.path)
    return file.stat().st_size


def import_workspace(settings: Settings, file: Path | BinaryIO, name: str = "") -> Workspace:
    """Makes a workspace of a file that ``export_workspace`` wrote, here or elsewhere.

    Args:
        settings: Says where workspaces lie.
        file: The zip.
        name: What it is called here; without one it keeps its own, numbered where that is taken.

    Raises:
        WorkspaceError: It is no such file, or holds what no workspace does.
        JobError: The disk is too full.
        NotAllowedError: The person who acts makes no workspaces.
    """
    rights.require(Right.MAKE)
    settings.workspaces.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=settings.home, prefix="coming-in."))  # no workspace yet
    try:
        with zipfile.ZipFile(file) as archive:
            _extract(archive, scratch)
        own(scratch)
        with rights.as_the_lab():
            made = _settle(settings, scratch, name)
        rights.note("import", made.path)
        return made
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise WorkspaceError(
            f"The file cannot be read as a workspace: {error}.",
            "Bring one that 'workspaces --export' or the Home page made.",
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _settle(settings: Settings, scratch: Path, name: str) -> Workspace:
    """Reads what came in, gives it a name and a place that are free, and moves it there."""
    if not (scratch / FILE).is_file():
        raise WorkspaceError(
            f"The file holds no {FILE}, so it is no workspace.",
            "Bring one that 'workspaces --export' or the Home page made.",
        )
    taken = {known.settings().name for known in list_workspaces(settings)}
    own = check_name(name or Workspace(scratch).settings().name)
    wanted, number = own, 2
    while wanted in taken or (settings.workspaces / slug(wanted)).exists():
        wanted, number = f"{own[:58]} {number}", number + 1
    Workspace(scratch).update(name=wanted)
    target = settings.workspaces / slug(wanted)
    scratch.rename(target)
    return Workspace(target)


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    """Unpacks plain files to relative places, never more than is told and fits."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    total = sum(info.file_size for info in infos)
    if len(infos) > MOST_FILES or total > MOST_BYTES:
        raise WorkspaceError(
            f"The file holds {len(infos):,} files of {total / 1e9:.1f} GB together; "
            f"{MOST_FILES:,} and {MOST_BYTES / 1e9:.0f} GB are the most."
        )
    check_disk(folder, "Bringing in the workspace", Needs(disk_mb=total / 1e6))
    for info in infos:
        parts = parts_of(info)
        if parts[-1].lower() in LEFT_OUT:
            continue
        target = folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)


def parts_of(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """The parts of a relative path in a zip.

    Raises:
        WorkspaceError: It is a link, or leads elsewhere.
    """
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    link = stat.S_ISLNK(info.external_attr >> 16)
    if link or not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
        raise WorkspaceError(f"The file holds {info.filename[:80]!r}, which no workspace does.")
    return parts


def _files(workspace: Workspace) -> Iterator[tuple[Path, str]]:
    """The workspace's files with their names in the zip; scratch, locks and links stay behind."""
    for path in sorted(workspace.path.rglob("*")):
        inside = path.relative_to(workspace.path)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and not path.is_symlink() and not hidden and path.name not in LEFT_OUT:
            yield path, inside.as_posix()


def _at_rest(workspace: Workspace, what: str) -> None:
    active = [job for job in list_jobs(workspace) if job.status().active]
    if active:
        raise WorkspaceError(
            f"A job of this workspace is at work ({active[0].id}), so it cannot be {what} now.",
            "Wait for its end, or stop it.",
        )
