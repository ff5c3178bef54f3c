"""A run on several workers takes the steps of one: shares of a batch, gradients, checkpoints."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from ragft_core.errors import SettingsError
from ragft_core.finetuning import RunConfig, start_run
from ragft_core.finetuning.rows.batches import Batches, share_of
from ragft_core.finetuning.rows.rows import TrainingRow
from ragft_core.finetuning.training import load_tokenizer
from ragft_core.jobs import Job
from ragft_core.settings import Settings
from ragft_core.types import Split
from ragft_core.workspace import Workspace
from tests.conftest import ROOT
from tests.finetuning.conftest import colour_examples


def test_the_shares_of_a_batch_are_its_rows_each_once() -> None:
    batch = [[1, 2, 3], [4], [5, 6, 7]]
    for size in (1, 2, 3, 8):
        shares = [share_of(batch, rank, size) for rank in range(size)]  # type: ignore[arg-type]
        rows = [row for share in shares for rows in share for row in rows]
        assert rows == [1, 2, 3, 4, 5, 6, 7]
        sizes = [sum(map(len, share)) for share in shares]
        assert max(sizes) - min(sizes) <= 1
    assert share_of(batch, 0, 1) == batch, "those that share passages stay together"  # type: ignore[arg-type]


def test_shares_change_neither_the_length_of_a_run_nor_what_is_trained(tiny_model: Path) -> None:
    rows = [TrainingRow(e, Split.TRAIN) for e in colour_examples(21)]
    config = RunConfig(batch_size=8, steps=1)
    tokenizer = load_tokenizer(tiny_model)

    def batches(rank: int, size: int) -> Batches:
        return Batches(tokenizer, rows, "Answer.", config, 512, share=(rank, size))

    whole, shares = batches(0, 1), [batches(rank, 2) for rank in range(2)]
    counted = config.n_steps(whole.n_rows, whole.tokens_per_row)
    assert [config.n_steps(one.n_rows, one.tokens_per_row) for one in shares] == [counted] * 2
    for step in range(7):  # over two epochs; the last batch of one has five rows
        expected = sorted(t for pack in whole(step) for t in pack.target.tolist())
        found = sorted(t for one in shares for pack in one(step) for t in pack.target.tolist())
        assert found == expected
    assert sum(pack.n_rows for pack in shares[0](0)) == 4


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1000"])
def test_a_number_of_workers_that_is_none_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_RAY_WORKERS", text)
    with pytest.raises(SettingsError, match="RAGFT_RAY_WORKERS"):
        Settings()


@pytest.mark.slow
def test_two_workers_train_what_one_trains(
    trainable: Workspace, short: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Real processes and Gloo, without Ray: losses, evaluations, refit and weights are the same."""
    monkeypatch.setattr(Job, "launch", lambda self: None)
    config = dataclasses.replace(short, steps=12, eval_every=2)

    def trained(size: int) -> Job:
        job = start_run(trainable, config)
        command = [sys.executable, "-m", "tests.finetuning.one_of_several", str(job.folder)]
        meeting = str(tmp_path / f"meeting-{size}")
        running = [
            subprocess.Popen([*command, str(rank), str(size), meeting], cwd=ROOT)
            for rank in range(size)
        ]
        assert [process.wait(200) for process in running] == [0] * size
        return job

    one, two = trained(1), trained(2)
    told = ("loss", "val_loss", "general_loss", "gradient_norm", "recited")
    expected, found = one.metrics(), two.metrics()
    assert [row["step"] for row in found] == [row["step"] for row in expected]
    assert {row["phase"] for row in found} == {"search", "refit"}
    for a, b in zip(expected, found, strict=True):
        assert {n: a[n] for n in told if n in a} == pytest.approx(
            {n: b[n] for n in told if n in b}, rel=1e-4
        )
        assert a.get("answers") == b.get("answers")
    folders = [trainable.path / "adapters" / job.id for job in (one, two)]
    a, b = (load_file(folder / "adapter_model.safetensors") for folder in folders)
    assert max((a[name] - b[name]).abs().max().item() for name in a) < 1e-3
    assert a.keys() == b.keys()
