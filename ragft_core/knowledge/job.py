"""The ingest job: takes files in, in a process of its own."""

from __future__ import annotations

from contextlib import suppress

from ragft_core.documents import clean_name
from ragft_core.errors import DocumentError
from ragft_core.jobs import JobContext
from ragft_core.knowledge.base import KnowledgeBase
from ragft_core.knowledge.embed import Embedder
from ragft_core.knowledge.ingest import FileReport
from ragft_core.models.weights.bundled import EMBEDDER, fetch
from ragft_core.settings import Settings
from ragft_core.values import to_dict


class _StopError(Exception):
    """Somebody asked the job to end."""


def run_ingest(context: JobContext) -> None:
    """Takes files in as a background job; what is kept until a stop stays.

    The order's ``files`` is a list of ``{"name": ..., "path": ...}``, the paths relative to the
    workspace. The result lists the reports.

    Raises:
        DocumentError: A path leads out of the workspace.
    """
    root = context.workspace.path.resolve()
    files = [(item["name"], (root / item["path"]).resolve()) for item in context.spec["files"]]
    for name, path in files:
        if not path.is_relative_to(root):
            raise DocumentError(
                f"The file {clean_name(name)} lies outside the workspace.", "Copy it there first."
            )
    done: list[FileReport] = []

    def told(name: str, stage: str, share: float) -> None:
        context.progress(share, f"{name}: {stage}")
        if context.stopping:
            raise _StopError

    settings = Settings()
    embedder = Embedder(fetch(EMBEDDER, settings.models), settings.threads)
    with suppress(_StopError):
        done = KnowledgeBase(context.workspace, embedder).add_files(files, told)
    context.finish({"reports": [to_dict(report) for report in done]})
