"""What those do who run the lab for others: move an index, back up, put back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ragft_core.commands.output import Json, Name, note, opened, show
from ragft_core.errors import WorkspaceError
from ragft_core.settings import Settings


def move_index(
    w: Name,
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="Where to: s3://, gs://, az://, db:// or local.")
    ],
    from_: Annotated[
        str, typer.Option("--from", metavar="URI", help="Where from; without it, local.")
    ] = "local",
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove the old one once the new one is verified.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copies a workspace's index to another place and compares them; RAGFT_INDEX_URI then uses it."""
    from ragft_core.knowledge import embedder_of
    from ragft_core.knowledge import move_index as move
    from ragft_core.storage import place_at

    workspace = opened(w)
    source, target = place_at(from_, workspace), place_at(uri, workspace)
    embedder = embedder_of(workspace, Settings())
    done = move(workspace, embedder, source, target, lambda share, text: note(text))
    if clear:
        source.clear()
    switch = "without RAGFT_INDEX_URI" if uri == "local" else f"with RAGFT_INDEX_URI={uri}"
    show(
        done,
        as_json,
        lambda row: (
            f"{row['n_chunks']} chunks are at {row['where']}, {row['n_copied']} of them copied now; "
            f"both places hold the same. Start the lab {switch} to use them."
        ),
    )


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="Where to.")],
    as_json: Json = False,
) -> None:
    """Writes all workspaces and records of the home into a file, also while the lab runs."""
    from ragft_core.overview import back_up

    done = back_up(Settings(), file)
    show(
        done,
        as_json,
        lambda row: (
            f"{len(row['workspaces'])} workspaces, {row['n_files']} files, "
            f"{row['n_bytes'] / 1e6:.1f} MB. Left out: {', '.join(row['left_out']) or 'nothing'}."
        ),
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What 'backup' wrote.")],
    over: Annotated[
        bool, typer.Option("--over", help="Move what is here into replaced/ first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Puts a backup back after checking every file of it; writes over nothing."""
    from ragft_core.overview import restore as put_back

    if not file.is_file():
        raise WorkspaceError(f"There is no file {file.name}.", "Check the path.")
    done = put_back(Settings(), file, over=over)
    show(done, as_json, lambda row: f"Put back: {', '.join(row['workspaces']) or 'nothing'}.")
