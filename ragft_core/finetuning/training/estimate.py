"""How long a run will take and how much memory it needs, told before it starts.

The speed is the one that the last run on this machine had with this model, counted in processor time
so that what ran beside it does not matter; before the first run it is reckoned in the same way from a
matrix multiplication that takes a fraction of a second. What competes for the processors now is looked
at and slows the estimate. Times are about right, not promises: the run itself shows its own ETA.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from filelock import FileLock

from ragft_core.finetuning.config import RunConfig, check_config
from ragft_core.finetuning.examples.facts import by_fact, label_counts
from ragft_core.finetuning.examples.store import Division, divide
from ragft_core.finetuning.rows.batches import CAPACITY
from ragft_core.finetuning.training.answering import MORE_TOKENS, MOST, MOST_TOKENS, TOGETHER
from ragft_core.finetuning.training.base_model import present_folder
from ragft_core.finetuning.writing.rewording import TRIES
from ragft_core.models.weights.device import CPU, Device, choose_device, training_bytes
from ragft_core.models.weights.folders import check_folder
from ragft_core.models.weights.loading import weights_digest
from ragft_core.settings import Settings
from ragft_core.types import Example
from ragft_core.workspace import Workspace, read_json, write_json

SPEEDS = "speeds.json"
# English text has about four characters a token; a chat template adds about nine tokens a row.
CHARACTERS_PER_TOKEN = 4.0
TEMPLATE_TOKENS = 9
# Tokens a row takes with passages: its share of those that it has in common with its neighbours.
PASSAGES_PER_ROW = 1.1
PASSAGE_TOKENS = 180.0
# Training reaches this share of the multiplication's speed (tests/benchmarks/training.py).
EFFICIENCY = 0.6
# An evaluation reads a row at a third of what training on it costs.
EVALUATION_COST = 1 / 3
EVALUATIONS = 9
# Decoding a token of a few answers at once reads all weights for hardly any arithmetic: as much time
# as training on so many tokens (4 bytes a weight at 10 GB/s against 4 operations at 60 GFLOPS).
DECODING_COST = 6.0
# A wording that is tried, written and read back, with its prompts cached: as much time as training
# on so many tokens. By one run on one core: 360 tries in about 150 s, training at 130 tokens a second.
REWORDING_COST = 60.0
# Above this share of the processors in others' use the estimate says so.
BUSY = 0.2
# A run always gets its part: the scheduler shares with those who compete.
LEAST_SHARE = 0.5
START_UP_S = 15.0
LIBRARIES_MB = 600.0
# A parameter in fp32 with AdamW's two moments, in the two checkpoints that are kept and the one
# being written; then the adapter itself and its best state.
CHECKPOINT_BYTES = 3 * 12 + 2 * 4


@dataclass(frozen=True)
class Estimate:
    """What a run will be like.

    ``basis`` says where the speed comes from, which is that of a quiet machine; ``busy`` is the
    share of the processors that others use now, by which ``seconds`` is longer.
    """

    n_train: int
    n_validation: int
    steps: int
    tokens: int
    seconds: float
    memory_mb: float
    free_mb: float
    tokens_per_s: float
    basis: str
    epochs: float
    busy: float = 0.0
    warnings: tuple[str, ...] = ()
    disk_mb: float = 0.0
    device: Device = CPU


def estimate_run(
    workspace: Workspace,
    config: RunConfig,
    examples: Sequence[Example],
    settings: Settings,
    passage_tokens: float = PASSAGE_TOKENS,
) -> Estimate:
    """Estimates a run without loading a model.

    Args:
        workspace: Says which model and which instruction.
        config: The run.
        examples: The workspace's examples.
        settings: Where models and earlier speeds are kept.
        passage_tokens: Mean tokens of a passage, for training with passages.

    Raises:
        TrainingDataError: There are too few examples.
        ModelError: The base model cannot be used.
        SettingsError: The config cannot be used.
    """
    check_config(config)
    chosen = workspace.settings()
    division = divide(examples, config.seed)
    folder = present_folder(chosen.model, settings)
    facts = check_folder(folder)
    device = choose_device(settings).for_training()
    # The instruction is stored once a batch, see packing.
    shared = len(chosen.instruction) / CHARACTERS_PER_TOKEN / config.batch_size
    own = sum(_tokens(e, config, passage_tokens) for e in division.train) / len(division.train)
    per_row = own + shared
    n_rows = len(division.train) + _mixed(division, config)
    search = config.n_steps(n_rows, per_row)
    steps = search + config.refit_steps(search)
    tokens = round(steps * config.batch_size * per_row)
    known = known_speed(settings, weights_digest(folder), config)
    gigaflops = matmul_gigaflops(device, settings.threads or _cores())
    speed = known or EFFICIENCY * gigaflops / (4 * facts.parameters / 1e9)
    busy = others_share()
    watching = EVALUATIONS * len(division.validation) * per_row * EVALUATION_COST
    watching += _answering(division) + _rewording(division, config)
    pack = min(CAPACITY, config.batch_size * per_row)
    memory = training_bytes(facts, device, config.rank, pack) / 1e6 + LIBRARIES_MB
    free = device.free_bytes() / 1e6
    return Estimate(
        n_train=len(division.train),
        n_validation=len(division.validation),
        steps=steps,
        tokens=tokens,
        seconds=(START_UP_S + (tokens + watching) / speed) / max(LEAST_SHARE, 1 - busy),
        memory_mb=memory,
        free_mb=free,
        device=device,
        tokens_per_s=speed,
        basis="an earlier run here" if known else "this machine's arithmetic speed",
        epochs=steps * config.batch_size / n_rows,
        busy=busy,
        warnings=_warnings(division, memory, free, busy),
        disk_mb=CHECKPOINT_BYTES * facts.adapter_parameters(config.rank) / 1e6,
    )


def _mixed(division: Division, config: RunConfig) -> int:
    """About how many rows are mixed in beside the user's own, see ``runs.mixed_rows``."""
    if label_counts(division.train):
        return 0
    asked = len(division.train) * (2 if config.rewordings else 1)
    general = 0.0 if config.with_context else config.general
    return round((config.unanswerable + general) * asked) + asked - len(division.train)


def _rewording(division: Division, config: RunConfig) -> float:
    """What writing other wordings and reading them back costs, in tokens trained."""
    if not config.rewordings or label_counts(division.train):
        return 0.0
    return len(by_fact(division.train)) * config.rewordings * TRIES * REWORDING_COST


def _tokens(example: Example, config: RunConfig, passage_tokens: float) -> float:
    text = (len(example.question) + len(example.answer)) / CHARACTERS_PER_TOKEN + TEMPLATE_TOKENS
    return text + (PASSAGES_PER_ROW * passage_tokens if config.with_context else 0.0)


def _answering(division: Division) -> float:
    """What the answers on the way cost, in tokens trained: a few each time, all of them once."""
    asked = min(MOST, len(division.validation))
    if not asked:
        return 0.0
    longest = max(len(e.answer) for e in division.validation[:asked]) / CHARACTERS_PER_TOKEN
    batches = EVALUATIONS + 1 + -(-asked // TOGETHER)
    return batches * min(MOST_TOKENS, longest + MORE_TOKENS) * DECODING_COST


def _warnings(division: Division, memory: float, free: float, busy: float) -> tuple[str, ...]:
    found = []
    if busy > BUSY:
        found.append(
            f"Other programs use {100 * busy:.0f} % of the processors now, which is reckoned with: on a "
            f"quiet machine the run takes {100 * max(LEAST_SHARE, 1 - busy):.0f} % of that time."
        )
    if memory > free:
        found.append(
            f"The run needs about {memory / 1000:.1f} GB of memory and {free / 1000:.1f} GB are "
            "free: close other programs, or take a smaller batch."
        )
    if len(division.train) < 50:
        found.append(
            f"{len(division.train)} training examples are few. From 50 on, results get reliable."
        )
    if len(division.validation) < 16:
        found.append(
            f"Only {len(division.validation)} examples are watched for over-fitting, so the "
            "validation curve is rough."
        )
    return tuple(found)


def known_speed(settings: Settings, digest: str, config: RunConfig) -> float | None:
    """Tokens per second of a quiet machine, by the last run with this model on it."""
    entry = _speeds(settings).get(_key(digest, config, settings), {})
    if entry.get("machine") != _machine() or "tokens_per_cpu_s" not in entry:
        return None
    return float(entry["tokens_per_cpu_s"]) * float(entry["processors"])


def remember_speed(
    settings: Settings,
    digest: str,
    config: RunConfig,
    tokens: int,
    seconds: float,
    cpu_seconds: float,
) -> None:
    """Keeps a run's speed for the next estimate.

    Tokens are counted by processor second, which other programs hardly change; how many processors
    a run keeps busy is the most that any run did, because beside others it gets fewer.
    """
    path = settings.home / SPEEDS
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        known, key = _speeds(settings), _key(digest, config, settings)
        before = known.get(key, {})
        same = before.get("machine") == _machine()
        most = float(before.get("processors", 0.0)) if same else 0.0
        entry = {
            "tokens_per_cpu_s": round(tokens / max(1e-9, cpu_seconds), 2),
            "processors": round(max(most, cpu_seconds / max(1e-9, seconds)), 3),
            "machine": _machine(),
        }
        write_json(path, known | {key: entry})


def _speeds(settings: Settings) -> dict[str, Any]:
    try:
        return read_json(settings.home / SPEEDS)
    except (FileNotFoundError, ValueError):
        return {}


def _key(digest: str, config: RunConfig, settings: Settings) -> str:
    device = choose_device(settings).for_training()
    where = f"-{device.kind}-{device.precision}" if device != CPU else ""
    kind = "passages" if config.with_context else "plain"
    return f"{digest[:16]}-{kind}-{config.targets}{where}"


def _machine() -> str:
    return f"{platform.node()} {platform.machine()} {os.cpu_count()}"


def matmul_gigaflops(device: Device = CPU, processors: int = 1) -> float:
    """Speed of matrix multiplication on a device as its numbers are kept, in 10^9 operations/s.

    Of a CPU: what so many processors do with nothing else at work. Measured once a minute at most.
    """
    minute = int(time.monotonic() / 60)
    return _measured_gigaflops(device, minute) * (1 if device.is_gpu else processors)


@lru_cache(maxsize=1)
def _measured_gigaflops(device: Device, minute: int) -> float:
    """Of a GPU, or of one processor."""
    import numpy as np

    side = 4096 if device.is_gpu else 1024
    a: Any = np.random.default_rng(0).random((side, side), dtype=np.float32)
    if device.is_gpu:
        import torch

        a = torch.from_numpy(a).to(device.kind, device.dtype)
    # The time of the processors, which others do not lengthen: they are reckoned with apart.
    clock = time.perf_counter if device.is_gpu else time.process_time

    def multiply() -> float:
        return float((a @ a)[0, 0])  # reading a number waits for a GPU

    multiply()  # the first one starts the threads
    best = 0.0
    for _ in range(5):
        began = clock()
        multiply()
        best = max(best, 2 * side**3 / max(1e-9, clock() - began) / 1e9)
    return best


def _cores() -> int:
    """Cores, of which a second thread on each is no second one for arithmetic."""
    import psutil

    return int(psutil.cpu_count(logical=False) or os.cpu_count() or 1)


def others_share() -> float:
    """Share of the processors that is in use now, 0 to 1; measured once in ten seconds at most."""
    return _measured_share(int(time.monotonic() / 10))


@lru_cache(maxsize=1)
def _measured_share(moment: int) -> float:
    import psutil

    return float(psutil.cpu_percent(interval=0.2)) / 100
