"""A fact that changes: who answers with the new one at once, and who keeps saying the old one.

The plainest difference between the strategies: what is retrieved follows the documents, what is
trained does not. A change is made for real, to a text document of the workspace: all ready arms are
asked before and after it, and it can be undone.

    changes/<n>/change.json   what was changed, and the answers before and after
    changes/<n>/original      the document as it was
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ragft_core.documents import format_of
from ragft_core.documents.encoding import decode
from ragft_core.errors import DocumentError
from ragft_core.knowledge import KnowledgeBase, original_of
from ragft_core.overlap import normalise
from ragft_core.strategies.lab import Lab
from ragft_core.types import Answer
from ragft_core.values import from_dict, readable, to_dict
from ragft_core.workspace import Workspace, now, read_json, write_json

FOLDER, CHANGE, ORIGINAL = "changes", "change.json", "original"


@dataclass(frozen=True)
class Told:
    """What an arm answered before and after a change; ``error`` where it could not answer."""

    arm: str
    before: str
    after: str
    error: str = ""


@dataclass(frozen=True)
class Change:
    """A change of one document.

    ``new`` is None where the whole document was deleted, ``old`` is then empty. ``folder`` is the
    document's.
    """

    id: str
    document: str
    question: str
    old: str
    new: str | None
    at: str
    answers: tuple[Told, ...] = ()
    undone: bool = False
    folder: str = ""

    def says_now(self, told: Told) -> str:
        """What an arm's answer holds after the change: the new fact, the old one, or neither.

        A fact is known by the words in which old and new text differ. Where a document was
        deleted, it is told whether the answer is another one.
        """
        if told.error:
            return "no answer"
        if self.new is None:
            return "the same as before" if told.after == told.before else "something else"
        said = set(normalise(told.after).split())
        old, new = (set(normalise(text).split()) for text in (self.old, self.new))
        if new - old and new - old <= said:
            return "the new fact"
        return "the old fact" if old - new and old - new <= said else "neither"


def change_and_ask(
    lab: Lab, document_id: str, question: str, old: str = "", new: str | None = None
) -> Change:
    """Changes a document, and asks every arm that can run before and after it.

    Args:
        lab: The workspace with its models.
        document_id: Which document.
        question: What the arms are asked.
        old: Text that stands in the document; with ``new`` None the whole document is deleted.
        new: What shall stand there instead, at every place.

    Raises:
        DocumentError: There is no such document, it is no text, or ``old`` does not stand in it.
        WorkspaceError: Another process keeps the documents locked.
    """
    base, workspace = lab.knowledge, lab.workspace
    document = base.document(document_id)
    original = original_of(workspace, document_id)
    text = None if new is None else _changed(original, document.file_name, old, new)
    before = _ask(lab, question)
    names = (path.name for path in workspace.path.glob(f"{FOLDER}/*"))
    taken = [int(name) for name in names if name.isdecimal()]
    # Behind the last, not by their number: a folder may have gone, and no copy is written over.
    folder = workspace.folder(FOLDER, f"{max(taken, default=0) + 1:04}")
    shutil.copyfile(original, folder / ORIGINAL)
    change = Change(
        folder.name, document.file_name, question, old, new, now(), folder=document.folder
    )
    write_json(folder / CHANGE, to_dict(change))
    if text is None:
        base.remove(document_id)
    else:
        with _file(text.encode()) as path:
            _take_in(base, document.file_name, path)
    after = {answer.arm: answer for answer in _ask(lab, question)}
    change = replace(change, answers=tuple(_told(one, after.get(one.arm)) for one in before))
    write_json(folder / CHANGE, to_dict(change))
    return change


def undo(base: KnowledgeBase, change: Change) -> Change:
    """Puts the document back as it was.

    Raises:
        DocumentError: It was put back before, its copy is gone, or it was changed again since.
    """
    folder = base.workspace.path / FOLDER / change.id
    later = [one for one in list_changes(base.workspace) if one.id > change.id and not one.undone]
    if any(one.document == change.document for one in later):
        raise DocumentError(
            f"{change.document} was changed again after this.", "Undo the later change first."
        )
    if change.undone or not (folder / ORIGINAL).is_file():
        raise DocumentError(
            f"The change of {change.document} cannot be undone: it was before, or the copy is gone.",
            "Add the file again.",
        )
    gone = change.new is None  # else the document that is there says which folder
    name = f"{change.folder}/{change.document}" if gone and change.folder else change.document
    _take_in(base, name, folder / ORIGINAL)
    undone = replace(change, undone=True)
    write_json(folder / CHANGE, to_dict(undone))
    return undone


def list_changes(workspace: Workspace) -> list[Change]:
    """The changes made here, the newest first; those of damaged files are left out."""
    files = sorted(workspace.path.glob(f"{FOLDER}/*/{CHANGE}"), reverse=True)
    return readable(files, lambda file: from_dict(Change, read_json(file)))


def _changed(original: Path, name: str, old: str, new: str) -> str:
    """The text of a file with one part in another wording."""
    kind = format_of(original.suffix.removeprefix("."))
    if not kind.is_text:
        raise DocumentError(
            f"{name} is {kind.words}, whose text cannot be changed here.",
            "Choose a text document, or change the file and add it again.",
        )
    text, _ = decode(original.read_bytes(), name)
    if not old.strip() or old not in text:
        raise DocumentError(
            f"{old[:60]!r} does not stand in {name}.", "Copy the words out of the document's text."
        )
    if new == old:
        raise DocumentError("The new text is the old one.", "Write what shall stand there instead.")
    return text.replace(old, new)


def _told(before: Answer, after: Answer | None) -> Told:
    if after is None:
        return Told(before.arm, before.text, "", before.error or "There is nothing left to read.")
    return Told(before.arm, before.text, after.text, before.error or after.error)


def _ask(lab: Lab, question: str) -> list[Answer]:
    ready = [state.arm.id for state in lab.arms() if state.ready and not state.arm.adaptive]
    return [pending.answer() for pending in lab.ask(question, ready)]


def _take_in(base: KnowledgeBase, name: str, path: Path) -> None:
    """Makes a file the document of that name.

    Raises:
        DocumentError: It was refused.
    """
    (report,) = base.add_files([(name, path)])
    if report.document is None:
        raise DocumentError(f"{name} was refused: {report.error}", report.remedy)


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "changed"
        path.write_bytes(data)
        yield path
