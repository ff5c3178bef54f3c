"""The doctor: what is wrong with the machine's side of the lab and with a workspace, and the mend.

Damaged files are set aside, never deleted; an index that differs from its documents is made anew
from them. What only a person can do is said.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ragft_core.access import Right, rights
from ragft_core.approval import SECRET, unapproved, what_for
from ragft_core.documents import ENCODINGS
from ragft_core.errors import NewerVersionError, RagftError, StoreError
from ragft_core.jobs.cluster import cluster_of
from ragft_core.knowledge import KnowledgeBase, version_models
from ragft_core.knowledge.store import called, document_id
from ragft_core.models.weights import BUNDLED, is_ready
from ragft_core.overview.integrity import Damage, find_damage, set_aside
from ragft_core.settings import Settings
from ragft_core.storage import Bucket
from ragft_core.workspace import FILE, Workspace, file_digest

LOW_DISK_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, what, and what to do; ``mended`` once it has been."""

    place: str
    problem: str
    remedy: str = ""
    mended: bool = False


def examine_machine(settings: Settings) -> list[Finding]:
    """The home folder, its disk, its secret, the stores, and the bundled models."""
    found = []
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
        free = shutil.disk_usage(home).free
        if free < LOW_DISK_BYTES:
            problem = f"Only {free / 1e9:.1f} GB are free on its disk."
            found.append(Finding("home", problem, "Free some space before you train or add files."))
    except OSError as error:
        remedy = "Give this user the right to write there, or set RAGFT_HOME to another folder."
        found.append(Finding("home", f"It cannot be written: {error.strerror}.", remedy))
    secret = home / SECRET
    if secret.exists() and stat.S_IMODE(secret.stat().st_mode) & 0o077:
        problem = "Other users of this machine can read it."
        found.append(Finding(SECRET, problem, f"Run 'chmod 600 {SECRET}' in the home folder."))
    for uri in filter(None, (settings.index_uri, settings.store)):
        if uri.startswith("db://"):
            continue  # nothing can be put there but tables
        try:
            Bucket(uri).probe()
        except RagftError as error:
            found.append(Finding("store", error.message, error.remedy))
    for model in BUNDLED:
        if not is_ready(model, settings.models):
            problem = "It is not in the cache yet."
            remedy = "Start the app, or run any command that asks a model: it is fetched once."
            found.append(Finding(model.name, problem, remedy))
    if cluster := cluster_of(settings):
        try:
            cluster.nodes()
        except RagftError as error:
            found.append(Finding("cluster", error.message, error.remedy))
    return found


def examine(
    workspace: Workspace,
    open_base: Callable[[Workspace], KnowledgeBase],
    *,
    mend: bool = False,
) -> list[Finding]:
    """Everything about a workspace: files, digests, the index, and models from elsewhere.

    Args:
        workspace: What to examine.
        open_base: Opens its knowledge base; called only when there are documents.
        mend: Sets damaged things aside and makes a differing index anew.
    """
    found = []
    rights.require(Right.READ, workspace.path)
    try:
        workspace.settings()
    except RagftError as error:
        if not mend or isinstance(error, NewerVersionError):
            return [Finding(FILE, error.message, error.remedy)]
        where = _aside(workspace, Damage(FILE, error.message))
        workspace.start_over()
        told = f"It lies in {where} now; the settings are at their defaults."
        found.append(Finding(FILE, error.message, told, mended=True))
    for damage in find_damage(workspace, digests=True):
        remedy = "Set it aside (--mend), and restore it from a copy if you have one."
        if damage.newer:
            remedy = "Update the lab to read it."
        elif mend:
            where = _aside(workspace, damage)
            remedy = f"It lies in {where} now."
            if damage.path.startswith("documents/"):
                remedy += _taken_in_again(workspace, open_base, workspace.path / where)
        found.append(Finding(damage.path, damage.reason, remedy, mend and not damage.newer))
    found += _index(workspace, open_base, mend=mend)
    found += _open_to_others(workspace, mend=mend)
    found += _links(workspace)
    for choice in unapproved(workspace, version_models(workspace)):
        remedy = "Allow it with 'model W --allow', if you trust where the workspace came from."
        found.append(Finding("workspace.json", f"It {what_for(choice)}, unasked.", remedy))
    return found


def _open_to_others(workspace: Workspace, *, mend: bool) -> list[Finding]:
    """Whether other users of this machine can read the workspace."""
    mode = stat.S_IMODE(workspace.path.stat().st_mode)
    above = (folder.stat().st_mode & stat.S_IXOTH for folder in workspace.path.resolve().parents)
    if os.name == "nt" or not mode & 0o007 or not all(above):
        return []
    if mend:
        workspace.path.chmod(mode & ~0o077)
    remedy = "Only its owner can now." if mend else "Close it to them (--mend)."
    return [Finding("the folder", "Other users of this machine can read it.", remedy, mend)]


def _links(workspace: Workspace) -> list[Finding]:
    """Links that lead out of the workspace: what is read there belongs to something else."""
    home = workspace.path.resolve()
    found = []
    for path in sorted(workspace.path.rglob("*")):
        if path.is_symlink() and not path.resolve().is_relative_to(home):
            place = path.relative_to(workspace.path).as_posix()
            remedy = "Delete it, or put a copy of what it leads to in its place."
            found.append(Finding(place, "It is a link that leads out of the workspace.", remedy))
    return found


def _aside(workspace: Workspace, damage: Damage) -> str:
    return set_aside(workspace, damage).relative_to(workspace.path).as_posix()


def _taken_in_again(
    workspace: Workspace, open_base: Callable[[Workspace], KnowledgeBase], folder: Path
) -> str:
    """Adds the original of a document that was set aside, if it is what it was; says so."""
    original = next(folder.glob("original.*"), None)
    if original is None or not original.is_file():
        return ""
    digest = file_digest(original)
    encoding = next((e for e in ("", *ENCODINGS) if document_id(digest, e) == folder.name), None)
    if encoding is None:
        return " Its original has changed and was not added again."
    try:
        base = open_base(workspace)
        (report,) = base.add_files([(called(folder), original)])
        if encoding and report.document:
            base.reread(report.document.id, encoding)
    except RagftError as error:
        return f" It could not be added again: {error.message}"
    if report.error:
        return f" It could not be added again: {report.error}"
    return f" Its original was added again as {called(folder)}."


def _index(
    workspace: Workspace, open_base: Callable[[Workspace], KnowledgeBase], *, mend: bool
) -> list[Finding]:
    if not any(workspace.path.glob("documents/*/document.json")):
        return []
    found = []
    try:
        base = open_base(workspace)
        try:
            for document in base.differences():
                problem = f"Its chunks of {document.title!r} are not those of the document."
                found.append(Finding("index", problem, "Rebuild it (--mend)."))
        except StoreError:
            raise
        except RagftError as error:
            found.append(Finding("index", error.message, "Rebuild it (--mend)."))
        if found and mend:
            n = base.rebuild()
            told = f"It was made anew from the documents: {n} chunks."
            found = [Finding(item.place, item.problem, told, mended=True) for item in found]
    except RagftError as error:
        found.append(Finding("index", error.message, error.remedy))
    return found
