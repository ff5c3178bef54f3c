"""Errors a user can act on.

    RagftError
    +-- SettingsError           a setting or a workspace file that cannot be used
    +-- WorkspaceError          the workspace is missing, locked or of another version
    |   +-- NewerVersionError   written by a newer version of the lab
    +-- NotAllowedError         the person who acts has no right to it
    +-- DocumentError           a file that cannot become a document
    +-- StoreError              an object store that is away, refuses, or cannot be used
    +-- RetrievalError          the index is missing, or was built by another embedder
    +-- ModelError              a model or adapter that cannot be used
    |   +-- ConsentError        a workspace from elsewhere names it, and nobody agreed yet
    +-- TrainingDataError       examples that cannot be trained on
    +-- JobError                a job that is missing, or in the wrong state
    +-- EvaluationError         questions or answers that cannot be scored
    +-- AdvisorError            a criteria or answers file that cannot be used

The message says what is wrong, with the value; the remedy says what to do. Pages and the command
line show these two and nothing else. ``explain`` puts what the machine refuses, and what is a
mistake of the lab itself, into the same form; the traceback of a mistake goes to a file.
"""

from __future__ import annotations

import errno
import logging
import time
import traceback
from contextlib import suppress
from pathlib import Path

MISTAKES = "mistakes.log"
MEMORY_ADVICE = (
    "If memory ran short: close other programs, or use a smaller batch, a smaller rank or a "
    "smaller model; then resume."
)
# torch and libraries written in Rust raise classes of their own; their words are all there is.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "cannot allocate")
_NO_SPACE = ("no space left", "disk quota exceeded", "file too large")
_READ_ONLY = ("read-only file system",)
_NO_RIGHT = ("permission denied", "operation not permitted")
_BROKEN = ("input/output error",)
_KEPT = "What was there before is untouched; do it again then."


class RagftError(Exception):
    """Base of every error meant for the user.

    Args:
        message: What is wrong and why, in the user's words.
        remedy: What to do about it; empty where the message already says so.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """The message, followed by the remedy when there is one."""
        return f"{self.message} {self.remedy}".strip()


class SettingsError(RagftError):
    """A setting, or a file that holds settings, cannot be used."""


class WorkspaceError(RagftError):
    """The workspace is missing, locked or cannot be read."""


class NewerVersionError(WorkspaceError):
    """A file was written by a newer version of the lab: it is not damaged, and is left alone."""


class NotAllowedError(RagftError):
    """The person who acts has no right to do this, or nobody is signed in."""


class DocumentError(RagftError):
    """A file cannot become a document."""


class StoreError(RagftError):
    """An object store is away, refuses, or cannot be used as one."""


class RetrievalError(RagftError):
    """The index is missing, damaged, or was built by another embedder."""


class ModelError(RagftError):
    """A model, an adapter or an endpoint cannot be used."""


class ConsentError(ModelError):
    """A workspace from elsewhere names a model that nobody on this machine has agreed to."""


class TrainingDataError(RagftError):
    """Examples cannot be imported or trained on."""


class JobError(RagftError):
    """A job does not exist, or is in the wrong state for what was asked."""


class EvaluationError(RagftError):
    """Questions or answers cannot be scored."""


class AdvisorError(RagftError):
    """A criteria file or a set of answers cannot be used."""


def explain(
    error: BaseException, home: Path | None = None, log: str = "the server's log"
) -> RagftError:
    """What a person is told about any exception: what is wrong, why, and what to do.

    Args:
        error: Ours, the machine's, or a mistake of the lab itself.
        home: Where the traceback of a mistake is kept, beside the log.
        log: What people call the log that has it.
    """
    if isinstance(error, RagftError):
        return error
    return refusal(error) or _mistake(error, home, log)


def refusal(error: BaseException) -> RagftError | None:
    """What the machine refuses, in words: memory, space, rights; nothing for another exception."""
    said = str(error).lower()
    if isinstance(error, OSError) and error.errno:
        said = f"{errno.errorcode.get(error.errno, '')} {error.strerror} {said}".lower()
    if isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY):
        return RagftError("There was not enough memory.", MEMORY_ADVICE)
    if any(words in said for words in _NO_SPACE):
        return RagftError("The disk is full.", f"Free some space. {_KEPT}")
    if any(words in said for words in _READ_ONLY):
        return RagftError("The disk is read-only.", f"Make it writable, or use another. {_KEPT}")
    if any(words in said for words in _NO_RIGHT):
        what = f"The system does not allow it: {_place(error)}."
        return RagftError(what, f"Give this user the right to write there. {_KEPT}")
    if any(words in said for words in _BROKEN):
        what = f"The disk failed: {_place(error)}."
        return RagftError(what, "Copy the workspace to another disk, and examine this one.")
    if isinstance(error, OSError) and error.errno:
        return RagftError(f"The system refused: {_place(error)}.", "Put it right, then try again.")
    return None


def _place(error: BaseException) -> str:
    """The system's words, and the file's name where it says one; paths may tell too much."""
    if not isinstance(error, OSError):
        return str(error)
    name = Path(str(error.filename)).name if error.filename else ""
    return f"{error.strerror}{f' ({name})' if name else ''}"


def _mistake(error: BaseException, home: Path | None, log: str) -> RagftError:
    told = "".join(traceback.format_exception(error))
    logging.getLogger(__name__).error("%s", told)
    if home:
        with suppress(OSError), (home / MISTAKES).open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n{told}\n")
            log = f"{MISTAKES} in the lab's home folder"
    what = f"A mistake in the lab itself ended this: {type(error).__name__}: {str(error)[:200]}."
    return RagftError(
        what,
        f"Run 'doctor' first: something damaged may be the cause. If not, report it with {log}.",
    )
