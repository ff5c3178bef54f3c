"""What a training job, or a search over settings, stands on: rows, the base model, what is watched."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.approval import require_approval
from ragft_core.finetuning.adapters import READER, get_adapter
from ragft_core.finetuning.config import Origin, RunConfig
from ragft_core.finetuning.rows.batches import Batches
from ragft_core.finetuning.rows.packing import packing_holds
from ragft_core.finetuning.rows.rows import Right, TrainingRow, encode_plain
from ragft_core.finetuning.training.answering import Interview
from ragft_core.finetuning.training.base_model import copy_adapter, with_adapter
from ragft_core.finetuning.training.runs import ROWS
from ragft_core.finetuning.training.trainer import TrainingSpec
from ragft_core.finetuning.training.workers.peers import ALONE, Peers
from ragft_core.finetuning.writing.reworded import reworded_rows
from ragft_core.finetuning.writing.roundtrip import StoppedError
from ragft_core.jobs import JobContext
from ragft_core.models.factory import model_folder
from ragft_core.models.weights.device import choose_device
from ragft_core.models.weights.folders import check_folder
from ragft_core.models.weights.loading import load_base, weights_digest
from ragft_core.settings import Settings
from ragft_core.threads import use_threads, usual_threads
from ragft_core.values import from_dict
from ragft_core.workspace import read_values

if TYPE_CHECKING:
    import torch


class Ground:
    """What every run of a job stands on: its order, its rows, and the base model, loaded once.

    Args:
        context: The job.
        right: Says whether an answer to an example's question is right.
        peers: Who else trains with this process.

    Raises:
        ModelError: The base model cannot be used.
        TrainingDataError: A row does not fit the model.
    """

    def __init__(self, context: JobContext, right: Right, peers: Peers = ALONE) -> None:
        self._workspace, self._peers = context.workspace, peers
        self.settings = Settings()
        use_threads(usual_threads(self.settings.threads))
        spec = from_dict(TrainingSpec, context.spec, "spec.json")
        require_approval(context.workspace, spec.model)
        rows = read_values(context.folder / ROWS, TrainingRow)
        reworded = peers.first(lambda: _reworded(context, spec, rows, right))
        if reworded is None:
            raise StoppedError
        self.rows = rows + reworded
        counts = spec.counts | ({Origin.REWORDED.value: len(reworded)} if reworded else {})
        self.spec = dataclasses.replace(spec, counts=counts)
        context.progress(0.0, "Loading the model")
        folder = model_folder(self.spec.model, self.settings)
        # A folder of the hub is called as its commit, by which nobody else would find the model.
        self.name = spec.model.name if spec.model.kind == "hub" else folder.name
        self.device = choose_device(self.settings).for_training()
        self._base, self._tokenizer = load_base(folder, self.device)
        self._model: Any = None
        self.digest = weights_digest(folder)
        context.progress(0.0, "Preparing the examples")
        self._longest = check_folder(folder).context_tokens
        few = [row for row in self.rows if row.origin is Origin.OWN][:3]
        encoded = encode_plain(self._tokenizer, few, self.spec.instruction, self._longest)
        self._packed = packing_holds(self._base, encoded)
        self.interview = Interview(
            self._tokenizer, self.rows, self.spec.instruction, self._longest, right,
            together=self._packed,
        )  # fmt: skip

    def model(self, config: RunConfig) -> tuple[torch.nn.Module, str]:
        """The base with a fresh adapter; the one that was made before is taken off.

        Returns:
            The model, and the id of the adapter that the fresh one begins as; often empty.
        """
        base = self._model.unload() if self._model is not None else self._base
        self._model = with_adapter(base, config)
        return self._model, self._start_from_reader(self._model, config)

    def batches(self, config: RunConfig, rows: Sequence[TrainingRow] | None = None) -> Batches:
        """The packs of a run over these rows, or all."""
        rows, instruction = self.rows if rows is None else rows, self.spec.instruction
        return Batches(
            self._tokenizer, rows, instruction, config, self._longest, self._packed,
            (self._peers.rank, self._peers.size),
        )  # fmt: skip

    def _start_from_reader(self, model: torch.nn.Module, config: RunConfig) -> str:
        """Lets a hybrid run begin where the bundled reader ended, if it is on and fits the base."""
        settings = self._workspace.settings()
        if not (config.with_context and config.start_from_reader and settings.reader):
            return ""
        reader = get_adapter(self._workspace, READER)
        return (
            READER if reader.base == self.digest and copy_adapter(model, Path(reader.path)) else ""
        )


def open_ground(context: JobContext, right: Right, peers: Peers = ALONE) -> Ground | None:
    """None where somebody asked for the end before the first step. See ``Ground``."""
    try:
        return Ground(context, right, peers)
    except StoppedError:
        return None


def _reworded(
    context: JobContext, spec: TrainingSpec, rows: Sequence[TrainingRow], right: Right
) -> list[TrainingRow] | None:
    """None where somebody asked for the end, which all workers have to know."""
    try:
        return reworded_rows(context, spec.model, spec.config.rewordings, rows, right)
    except StoppedError:
        return None
