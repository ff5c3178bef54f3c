"""A workspace is a folder, and the folder is the truth (law 7).

    workspace.json      name, instruction, model and retrieval settings
    documents/<id>/     original file, its text, document.json
    index/              LanceDB
    versions/<id>/      named versions of the documents, each with an index of its own
    examples.jsonl      questions with answers, for training and testing
    jobs/<id>/          one folder a background job: spec, status, metrics, log, result
    adapters/<id>/      trained adapters: safetensors and the run card
    chats/              conversations and votes, JSON lines
    retrieval.json      the last comparison of ways of searching
    evaluations/<id>/   question set, answers, scores
    advisor/            answers, own criteria, decision records

Nothing in it names a path outside it, so it can be copied, zipped and opened elsewhere.
"""

from __future__ import annotations

import dataclasses
import os
import re
import secrets
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval
from filelock import FileLock

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.approval import signatures
from ragft_core.arms import Arm
from ragft_core.errors import NewerVersionError, WorkspaceError
from ragft_core.files import append_jsonl as append_jsonl
from ragft_core.files import file_digest as file_digest
from ragft_core.files import read_json as read_json
from ragft_core.files import read_jsonl as read_jsonl
from ragft_core.files import read_text as read_text
from ragft_core.files import read_values as read_values
from ragft_core.files import write_json as write_json
from ragft_core.files import write_jsonl as write_jsonl
from ragft_core.files import write_text as write_text
from ragft_core.settings import Settings
from ragft_core.types import Calibration, ModelChoice, SearchMode
from ragft_core.values import from_dict, to_dict

VERSION = 1
FILE = "workspace.json"
_NAME = re.compile(r"[\w][\w .-]{0,63}", re.UNICODE)


@dataclass(frozen=True)
class WorkspaceSettings:
    """What a workspace keeps in ``workspace.json``."""

    name: str
    created_at: str
    version: int = VERSION
    sample: str = ""
    instruction: str = field(
        default="Answer the question in a few words.",
        metadata={"help": "Standing instruction that every arm's prompt begins with."},
    )
    labels: tuple[str, ...] = ()
    constrain_labels: bool = field(
        default=True, metadata={"help": "Models on this machine answer label questions by a label."}
    )
    label_pattern: str = field(
        default="", metadata={"help": "Form of a whole answer; its group `label` is the label."}
    )
    model: ModelChoice = ModelChoice()
    arms: tuple[Arm, ...] = field(
        default=(), metadata={"help": "Arms of the workspace's own, beside the ready-made."}
    )
    search_mode: SearchMode = SearchMode.HYBRID
    meaning: Annotated[float, Interval(ge=0, le=1)] | None = None  # its share; None: by language
    top_k: Annotated[int, Interval(ge=1, le=50)] = field(
        default=3, metadata={"help": "Passages given to the RAG and hybrid arms."}
    )
    reader: bool = field(
        default=True, metadata={"help": "RAG uses the bundled reading adapter where it fits."}
    )
    select: bool = field(
        default=True,
        metadata={
            "help": "Of several answers that are read, the one that fits the question is taken."
        },
    )
    adapter: str = field(default="", metadata={"help": "Adapter of the fine-tuned arm."})
    hybrid_adapter: str = field(default="", metadata={"help": "Adapter of the hybrid arm."})
    caution: Annotated[float, Interval(ge=0, le=1)] = field(
        default=0.4,
        metadata={"help": "The adaptive arm answers where its chance of being right is so high."},
    )
    calibration: Calibration | None = None  # of the adaptive arm; None is as shipped
    max_new_tokens: Annotated[int, Interval(ge=1, le=8192)] = field(
        default=96, metadata={"help": "An answer's limit in tokens."}
    )
    embedder: ModelChoice | None = None  # of the index; None is the bundled one
    judge: ModelChoice | None = field(
        default=None, metadata={"help": "Endpoint that is asked to judge answers; off by default."}
    )
    approved: tuple[str, ...] = field(default=(), metadata={"help": "Signatures of agreed models."})
    long_context_tokens: Annotated[int, Interval(ge=64)] = field(
        default=4096, metadata={"help": "Most tokens of documents in the long-context arm."}
    )


class Workspace:
    """A workspace folder: its paths and its settings. Holds no state besides the path.

    Whoever wants its path passes ``rights``: what the person who acts may not read or change raises
    ``NotAllowedError``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"Workspace({str(self._path)!r})"

    @property
    def path(self) -> Path:
        """The folder, for whoever may read it."""
        rights.require(Right.READ, self._path)
        return self._path

    @property
    def id(self) -> str:
        """The folder's name, which is what session state and URLs hold."""
        return self._path.name

    @property
    def archived(self) -> bool:
        """Whether it was put away: lists leave it out, and nobody changes it."""
        return rights.is_archived(self.path)

    def folder(self, *parts: str) -> Path:
        """A folder inside the workspace, created when missing."""
        folder = self.path.joinpath(*parts)
        if not folder.is_dir():
            rights.require_write(folder)
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def settings(self) -> WorkspaceSettings:
        """Reads ``workspace.json``.

        Raises:
            WorkspaceError: It is missing, damaged, or was written by a newer version.
        """
        file = self.path / FILE
        try:
            data = read_json(file)
            version = data.get("version", 0)
            if isinstance(version, int) and version > VERSION:
                raise NewerVersionError(
                    f"The workspace {self.id!r} was written by a newer version of the lab.",
                    "Update the lab to open it.",
                )
            return from_dict(WorkspaceSettings, data, FILE)
        except FileNotFoundError:
            raise WorkspaceError(
                f"There is no workspace {self.id!r} here.", "Create it, or open the sample."
            ) from None
        except (TypeError, ValueError) as error:
            why = getattr(error, "message", error)
            raise WorkspaceError(
                f"The file {FILE} of workspace {self.id!r} is damaged: {why}",
                "Restore it from a copy of the workspace.",
            ) from None

    def start_over(self) -> None:
        """Writes settings at their defaults, where the file that held them is gone."""
        write_json(self.path / FILE, to_dict(WorkspaceSettings(name=self.id, created_at=now())))

    def update(self, **changes: Any) -> WorkspaceSettings:  # noqa: ANN401 - fields differ in type
        """Changes fields of the settings and writes them back."""
        with self.lock("settings"):
            before = self.settings()
            settings = dataclasses.replace(before, **changes)
            if "approved" not in changes:
                settings = dataclasses.replace(settings, approved=signatures(before, settings))
            if settings.approved != before.approved:
                rights.require(Right.REACH, self._path)
            write_json(self.path / FILE, to_dict(settings))
        rights.note("settings", self._path, ", ".join(sorted(changes)))
        return settings

    def lock(self, name: str, timeout: float = 60) -> FileLock:
        """A lock between processes for one part of the workspace, for whoever may change it."""
        rights.require(Right.CHANGE, self._path)
        return FileLock(self.folder(".locks") / f"{name}.lock", timeout=timeout)


def create_workspace(settings: Settings, name: str, path: Path | None = None) -> Workspace:
    """Makes an empty workspace.

    Args:
        settings: Says where workspaces lie.
        name: Shown to people; the folder's name is derived from it.
        path: The folder to use instead of one in the home.

    Raises:
        WorkspaceError: The name cannot be used, the workspace exists already, or its folder holds
            something else.
        NotAllowedError: The person who acts makes no workspaces.
    """
    rights.require(Right.MAKE)
    name = check_name(name)
    folder = path or settings.workspaces / slug(name)
    if (folder / FILE).exists():  # told to everybody: a name that is taken is no secret
        raise WorkspaceError(f"There is already a workspace {name!r}.", "Choose another name.")
    if folder.is_dir() and any(folder.iterdir()):
        # Deleting the workspace would delete what lies there.
        raise WorkspaceError(
            f"The folder {folder.name!r} is not empty.", "Choose a new or an empty folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    own(folder)
    write_json(folder / FILE, to_dict(WorkspaceSettings(name=name, created_at=now())))
    rights.note("create", folder)
    return Workspace(folder)


def own(folder: Path) -> None:
    """Makes the person who acts the owner of a workspace that comes to be in a folder."""
    owner = rights.by()
    if owner:
        with rights.as_the_lab():
            write_json(folder / rights.MEMBERS_FILE, {"owner": owner, "members": []})


def check_name(name: str) -> str:
    """A name for a workspace, without spaces around it.

    Raises:
        WorkspaceError: It cannot be used.
    """
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise WorkspaceError(
            f"A workspace cannot be called {name[:80]!r}.",
            "Use up to 64 letters, digits, spaces, dots, dashes and underscores.",
        )
    return name


def open_workspace(settings: Settings, reference: str) -> Workspace:
    """Opens a workspace by id (a folder in the home) or by path.

    Raises:
        WorkspaceError: There is none.
        NotAllowedError: The person who acts may not read it.
    """
    path = locate(settings, reference)
    if not (path / FILE).exists():
        raise WorkspaceError(
            f"There is no workspace {reference!r}.",
            f"Create it with 'python -m ragft_core init {reference}'.",
        )
    rights.require(Right.READ, path)
    return Workspace(path)


def locate(settings: Settings, reference: str) -> Path:
    """Where a workspace lies: a reference with a slash is a path, any other a name."""
    as_path = Path(reference).expanduser()
    if "/" in reference or os.sep in reference or (as_path / FILE).exists():
        return as_path.resolve()
    return settings.workspaces / slug(reference)


def list_workspaces(settings: Settings) -> list[Workspace]:
    """All workspaces in the home that the person who acts may read, by name, archived ones left out."""
    return [found for found in _all_workspaces(settings) if not found.archived]


def list_archived(settings: Settings) -> list[Workspace]:
    """The archived ones among them."""
    return [found for found in _all_workspaces(settings) if found.archived]


def _all_workspaces(settings: Settings) -> list[Workspace]:
    folders = (file.parent for file in sorted(settings.workspaces.glob(f"*/{FILE}")))
    return [Workspace(folder) for folder in folders if rights.may(Right.READ, folder)]


def delete_workspace(workspace: Workspace) -> None:
    """Removes a workspace with everything in it.

    Raises:
        NotAllowedError: It is not the acting person's.
    """
    rights.require(Right.OWN, workspace.path)
    shutil.rmtree(workspace.path)
    rights.note("delete", workspace._path)


def slug(name: str) -> str:
    """A folder name made from a display name: lower case, words joined by dashes."""
    words = re.findall(r"\w+", name.lower())
    return "-".join(words)[:64] or "workspace"


def new_id(prefix: str) -> str:
    """An id that sorts by time, to the millisecond: ``prefix-20261122-093000512-1f2e``."""
    moment = datetime.now(UTC)
    stamp = f"{moment:%Y%m%d-%H%M%S}{moment.microsecond // 1000:03d}"
    return f"{prefix}-{stamp}-{secrets.token_hex(2)}"


def now() -> str:
    """The current time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
