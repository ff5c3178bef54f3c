"""The whole home in one file, made while the lab runs, and put back from it.

A workspace is copied under the lock that writers of its documents take, and of a table of its index
the list of files before the files: what that list names is there, whatever is added meanwhile. Files
of rows may end in half a row, which every reader leaves out. What is a secret, and what can be
fetched or made again, stays behind and is named.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from ragft_core.access import rights
from ragft_core.access.rights import ARCHIVED_FILE, MEMBERS_FILE, Right
from ragft_core.errors import WorkspaceError
from ragft_core.jobs import Needs, check_disk
from ragft_core.overview.moving import LEFT_OUT, parts_of
from ragft_core.settings import Settings
from ragft_core.workspace import FILE, Workspace, list_archived, list_workspaces, now

LIST = "backup.json"
ASIDE = "replaced"
_AGAIN = ("models", "queue", ASIDE)
_SECRET = re.compile(r"secret|password|cookie|token|\.key$|\.pem$|\.env$", re.IGNORECASE)
_LOCK_S = 600.0
# Hidden, because a workspace that is given away is no longer theirs; a home that is put back is.
_WHOSE = (MEMBERS_FILE, ARCHIVED_FILE)


@dataclass(frozen=True)
class Backup:
    """What a backup holds, or what was put back: workspaces by id, files, bytes, what was left out."""

    workspaces: tuple[str, ...]
    n_files: int
    n_bytes: int
    left_out: tuple[str, ...] = ()


def back_up(settings: Settings, file: Path) -> Backup:
    """Writes everything in the home but secrets and what can be fetched again into a zip.

    Args:
        settings: Says where the home is.
        file: Where it goes; what lies there is replaced once the new file is whole.

    Raises:
        WorkspaceError: There is no such folder, or a workspace stays locked.
        JobError: The disk is too full.
        NotAllowedError: The person who acts does not run the lab.
    """
    rights.require(Right.MANAGE)
    with rights.as_the_lab():  # archived workspaces and other people's go along
        made = _back_up(settings, file)
    rights.note("backup", about=file.name)
    return made


def _back_up(settings: Settings, file: Path) -> Backup:
    folder = file.absolute().parent
    if not folder.is_dir():
        raise WorkspaceError(f"There is no folder {folder.name!r} to write to.", "Make it first.")
    size = sum(path.stat().st_size for path in _files(settings.home) if path.exists())
    check_disk(folder, "Writing the backup", Needs(disk_mb=size / 1e6))
    listed: dict[str, str] = {}
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{file.name}.", delete=False) as scratch:
        try:
            with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for path in _consistently(settings):
                    name = path.relative_to(settings.home).as_posix()
                    digest = _add(archive, path, name)
                    if digest:
                        listed[name] = digest
                head = {"made_at": now(), "left_out": left_out(settings.home), "files": listed}
                archive.writestr(LIST, json.dumps(head))
        except BaseException:
            Path(scratch.name).unlink(missing_ok=True)
            raise
    Path(scratch.name).replace(file)
    return Backup(
        tuple(sorted(one.id for one in list_workspaces(settings) + list_archived(settings))),
        len(listed),
        file.stat().st_size,
        tuple(left_out(settings.home)),
    )


def restore(settings: Settings, file: Path, *, over: bool = False) -> Backup:
    """Puts a backup back, after every file of it was found whole.

    Args:
        settings: Says where the home is.
        file: What ``back_up`` wrote.
        over: Whether workspaces that are here make room; they are moved into ``replaced/``, never
            deleted.

    Raises:
        WorkspaceError: It is no backup, is damaged, or something is here already.
        JobError: The disk is too full.
        NotAllowedError: The person who acts does not run the lab.
    """
    rights.require(Right.MANAGE)
    settings.workspaces.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=settings.home, prefix=".coming-back."))
    try:
        with zipfile.ZipFile(file) as archive:
            head = _verified(archive, scratch)
        things = [*(scratch / "workspaces").glob("*"), *scratch.iterdir()]
        things = [path for path in things if path != scratch / "workspaces"]
        here = {path: settings.home / path.relative_to(scratch) for path in things}
        taken = [target for target in here.values() if target.exists()]
        if taken and not over:
            names = ", ".join(sorted(target.name for target in taken)[:5])
            raise WorkspaceError(
                f"There is already: {names}. Nothing was put back.",
                "Use an empty RAGFT_HOME, or --over, which moves what is here into replaced/.",
            )
        aside = settings.home / ASIDE / now().replace(":", "")
        for target in taken:
            place = aside / target.relative_to(settings.home)
            place.parent.mkdir(parents=True, exist_ok=True)
            target.rename(place)
        for path, target in here.items():
            path.rename(target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, KeyError) as error:
        raise WorkspaceError(
            f"The file cannot be read as a backup: {error}.", "Bring one that 'backup' wrote."
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    ids = sorted({Path(name).parts[1] for name in head["files"] if name.startswith("workspaces/")})
    return Backup(tuple(ids), len(head["files"]), file.stat().st_size, tuple(head["left_out"]))


def left_out(home: Path) -> list[str]:
    """What of a home no backup holds: secrets, models, and files of running processes."""
    secret = {p.relative_to(home).as_posix() for p in home.glob("*") if _SECRET.search(p.name)}
    return sorted(secret | {name for name in _AGAIN if (home / name).exists()})


def _files(root: Path) -> Iterator[Path]:
    """The files of a folder that go along, of an index's table the list of its files first."""
    skipped = set(left_out(root)) if (root / "workspaces").exists() else set()
    for path in sorted(root.rglob("*"), key=lambda p: ("_versions" not in p.parts, p)):
        parts = path.relative_to(root).parts
        hidden = any(part.startswith(".") for part in parts) or path.name in LEFT_OUT
        kept = not hidden or path.name in _WHOSE
        if kept and parts[0] not in skipped and not path.is_symlink() and path.is_file():
            yield path


def _consistently(settings: Settings) -> Iterator[Path]:
    """All files that go along, those of a workspace while its writers are kept out."""
    for path in _files(settings.home):
        if "workspaces" != path.relative_to(settings.home).parts[0]:
            yield path
    for file in sorted(settings.workspaces.glob(f"*/{FILE}")):
        workspace = Workspace(file.parent)
        with ExitStack() as stack:
            try:
                for name in ("documents", "settings"):
                    stack.enter_context(workspace.lock(name, _LOCK_S))
            except Timeout:
                raise WorkspaceError(
                    f"Documents are being added to {workspace.id} for minutes.", "Try again later."
                ) from None
            yield from _files(workspace.path)


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> str:
    """Adds a file and returns its digest; empty where it was tidied away meanwhile."""
    digest = hashlib.sha256()
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return ""
    info = zipfile.ZipInfo.from_file(path, name)
    info.compress_type = zipfile.ZIP_DEFLATED
    with source, archive.open(info, "w", force_zip64=True) as out:
        while block := source.read(1 << 20):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _verified(archive: zipfile.ZipFile, folder: Path) -> dict[str, dict[str, str]]:
    """Unpacks a backup and compares every file with its digest."""
    head = json.loads(archive.read(LIST))
    if not isinstance(head, dict) or not isinstance(head.get("files"), dict):
        raise WorkspaceError(f"{LIST} in the file is damaged.", "Bring one that 'backup' wrote.")
    infos = {info.filename: info for info in archive.infolist() if info.filename != LIST}
    check_disk(
        folder, "Putting back", Needs(disk_mb=sum(i.file_size for i in infos.values()) / 1e6)
    )
    if set(infos) != set(head["files"]):
        raise WorkspaceError("The backup does not hold the files that it lists.", "Use another.")
    for name, info in infos.items():
        target = folder.joinpath(*parts_of(info))
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with archive.open(info) as source, target.open("wb") as out:
            while block := source.read(1 << 20):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != head["files"][name]:
            raise WorkspaceError(f"{name} in the backup is damaged.", "Use another backup.")
    return head
