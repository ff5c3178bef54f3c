"""The documents of a workspace as folders, readable without the index or any model.

    documents/<id>/original.<format>    the file as it came
    documents/<id>/text.txt             its text
    documents/<id>/pages.json           the offsets at which its pages begin
    documents/<id>/chunks.jsonl         the text's chunks
    documents/<id>/document.json        what it is; written last

A folder without ``document.json`` is no document: it was begun, or is being removed. The id is
made from the content, so the same file cannot be there twice; names of users are never paths.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from ragft_core.documents import CHUNKER, ParsedDocument, clean_name, format_of, readings
from ragft_core.errors import DocumentError, WorkspaceError
from ragft_core.files import REMEDY, DamagedFileError, sync_file, sync_folder
from ragft_core.schema import stamp
from ragft_core.storage import artefacts
from ragft_core.types import Chunk, Document
from ragft_core.values import from_dict, readable, to_dict
from ragft_core.workspace import (
    Workspace,
    file_digest,
    read_json,
    read_text,
    read_values,
    write_text,
)

_FILE = "document.json"
_SCRATCH = ".document.json.new"
_ID = re.compile(r"[0-9a-f]{20}")


def documents(workspace: Workspace) -> list[Document]:
    """All documents of a workspace, the oldest first; needs no model and no index.

    Damaged ones are left out; ``check_document`` says what is wrong with them.
    """
    files = workspace.path.glob(f"documents/*/{_FILE}")
    found = readable(files, lambda file: _read(file)[0])
    return sorted(found, key=lambda document: (document.added_at, document.file_name))


def document_id(sha256: str, encoding: str = "") -> str:
    """The id of a document with this content, read in this encoding where one was chosen."""
    return (
        hashlib.sha256(f"{sha256} {encoding}".encode()).hexdigest()[:20]
        if encoding
        else sha256[:20]
    )


def find(workspace: Workspace, document_id: str) -> Document | None:
    """The document with this id, or None."""
    file = folder_of(workspace, document_id) / _FILE
    try:
        return _read(file)[0]
    except (FileNotFoundError, NotADirectoryError):
        return None


def get(workspace: Workspace, document_id: str) -> Document:
    """The document with this id.

    Raises:
        DocumentError: There is none.
    """
    found = find(workspace, document_id)
    if found is None:
        raise DocumentError(
            f"There is no document {document_id!r} in this workspace.",
            "The list of documents shows the ids.",
        )
    return found


def check_document(workspace: Workspace, document_id: str, *, digest: bool = False) -> None:
    """Checks a document's files.

    Args:
        workspace: Where it lies.
        document_id: Which one.
        digest: Whether its original is compared with the digest of when it was added.

    Raises:
        WorkspaceError: A file is missing, damaged or has changed.
        DocumentError: There is no such document.
    """
    document = get(workspace, document_id)
    folder = folder_of(workspace, document_id)
    original = original_of(workspace, document_id)
    parts = ("text.txt", "chunks.jsonl", "pages.json")
    for file in (original, *(folder / part for part in parts)):
        if not file.is_file():
            raise WorkspaceError(
                f"The document {document.title!r} has no {file.name}.", "Add the document again."
            )
    parsed_of(workspace, document_id)
    if len(chunks_of(workspace, document_id)) != document.n_chunks:
        raise WorkspaceError(
            f"The document {document.title!r} has lost some of its chunks.",
            "Add the document again.",
        )
    if digest and file_digest(original) != document.sha256:
        raise WorkspaceError(
            f"The file of the document {document.title!r} has changed since it was added.",
            "Restore it from a copy of the workspace, or add the document again.",
        )


def folder_of(workspace: Workspace, document_id: str) -> Path:
    """The folder of a document, which need not exist.

    Raises:
        DocumentError: The id is not of the form that ids have; it may come from a URL.
    """
    if not _ID.fullmatch(document_id):
        raise DocumentError(
            f"{document_id[:80]!r} is not the id of a document.",
            "The list of documents shows the ids.",
        )
    return workspace.path / "documents" / document_id


def text_of(workspace: Workspace, document_id: str) -> str:
    """The text of a document, to which chunks' offsets refer."""
    get(workspace, document_id)
    return read_text(folder_of(workspace, document_id) / "text.txt")


def texts_of(workspace: Workspace, most_characters: int = 2_000_000) -> list[str]:
    """The texts of all documents, until there are ``most_characters``."""
    texts: list[str] = []
    for document in documents(workspace):
        texts.append(text_of(workspace, document.id)[:most_characters])
        most_characters -= len(texts[-1])
    return [text for text in texts if text]


def chunks_of(workspace: Workspace, document_id: str) -> list[Chunk]:
    """The chunks of a document, in the order of its text."""
    get(workspace, document_id)
    return read_values(folder_of(workspace, document_id) / "chunks.jsonl", Chunk)


def parsed_of(workspace: Workspace, document_id: str) -> ParsedDocument:
    """A document as it came from the parser."""
    document = get(workspace, document_id)
    pages = folder_of(workspace, document_id) / "pages.json"
    try:
        starts = tuple(int(start) for start in json.loads(read_text(pages)))
    except (ValueError, TypeError, RecursionError):
        raise DamagedFileError(
            f"pages.json of the document {document.title!r} is damaged.", REMEDY
        ) from None
    text = text_of(workspace, document_id)
    return ParsedDocument(document.title, text, document.format, starts, document.warnings)


def original_of(workspace: Workspace, document_id: str) -> Path:
    """The file as it came; brought back from the store where it is not here."""
    document = get(workspace, document_id)
    original = folder_of(workspace, document_id) / f"original.{document.format}"
    if not original.exists():
        artefacts.bring(workspace, f"documents/{document_id}")
    return original


def readings_of(workspace: Workspace, document_id: str) -> dict[str, str]:
    """A line of a document in each encoding that it may be in; empty where the file says its own."""
    document = get(workspace, document_id)
    if not format_of(document.format).is_text:
        return {}
    return readings(original_of(workspace, document_id).read_bytes())


def begin(
    workspace: Workspace,
    document_id: str,
    source: Path,
    parsed: ParsedDocument,
    chunks: Sequence[Chunk],
) -> None:
    """Writes everything of a document but ``document.json``; ``sync`` puts it on the disk."""
    folder = folder_of(workspace, document_id)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / f"original.{parsed.format}")
    put(folder / "text.txt", parsed.text)
    put(folder / "pages.json", json.dumps(list(parsed.page_starts)) + "\n")
    put(folder / "chunks.jsonl", _as_lines(chunks))


def sync(workspace: Workspace, document_ids: Sequence[str]) -> None:
    """Puts begun documents on the disk for good.

    All are written before the first is flushed: the file system then writes its journal once or
    twice for all of them, and not several times for each.
    """
    for document_id in document_ids:
        sync_folder(folder_of(workspace, document_id))


def write_chunks(workspace: Workspace, document_id: str, chunks: Sequence[Chunk]) -> None:
    """Writes a document's chunks in one piece."""
    write_text(folder_of(workspace, document_id) / "chunks.jsonl", _as_lines(chunks))


def _as_lines(chunks: Sequence[Chunk]) -> str:
    return "".join(json.dumps(to_dict(chunk), ensure_ascii=False) + "\n" for chunk in chunks)


def finish(
    workspace: Workspace,
    documents: Sequence[Document],
    replaces: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Makes begun documents ones that count, or notes what has changed about them.

    Args:
        workspace: Where they lie.
        documents: What they are.
        replaces: For an id the ids of documents whose place it takes; remembered until those are
            gone.
    """
    folders = [folder_of(workspace, document.id) for document in documents]
    for folder, document in zip(folders, documents, strict=True):
        data = {**to_dict(document), "replaces": list(replaces.get(document.id, ()))}
        text = json.dumps(stamp(_FILE, data), indent=2, ensure_ascii=False)
        put(folder / _SCRATCH, text + "\n")
    # A name that is given before its content is on the disk may come out of a power cut empty.
    for folder in folders:
        sync_file(folder / _SCRATCH)
    for folder in folders:
        (folder / _SCRATCH).replace(folder / _FILE)
    for folder in folders:
        sync_file(folder)


def put(path: Path, text: str) -> None:
    """Writes a file that nobody reads yet."""
    path.write_text(text, encoding="utf-8", newline="")


def forget(workspace: Workspace, document_id: str) -> None:
    """Makes a document one that does not count; its folder stays until ``clear``."""
    folder = folder_of(workspace, document_id)
    (folder / _FILE).unlink(missing_ok=True)
    if folder.exists():
        sync_folder(folder)


def clear(workspace: Workspace, document_id: str) -> None:
    """Removes what is left of a document that does not count."""
    artefacts.forget(workspace, f"documents/{document_id}")
    shutil.rmtree(folder_of(workspace, document_id), ignore_errors=True)


def leftovers(workspace: Workspace) -> list[str]:
    """Ids of folders that were begun and not finished, or forgotten and not cleared."""
    folders = [path for path in workspace.path.glob("documents/*") if _ID.fullmatch(path.name)]
    return [folder.name for folder in folders if not (folder / _FILE).exists()]


def replacements(workspace: Workspace) -> list[tuple[Document, list[str]]]:
    """Documents that took the place of others which are perhaps not removed yet."""
    found = readable(workspace.path.glob(f"documents/*/{_FILE}"), _read)
    return [(document, replaces) for document, replaces in found if replaces]


def _read(file: Path) -> tuple[Document, list[str]]:
    try:
        data = read_json(file)
        where = f"documents/{file.parent.name}/{_FILE}"
        return from_dict(Document, data, where), [str(item) for item in data.get("replaces", [])]
    except (ValueError, TypeError) as error:
        why = getattr(error, "message", error)
        raise WorkspaceError(
            f"The file documents/{file.parent.name}/{_FILE} is damaged: {why}",
            "Set it aside on Home or with 'doctor W --mend', and add the document again.",
        ) from None


def has_documents(workspace: Workspace) -> bool:
    """Whether there is any document; looks at one, however many there are."""
    try:
        with os.scandir(workspace.path / "documents") as folders:
            return any(Path(folder, _FILE).exists() for folder in folders)
    except FileNotFoundError:
        return False


def called(folder: Path) -> str:
    """What the file of a document was called, also where ``document.json`` is damaged.

    The name is looked for in what is left of it; else the document's id is the name.
    """
    left = folder / _FILE
    text = left.read_bytes().decode("utf-8", errors="replace") if left.is_file() else ""
    original = next(folder.glob("original.*"), None)
    found = re.search(r'"file_name":\s*("(?:[^"\\]|\\.)+")', text)
    with suppress(ValueError):
        name = clean_name(str(json.loads(found[1]))) if found else ""
        if original and name.endswith(original.suffix):
            return name
    return f"{folder.name}{original.suffix if original else ''}"


def is_damaged(workspace: Workspace, document_id: str) -> bool:
    """Whether there is such a document, and what it is cannot be read."""
    try:
        find(workspace, document_id)
    except WorkspaceError:
        return True
    return False


def content_ids(workspace: Workspace) -> list[str]:
    """The ids of all documents, sorted; cheaper than reading them."""
    return sorted(file.parent.name for file in workspace.path.glob(f"documents/*/{_FILE}"))


def content_version(workspace: Workspace, identity: str) -> int:
    """A number below 2**32 made from the documents' ids and the embedder's identity."""
    digest = hashlib.sha256("\n".join([identity, CHUNKER, *content_ids(workspace)]).encode())
    return int.from_bytes(digest.digest()[:4], "big")
