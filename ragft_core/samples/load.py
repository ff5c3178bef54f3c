"""From a sample's folder to a workspace that can be asked at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ragft_core.errors import DocumentError, WorkspaceError
from ragft_core.settings import Settings
from ragft_core.types import Example
from ragft_core.values import from_dict
from ragft_core.workspace import (
    Workspace,
    create_workspace,
    delete_workspace,
    read_json,
    read_values,
)

Progress = Callable[[float, str], None]

FOLDER = Path(__file__).parent
FILE = "sample.json"


@dataclass(frozen=True)
class Sample:
    """What a sample workspace starts with.

    ``label_pattern`` is a regular expression for a whole answer in the house format; its group
    ``label`` is the label. It is empty where answers are free text. ``reader`` says whether the
    RAG arm reads with the bundled adapter, which answers questions and would decline to route.
    """

    name: str
    title: str
    description: str
    instruction: str
    labels: tuple[str, ...] = ()
    label_pattern: str = ""
    max_new_tokens: int = 96
    reader: bool = True

    @property
    def folder(self) -> Path:
        """Where the sample's files lie."""
        return FOLDER / self.name


def list_samples() -> list[Sample]:
    """The samples that come with the product, by name."""
    return [_read(file) for file in sorted(FOLDER.glob(f"*/{FILE}"))]


def read_sample(name: str) -> Sample:
    """The sample of that name.

    Raises:
        WorkspaceError: There is none.
    """
    samples = {sample.name: sample for sample in list_samples()}
    if name not in samples:
        raise WorkspaceError(
            f"There is no sample called {name!r}.", f"Choose one of: {', '.join(samples)}."
        )
    return samples[name]


def sample_documents(sample: Sample) -> list[Path]:
    """The sample's files, by name."""
    return sorted(path for path in (sample.folder / "documents").iterdir() if path.is_file())


def sample_examples(sample: Sample) -> list[Example]:
    """The sample's training examples and test questions, in the order of the file."""
    return read_values(sample.folder / "examples.jsonl", Example)


def load_sample(
    settings: Settings,
    name: str,
    path: Path | None = None,
    *,
    workspace_name: str = "",
    on_progress: Progress = lambda share, text: None,
) -> Workspace:
    """Makes a workspace of a sample: settings, examples and documents, ready to be asked.

    Fetches the embedder first where it is missing. A workspace that could not be filled is
    removed again, so that a second attempt starts from nothing.

    Args:
        settings: Says where workspaces and models lie.
        name: Which sample.
        path: The folder to use instead of one in the home.
        workspace_name: What to call the workspace; the sample's name when empty.
        on_progress: Called with a share between 0 and 1 and a line that says what is going on.

    Raises:
        WorkspaceError: There is no such sample, or the workspace exists already.
        ModelError: The embedder could not be fetched.
        DocumentError: A file of the sample could not be read.
    """
    sample = read_sample(name)
    title = workspace_name or sample.name
    workspace = create_workspace(settings, title, path)
    try:
        _fill(workspace, sample, settings, on_progress)
    except BaseException:
        delete_workspace(workspace)
        raise
    on_progress(1.0, f"{sample.title} is ready")
    return workspace


def _fill(workspace: Workspace, sample: Sample, settings: Settings, on_progress: Progress) -> None:
    from ragft_core.finetuning import save_examples
    from ragft_core.knowledge import Embedder, KnowledgeBase
    from ragft_core.models.weights.bundled import EMBEDDER, fetch

    embedder = fetch(EMBEDDER, settings.models, lambda share, text: on_progress(share * 0.5, text))
    workspace.update(
        sample=sample.name,
        instruction=sample.instruction,
        labels=sample.labels,
        label_pattern=sample.label_pattern,
        max_new_tokens=sample.max_new_tokens,
        reader=sample.reader,
    )
    save_examples(workspace, sample_examples(sample))
    files = [(path.name, path) for path in sample_documents(sample)]
    reports = KnowledgeBase(workspace, Embedder(embedder)).add_files(
        files, lambda file, stage, share: on_progress(0.5 + share * 0.5, f"{file}: {stage}")
    )
    refused = [report for report in reports if report.error]
    if refused:
        raise DocumentError(
            f"{refused[0].file_name} of the sample {sample.name!r} was refused: {refused[0].error}",
            "Install the product again: its files are damaged.",
        )


def _read(file: Path) -> Sample:
    return from_dict(Sample, read_json(file))
