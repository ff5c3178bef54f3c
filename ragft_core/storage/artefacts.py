"""Copies of what was made, in the store that ``RAGFT_STORE`` names.

    <RAGFT_STORE>/<workspace>/documents/<id>/original.<format>
                              adapters/<id>/...    evaluations/<id>/...    jobs/<id>/result.json
                              versions/<id>/...

The workspace's folder stays what everything works on: a thing is put into the store when it is
finished, brought back when its folder here lacks it, and removed there when it is deleted here.
Without the variable, nothing of this happens and no library is imported.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragft_core.settings import Settings
from ragft_core.storage.bucket import Bucket
from ragft_core.workspace import Workspace

EVERYTHING = ("*",)


def keep(workspace: Workspace, folder: str, patterns: Sequence[str] = EVERYTHING) -> None:
    """Puts files of a folder of the workspace into the store.

    Args:
        workspace: Whose.
        folder: Relative to the workspace, such as ``adapters/train-1``.
        patterns: Which of its files; hidden ones never.

    Raises:
        StoreError: The store is away, refuses, or cannot be used.
    """
    bucket = _bucket(workspace)
    if bucket is None:
        return
    root = workspace.path / folder
    for path in sorted({file for pattern in patterns for file in root.rglob(pattern)}):
        inside = path.relative_to(root)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts):
            bucket.put_file(f"{folder}/{inside.as_posix()}", path)


def bring(workspace: Workspace, folder: str) -> bool:
    """Brings the files of a folder that are not here back from the store.

    Returns:
        Whether there was any.

    Raises:
        StoreError: The store is away, refuses, or cannot be used.
    """
    bucket = _bucket(workspace)
    if bucket is None:
        return False
    lacking = [key for key in bucket.list(folder) if not (workspace.path / key).exists()]
    for key in lacking:
        bucket.get_file(key, workspace.path / key)
    return bool(lacking)


def forget(workspace: Workspace, folder: str = "") -> None:
    """Removes a folder of the workspace from the store; without one, all of the workspace's.

    Raises:
        StoreError: The store is away, refuses, or cannot be used.
    """
    bucket = _bucket(workspace)
    if bucket is not None:
        bucket.delete(folder)


def _bucket(workspace: Workspace) -> Bucket | None:
    uri = Settings().store
    return Bucket(f"{uri}/{workspace.id}") if uri else None
