"""A folder of an object store, through fsspec: small files put, got, listed and deleted.

``s3://`` needs s3fs (requirements-scale.txt), ``gs://`` gcsfs, ``az://`` adlfs; ``file://`` nothing.
Keys come from the environment, as these libraries and Lance read them, never from a workspace.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ragft_core.errors import RagftError, StoreError
from ragft_core.storage.patience import SilentError, within

T = TypeVar("T")
CONNECT_S, READ_S = 3, 4
_LIBRARIES = {"s3": "-r requirements-scale.txt", "gs": "gcsfs", "az": "adlfs"}
_REFUSED = re.compile(
    r"status\D{0,9}40[13]|forbidden|access ?denied|permission ?(?:denied|error)|unauthorized"
    r"|unauthenticated|necessary privileges|InvalidAccessKey|SignatureDoesNotMatch|credential",
    re.IGNORECASE,
)
_MISSING = re.compile(r"no ?such ?bucket|bucket does not exist|ContainerNotFound", re.IGNORECASE)
_AWAY = re.compile(
    r"connect|timed? ?out|timeout|dns|RetryError|HttpError|unreachable|reset by peer|status\D{0,9}5\d\d"
    r'|store: "(?:S3|GCS|MicrosoftAzure)"|slow ?down',
    re.IGNORECASE,
)


def endpoint() -> str:
    """The address of an S3-like store other than Amazon's; empty for Amazon's own."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def told(uri: str, error: BaseException) -> StoreError | None:
    """What is wrong with a store, in words; nothing where the error is not the store's."""
    said = f"{type(error).__name__}: {error}"
    name = uri.split("?")[0]
    if isinstance(error, SilentError):
        return StoreError(
            f"The store {name} does not answer, or this machine is too busy: {error}.",
            "Check that it runs and can be reached from here, then try again. Nothing was lost.",
        )
    if _MISSING.search(said):
        return StoreError(f"The store has no bucket for {name}.", "Make it, or correct the URI.")
    if _REFUSED.search(said):
        return StoreError(
            f"The store {name} refuses this machine's keys, or has none from it.",
            f"Give keys that may read, write, list and delete there: {_keys(uri)} (docs/deploy.md).",
        )
    if _AWAY.search(said):
        return StoreError(
            f"The store {name} cannot be reached: {_short(error)}.",
            "Check that it runs and can be reached from here, then try again. Nothing was lost.",
        )
    return None


def _keys(uri: str) -> str:
    names = {
        "gs": "GOOGLE_APPLICATION_CREDENTIALS",
        "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        "db": "LANCEDB_API_KEY",
    }
    return names.get(urlsplit(uri).scheme, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")


def _short(error: BaseException) -> str:
    """The innermost reason that a library gives, without its own places in the code."""
    said = " ".join(str(error).split())
    inner = re.findall(r"kind: (\w+)|(Connect timeout|Read timeout|Could not connect)", said)
    words = [a or b for a, b in inner]
    return (words[-1].lower() if words else said[:120]) or type(error).__name__


class Bucket:
    """A folder of a store. ``uri`` has no final slash; keys are relative to it."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")

    def put(self, key: str, data: bytes, *, new: bool = False) -> bool:
        """Writes a small file.

        Args:
            key: Where.
            data: What.
            new: Only if there is none yet, which the store itself decides (``If-None-Match: *``).

        Returns:
            False where ``new`` was asked and there is one.

        Raises:
            StoreError: The store is away, refuses, or cannot be used.
        """
        mode = "create" if new else "overwrite"

        def write() -> bool:
            try:
                self._files.pipe_file(self._at(key), data, mode=mode)
            except Exception as error:
                if new and _is_there_already(error):
                    return False
                raise
            return True

        return self._call(write)

    def get(self, key: str) -> bytes | None:
        """Reads a small file; None where there is none."""

        def read() -> bytes | None:
            try:
                found: bytes = self._files.cat_file(self._at(key))
            except FileNotFoundError:
                return None
            return found

        return self._call(read)

    def put_file(self, key: str, path: Path) -> None:
        """Copies a file there, however large."""
        self._call(lambda: self._files.put_file(str(path), self._at(key)), None)

    def get_file(self, key: str, path: Path) -> None:
        """Copies a file from there; it gets its name once it is whole.

        Raises:
            FileNotFoundError: There is none.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._call(lambda: self._files.get_file(self._at(key), str(scratch)), None)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)

    def list(self, prefix: str = "") -> list[str]:
        """The keys of all files under a folder, sorted."""

        def look() -> list[str]:
            root = self._files._strip_protocol(self.uri).rstrip("/")
            at = f"{root}/{prefix}".rstrip("/")
            return sorted(found.removeprefix(root).lstrip("/") for found in self._files.find(at))

        return self._call(look, None)

    def delete(self, prefix: str) -> None:
        """Removes a file, or a folder with everything in it; nothing where there is none."""

        def remove() -> None:
            try:
                self._files.rm(self._at(prefix), recursive=True)
            except FileNotFoundError:
                return

        self._call(remove, None)

    def load(self) -> None:
        """Loads the library, so that its seconds are not taken for the store's.

        Raises:
            StoreError: It is not installed.
        """
        _file_system(urlsplit(self.uri).scheme, endpoint())

    def is_there(self) -> None:
        """Asks for a file that need not be there.

        Raises:
            StoreError: The store does not answer, or refuses.
        """
        self.get(".there")

    def probe(self) -> None:
        """Makes sure that the store keeps one of two writers out, which the index relies on.

        Raises:
            StoreError: It writes over what is there although it is asked not to.
        """
        key = f".probe-{secrets.token_hex(8)}"
        self.put(key, b"1", new=True)
        again = self.put(key, b"2", new=True)
        self.delete(key)
        if again:
            raise StoreError(
                f"The store {self.uri} ignores conditional writes (If-None-Match: *): two that "
                "write at the same time could lose chunks without a word.",
                "Use a store that honours them: Amazon S3, Google Cloud Storage, Azure, MinIO, "
                "Ceph from Tentacle on.",
            )

    def _at(self, key: str) -> str:
        return f"{self.uri}/{key}"

    def _call(self, call: Callable[[], T], seconds: float | None = CONNECT_S + READ_S + 1) -> T:
        self.load()
        try:
            return call() if seconds is None else within(seconds, call)
        except RagftError:
            raise
        except FileNotFoundError as error:
            if _MISSING.search(str(error)):
                raise told(self.uri, error) or error from error
            raise
        except Exception as error:
            found = told(self.uri, error)
            if found is None:
                raise
            raise found from error

    @cached_property
    def _files(self) -> Any:
        return _file_system(urlsplit(self.uri).scheme, endpoint())


@lru_cache(maxsize=8)
def _file_system(scheme: str, address: str) -> Any:
    """The library's file system; one a process, because it holds the connections."""
    options: dict[str, Any] = {"skip_instance_cache": True}
    if scheme == "file":
        options["auto_mkdir"] = True
    if scheme == "s3":
        limits = {"connect_timeout": CONNECT_S, "read_timeout": READ_S}
        options |= {
            "config_kwargs": limits | {"retries": {"total_max_attempts": 1}},
            "use_listings_cache": False,
        }
        if address:
            options["endpoint_url"] = address
    try:
        import fsspec

        files = fsspec.filesystem(scheme, **options)
    except ImportError as error:
        raise StoreError(
            f"{scheme}:// needs a library that is not installed ({error.name or 'fsspec'}).",
            f"pip install {_LIBRARIES.get(scheme, scheme)}",
        ) from None
    files.retries = 1
    if scheme == "s3":
        files.connect()  # loads the client's description of the service; asks nobody
    return files


def _is_there_already(error: BaseException) -> bool:
    """Whether a store said that the file is there: 412, or 409 while another writes it."""
    said = f"{error} {error.__cause__}"
    return isinstance(error, FileExistsError) or bool(
        re.search(r"\b(?:412|409)\b|PreconditionFailed|ConditionalRequestConflict", said)
        or "pre-conditions" in said
    )
