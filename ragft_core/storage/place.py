"""Where the search index of a workspace lies: in its folder, in an object store, or in an engine.

``RAGFT_INDEX_URI`` puts it at ``<URI>/<workspace's id>/``; without it, it lies in ``index/``. What
differs between the three is here, and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from ragft_core.errors import RagftError, StoreError
from ragft_core.files import sync_folder, write_text
from ragft_core.settings import Settings
from ragft_core.storage.bucket import CONNECT_S, Bucket, endpoint, told
from ragft_core.storage.patience import patiently
from ragft_core.workspace import Workspace

if TYPE_CHECKING:
    from lancedb import DBConnection

T = TypeVar("T")
_FRESH = timedelta(seconds=1)
_OWNER = "workspace.json"
# Reading a table's head or searching it takes requests one after the other; a store in which that
# takes longer is told to be too slow.
READ_LIMIT_S = 9.0
_probed: set[str] = set()


class Place(Protocol):
    """Where tables lie. ``prefix`` begins their names; ``managed`` says that an engine tends them."""

    where: str
    prefix: str
    managed: bool

    def connect(self) -> DBConnection:
        """The database of the tables."""

    def tables(self) -> list[str]:
        """The names of the tables there, those of others left out."""

    def sync(self, table: str) -> None:
        """Puts what was written on the disk for good, where that is not the store's business."""

    def note(self, name: str) -> str:
        """What was noted under a name; empty where nothing was."""

    def set_note(self, name: str, text: str) -> None:
        """Notes something beside the tables."""

    def copy(self, folder: Path) -> None:
        """Copies the tables into a local folder."""

    def clear(self) -> None:
        """Removes the tables and the notes."""

    def patiently(self, call: Callable[[], T], *, reading: bool = False) -> T:
        """Does something with the tables without waiting for ever.

        Raises:
            StoreError: The store is away, silent or refuses.
        """


class Folder:
    """A folder on this machine."""

    managed = False
    prefix = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = path.name

    def connect(self) -> DBConnection:
        """The database of the tables."""
        import lancedb

        return lancedb.connect(self.path, read_consistency_interval=_FRESH)

    def tables(self) -> list[str]:
        """The names of the tables; looks at the folder only."""
        return sorted(found.stem for found in self.path.glob("*.lance"))

    def sync(self, table: str) -> None:
        """LanceDB renames files into place but never syncs them."""
        sync_folder(self.path / f"{table}.lance")

    def note(self, name: str) -> str:
        """What was noted under a name."""
        file = self.path / name
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def set_note(self, name: str, text: str) -> None:
        """Notes something beside the tables."""
        write_text(self.path / name, text)

    def copy(self, folder: Path) -> None:
        """Copies the tables into another folder."""
        shutil.copytree(self.path, folder)

    def clear(self) -> None:
        """Removes the folder.

        Raises:
            OSError: A part of it cannot be removed.
        """
        if self.path.exists():
            shutil.rmtree(self.path)

    def patiently(self, call: Callable[[], T], *, reading: bool = False) -> T:
        """Does it: a disk answers."""
        return call()


class ObjectStore:
    """A prefix of a bucket, read and written by the same library as a folder.

    Args:
        uri: ``s3://bucket/...``, ``gs://...`` or ``az://...``, with the workspace's id.
        owner: What tells the workspace from another one of the same id; empty for none.
    """

    managed = False
    prefix = ""

    def __init__(self, uri: str, owner: str = "") -> None:
        self.where = uri
        self._bucket = Bucket(uri)
        self._owner = owner

    def connect(self) -> DBConnection:
        """The database of the tables; the first time in a process, the store is tried."""
        import lancedb

        self._settle_in()
        return lancedb.connect(
            self.where, storage_options=storage_options(), read_consistency_interval=_FRESH
        )

    def _settle_in(self) -> None:
        """Tries the store, and marks the place as this workspace's.

        Raises:
            StoreError: It cannot be used, or holds another workspace's index.
        """
        if self.where in _probed:
            return
        self._bucket.probe()
        mine = json.dumps({"workspace": self._owner}).encode()
        if self._owner and not self._bucket.put(_OWNER, mine, new=True):
            found = self._bucket.get(_OWNER)
            if found is not None and found != mine:
                raise StoreError(
                    f"{self.where} holds the index of another workspace of this name.",
                    "Give every lab a URI of its own in RAGFT_INDEX_URI.",
                )
        _probed.add(self.where)

    def tables(self) -> list[str]:
        """The names of the tables."""
        return sorted(self.connect().list_tables().tables)

    def sync(self, table: str) -> None:
        """Nothing: what a store has answered for is kept."""

    def note(self, name: str) -> str:
        """What was noted under a name."""
        return (self._bucket.get(name) or b"").decode()

    def set_note(self, name: str, text: str) -> None:
        """Notes something beside the tables."""
        self._bucket.put(name, text.encode())

    def copy(self, folder: Path) -> None:
        """Fetches the tables; nothing in a table's files names a place."""
        folder.mkdir(parents=True)
        for key in self._bucket.list():
            if ".lance/" in key:
                self._bucket.get_file(key, folder.joinpath(*key.split("/")))

    def clear(self) -> None:
        """Removes everything under the prefix."""
        self._bucket.delete("")
        _probed.discard(self.where)

    def patiently(self, call: Callable[[], T], *, reading: bool = False) -> T:
        """Does it, as long as the store answers; loading the libraries is not its time."""
        import lancedb  # noqa: F401 - takes seconds on a busy machine, the first time

        self._bucket.load()
        limit = READ_LIMIT_S if reading else None
        return _told(self.where, lambda: patiently(call, self._bucket.is_there, limit))


class Enterprise:
    """A database of LanceDB Enterprise: only the calls that it has, see docs/scale.md.

    Tables of all workspaces lie side by side, so a name begins with its workspace. The engine
    builds and tends its indices by itself.
    """

    managed = True

    def __init__(self, uri: str, workspace_id: str, owner: str) -> None:
        self.where = uri
        self.prefix = f"w{hashlib.sha256(f'{workspace_id} {owner}'.encode()).hexdigest()[:12]}-"

    def connect(self) -> DBConnection:
        """The database; its key and address come from the environment."""
        import lancedb

        key = os.environ.get("LANCEDB_API_KEY", "")
        if not key:
            raise StoreError(
                f"{self.where} needs a key, and there is none.", "Set LANCEDB_API_KEY."
            )
        return lancedb.connect(
            self.where,
            api_key=key,
            region=os.environ.get("LANCEDB_REGION", "us-east-1"),
            host_override=os.environ.get("LANCEDB_HOST") or None,
        )

    def tables(self) -> list[str]:
        """The names of this workspace's tables."""
        names = self.connect().list_tables().tables
        return sorted(name for name in names if name.startswith(self.prefix))

    def sync(self, table: str) -> None:
        """Nothing: the engine keeps what it has answered for."""

    def note(self, name: str) -> str:
        """Nothing is noted there."""
        return ""

    def set_note(self, name: str, text: str) -> None:
        """Nothing is noted there."""

    def copy(self, folder: Path) -> None:
        """Refused: an engine hands out no files.

        Raises:
            StoreError: Always.
        """
        raise StoreError(
            f"The index in {self.where} cannot be copied as files.",
            "Start the lab without RAGFT_INDEX_URI for this: it makes the index in the folder.",
        )

    def clear(self) -> None:
        """Drops the workspace's tables."""
        database = self.connect()
        for name in self.tables():
            database.drop_table(name)

    def patiently(self, call: Callable[[], T], *, reading: bool = False) -> T:
        """Does it within the time for reading; writing is bounded by the client's own limits."""
        limit = READ_LIMIT_S if reading else None
        return _told(self.where, lambda: patiently(call, lambda: None, limit))


def place_at(uri: str, workspace: Workspace) -> Place:
    """Where a workspace's index lies under a URI; empty or ``local`` is its own folder."""
    if uri in ("", "local"):
        return Folder(workspace.path / "index")
    owner = ""
    with suppress(RagftError):
        owner = workspace.settings().created_at
    if uri.startswith("db://"):
        return Enterprise(uri, workspace.id, owner)
    return ObjectStore(f"{uri.rstrip('/')}/{workspace.id}", owner)


def place_of(workspace: Workspace) -> Place:
    """Where a workspace's index lies, by ``RAGFT_INDEX_URI``."""
    return place_at(Settings().index_uri, workspace)


def storage_options() -> dict[str, str]:
    """What Lance is told about a store beside the keys, which it finds in the environment."""
    options = {
        "connect_timeout": f"{CONNECT_S}s",
        "client_max_retries": "1",
        "client_retry_timeout": "8",
    }
    address = endpoint()
    if address:
        options |= {
            "aws_endpoint": address,
            "aws_region": os.environ.get("AWS_REGION")
            or os.environ.get("AWS_DEFAULT_REGION")
            or "us-east-1",
            "allow_http": str(address.startswith("http://")).lower(),
        }
    return options


def _told(where: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except RagftError:
        raise
    except Exception as error:
        found = told(where, error)
        if found is None:
            raise
        raise found from error
