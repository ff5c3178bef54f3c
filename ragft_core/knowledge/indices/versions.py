"""Named versions of a knowledge base: what the documents and their index were, kept to come back to.

    versions/<id>/documents/    the documents, as ``store`` keeps them
    versions/<id>/index/        their chunks in a table of its own
    versions/<id>/version.json  what it is; written last

LanceDB's own tags were tried and left: a tag goes with its table, at every rebuild, change of the
embedding model or move to another place, it holds no documents, and it forbids to clean up what was
deleted. So a version is a shelf of documents with an index, which nothing that happens to the
workspace's own touches, and which is searched like those.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ragft_core.access import Right, rights
from ragft_core.approval import require_approval
from ragft_core.errors import DocumentError, RetrievalError, StoreError, WorkspaceError
from ragft_core.knowledge import store
from ragft_core.knowledge.base import KnowledgeBase
from ragft_core.knowledge.embed import TextEmbedder
from ragft_core.knowledge.embedders import in_workspace, open_embedder
from ragft_core.knowledge.indices.moving import copy_rows
from ragft_core.knowledge.ingest import Progress
from ragft_core.knowledge.writer import copy_document
from ragft_core.settings import Settings
from ragft_core.storage import artefacts
from ragft_core.types import Document, ModelChoice
from ragft_core.values import from_dict, readable, to_dict
from ragft_core.workspace import Workspace, new_id, now, read_json, write_json

FOLDER, FILE = "versions", "version.json"
_NAME = re.compile(r"\w[\w .,:()-]{0,63}")
_ID = re.compile(r"version-[0-9a-f-]+")


@dataclass(frozen=True)
class Version:
    """A named state of the documents and their index.

    ``index_version`` is what ``KnowledgeBase.version`` was, ``embedder`` the model that was chosen
    then (None: the bundled one) and ``identity`` what it was.
    """

    id: str
    name: str
    at: str
    n_documents: int
    n_chunks: int
    index_version: int
    identity: str
    embedder: ModelChoice | None = None
    by: str = ""


@dataclass(frozen=True)
class Restored:
    """What going back to a version did: file names that came and went.

    ``before`` is the version in which the state before is kept; None where a version held it already.
    """

    version: Version
    came: tuple[str, ...]
    went: tuple[str, ...]
    before: Version | None


def list_versions(workspace: Workspace) -> list[Version]:
    """The named versions, the newest first; needs no model. Damaged ones are left out."""
    files = sorted(workspace.path.glob(f"{FOLDER}/*/{FILE}"), reverse=True)
    return readable(files, lambda file: from_dict(Version, read_json(file), FILE))


def find_version(workspace: Workspace, name: str) -> Version:
    """The version with this name or id.

    Raises:
        RetrievalError: There is none.
    """
    for version in list_versions(workspace):
        if name in (version.name, version.id):
            return version
    if artefacts.bring(workspace, FOLDER):  # one that is lacking here, from the store of copies
        return find_version(workspace, name)
    raise RetrievalError(
        f"There is no version {name[:80]!r} in this workspace.",
        "'python -m ragft_core versions W' lists them; it may have been deleted.",
    )


def shelf_of(workspace: Workspace, version: Version) -> Workspace:
    """A version's folder, whose documents ``documents`` and its neighbours read.

    Raises:
        RetrievalError: The id is not of the form that ids have.
    """
    if not _ID.fullmatch(version.id):
        raise RetrievalError(f"{version.id[:80]!r} is not the id of a version.", "See the list.")
    return Workspace(workspace.path / FOLDER / version.id)


def version_models(workspace: Workspace) -> list[ModelChoice]:
    """The embedding models that versions were made with, besides the bundled one."""
    made = (version.embedder for version in list_versions(workspace))
    return list(dict.fromkeys(choice for choice in made if choice is not None))


def name_version(
    base: KnowledgeBase, name: str, on_progress: Callable[[float, str], None] = lambda *_: None
) -> Version:
    """Keeps the present documents and their index under a name.

    Nothing is embedded: the rows are copied, so that it takes about as long as moving an index.
    Originals lie on the disk once where the file system can share them; texts and rows are doubled.

    Args:
        base: Whose state; nobody adds or removes documents meanwhile.
        name: What people call it; no two versions have one name.
        on_progress: Called with the share that is done and what is being done.

    Raises:
        RetrievalError: The name cannot be used, there are no documents, or the index belongs to
            another embedder.
        WorkspaceError: A document is damaged, or another process is writing.
        StoreError: Copies go into a store, and it is away.
    """
    workspace = base.workspace
    rights.require(Right.CHANGE, workspace.path)
    base.repair()
    with base.writer.lock():
        name = _checked(workspace, name)
        _clear_begun(workspace)
        shelf = Workspace(workspace.folder(FOLDER, new_id("version")))
        try:
            version = _kept(base, shelf, name, on_progress)
        except BaseException:
            shutil.rmtree(shelf.path, ignore_errors=True)
            with suppress(StoreError):
                artefacts.forget(workspace, f"{FOLDER}/{shelf.id}")
            raise
    rights.note("version named", workspace.path, name)
    return version


def _kept(
    base: KnowledgeBase, shelf: Workspace, name: str, on_progress: Callable[[float, str], None]
) -> Version:
    documents, embedder = _whole(base.workspace), base.embedder
    for document in documents:
        copy_document(base.workspace, document.id, shelf)
    store.sync(shelf, [document.id for document in documents])
    store.finish(shelf, documents)
    copy = _shelf_base(shelf, embedder)
    copy_rows(base.writer.index, copy.writer.index, embedder, on_progress)
    copy.repair()
    version = Version(
        shelf.id, name, now(), len(documents), sum(d.n_chunks for d in documents), copy.version,
        embedder.identity, base.workspace.settings().embedder, rights.by(),
    )  # fmt: skip
    write_json(shelf.path / FILE, to_dict(version))
    artefacts.keep(base.workspace, f"{FOLDER}/{shelf.id}")
    return version


def open_version(
    workspace: Workspace,
    version: Version,
    settings: Settings,
    opened: Callable[[ModelChoice | None], TextEmbedder] | None = None,
) -> KnowledgeBase:
    """A version to search, by the embedding model that it was made with, whatever is chosen now.

    Args:
        workspace: Whose.
        version: Which.
        settings: Where models lie.
        opened: Gives an embedding model that may be open already, so that none is twice in memory.

    Raises:
        RetrievalError: The model is not any more what it was.
        ConsentError: Nobody has allowed that model on this machine.
        ModelError: The model cannot be had.
    """
    if version.embedder is not None:
        require_approval(workspace, version.embedder)
    choice = in_workspace(workspace, version.embedder)
    embedder = opened(choice) if opened else open_embedder(choice, settings)
    if embedder.identity != version.identity:
        raise RetrievalError(
            f"The version {version.name!r} was indexed by {version.identity}, and that model is "
            f"{embedder.identity} now: their vectors cannot be compared.",
            "Restore the version, which embeds its documents anew, and name it again.",
        )
    return _shelf_base(shelf_of(workspace, version), embedder)


def restore_version(
    base: KnowledgeBase, version: Version, on_progress: Progress = lambda *_: None
) -> Restored:
    """Makes documents and index what they were: deleted documents come back, later ones go.

    The present state is named first, unless a version holds it, so that this can be taken back. The
    embedding model stays the present one: where it is the version's, vectors are taken from there,
    else what comes back is split and embedded anew. Interrupted, it goes on when called again.

    Args:
        base: The workspace's knowledge base.
        version: Which state.
        on_progress: Called with a file's name, its stage and the share that is done.

    Raises:
        RetrievalError: The index belongs to another embedder than the workspace's.
        WorkspaceError: A document, here or there, is damaged, or another process is writing.
    """
    workspace = base.workspace
    rights.require(Right.CHANGE, workspace.path)
    shelf = shelf_of(workspace, version)
    artefacts.bring(workspace, f"{FOLDER}/{shelf.id}")
    _whole(shelf, f" of the version {version.name!r}")
    base.repair()
    before = None
    if store.has_documents(workspace) and not _held(base):
        before = name_version(base, _unused(workspace, f"Before {version.name}"))
    vectors = None
    if base.embedder.identity == version.identity:
        kept = _shelf_base(shelf, base.embedder)
        kept.repair()
        vectors = kept.writer.index
    came, went = base.writer.become(shelf, vectors, on_progress)
    rights.note("version restored", workspace.path, version.name)
    return Restored(
        version, tuple(d.file_name for d in came), tuple(d.file_name for d in went), before
    )


def delete_version(workspace: Workspace, version: Version) -> None:
    """Removes a version with its copies; the workspace's documents stay as they are."""
    rights.require(Right.CHANGE, workspace.path)
    folder = shelf_of(workspace, version).path
    artefacts.forget(workspace, f"{FOLDER}/{folder.name}")
    (folder / FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    rights.note("version deleted", workspace.path, version.name)


def versions_holding(workspace: Workspace, document: Document) -> list[Version]:
    """The named versions that hold a document, or another state of a file of its name."""
    marks = {document.sha256, document.file_name}
    return [
        version
        for version in list_versions(workspace)
        if marks & _marks(str(shelf_of(workspace, version).path))
    ]


@lru_cache(maxsize=64)
def _marks(shelf: str) -> frozenset[str]:
    """Digests and names of a version's files, read once: nothing is written into a version."""
    found = store.documents(Workspace(Path(shelf)))
    return frozenset(mark for document in found for mark in (document.sha256, document.file_name))


def held_in_words(versions: Sequence[Version]) -> str:
    """Says that versions still hold what was deleted; empty where none does."""
    if not versions:
        return ""
    names = ", ".join(repr(version.name) for version in versions)
    which = "The named version" if len(versions) == 1 else "The named versions"
    still = "still holds" if len(versions) == 1 else "still hold"
    return f"{which} {names} {still} it: delete that, too, where nothing of it may stay."


def purge_index(base: KnowledgeBase) -> None:
    """Writes the index anew, so that its files hold nothing of what was deleted.

    Named versions are left as they are; ``versions_holding`` says which hold a document.

    Raises:
        StoreError: An engine tends the index, and keeps what it likes.
        WorkspaceError: Another process is writing.
    """
    rights.require(Right.CHANGE, base.workspace.path)
    base.repair()
    with base.writer.lock():
        _clear_begun(base.workspace)
    base.writer.purge()
    rights.note("index purged", base.workspace.path)


def _clear_begun(workspace: Workspace) -> None:
    """Removes what a crash left of versions; needs the lock, under which they are made."""
    for folder in (workspace.path / FOLDER).glob("version-*"):
        if not (folder / FILE).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _held(base: KnowledgeBase) -> bool:
    """Whether a version holds the present state."""
    return base.version in {v.index_version for v in list_versions(base.workspace)}


def _whole(shelf: Workspace, where: str = "") -> list[Document]:
    """All documents of a shelf.

    Raises:
        RetrievalError: There are none.
        WorkspaceError: One is damaged.
    """
    ids = store.content_ids(shelf)
    if not ids:
        raise RetrievalError(f"There are no documents{where}.", "Add some first.")
    for document_id in ids:
        try:
            store.check_document(shelf, document_id)
        except DocumentError as error:
            raise WorkspaceError(error.message, error.remedy) from None
    return store.documents(shelf)


def _checked(workspace: Workspace, name: str) -> str:
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise RetrievalError(
            f"A version cannot be called {name[:80]!r}.",
            "Use up to 64 letters, digits, spaces, dots, commas, colons, brackets and dashes.",
        )
    if any(name in (version.name, version.id) for version in list_versions(workspace)):
        raise RetrievalError(
            f"There is a version {name!r} already.", "Choose another name, or delete that one."
        )
    return name


def _unused(workspace: Workspace, name: str) -> str:
    taken = {version.name for version in list_versions(workspace)}
    names = (f"{name[:58]} {number}".removesuffix(" 1") for number in range(1, len(taken) + 2))
    return next(item for item in names if item not in taken)


def _shelf_base(shelf: Workspace, embedder: TextEmbedder) -> KnowledgeBase:
    return KnowledgeBase(shelf, embedder, shelf.path / "index")
