"""Where models compute and how their numbers are kept: chosen by a probe, reckoned before it is tried.

A GPU that torch can use is taken before the CPU: in bfloat16 where it computes that, else in half
precision. On a CPU numbers stay fp32: its kernels read weights that were published in 16 bits
packed, and sum in fp32. ``RAGFT_DEVICE`` and ``RAGFT_PRECISION`` say otherwise.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ragft_core.errors import ModelError
from ragft_core.models.weights.folders import LLAMA_FAMILY, ModelFacts
from ragft_core.settings import Settings

if TYPE_CHECKING:
    import torch

FP32, BF16, FP16, FOUR_BITS = "fp32", "bf16", "fp16", "4bit"
BYTES = {FP32: 4.0, BF16: 2.0, FP16: 2.0}
# A weight of NF4 with its part of the scales, quantised twice (QLoRA, arXiv 2305.14314, section 3).
FOUR_BIT_BYTES = 0.53
# Where a driver shows itself: without any of these, torch need not be asked, which takes seconds.
DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
# Activations while asking and the libraries themselves.
OVERHEAD_BYTES = 500_000_000
# What is reckoned with: the standard arms of one question, and a step of an ordinary run.
ROWS, ROW_TOKENS = 4, 4096
RANK, STEP_TOKENS = 16, 1536


@dataclass(frozen=True)
class Device:
    """A place to compute: ``kind`` as torch calls it (``cuda:1``), and how numbers are kept there."""

    kind: str = "cpu"
    precision: str = FP32
    name: str = "CPU"

    @property
    def text(self) -> str:
        """For people: ``NVIDIA H200, bf16``."""
        return f"{self.name}, {self.precision}"

    @property
    def is_gpu(self) -> bool:
        """Whether it is no CPU."""
        return self.kind != "cpu"

    @property
    def dtype(self) -> torch.dtype:
        """The type of what is computed; weights in 4 bits are widened to bfloat16."""
        import torch

        return {FP32: torch.float32, FP16: torch.float16}.get(self.precision, torch.bfloat16)

    def for_training(self) -> Device:
        """The same device for training: half precision has too few exponents for gradients."""
        return replace(self, precision=FP32) if self.precision == FP16 else self

    def free_bytes(self) -> int:
        """Memory that is free there now; an Apple GPU shares the machine's."""
        if self.kind.startswith("cuda"):
            import torch

            return int(torch.cuda.mem_get_info(self.kind)[0])
        return int(psutil.virtual_memory().available)


CPU = Device()


@dataclass(frozen=True)
class Memory:
    """Bytes that a model takes on a device.

    ``weights`` as they are kept, ``cache`` of the keys and values of ``ROWS`` rows of ``ROW_TOKENS``
    tokens or of all that fits, ``training`` all that an ordinary run takes, ``free`` what is there now.
    """

    weights: int
    cache: int
    training: int
    free: int

    @property
    def asking(self) -> int:
        """All that asking takes."""
        return self.weights + self.cache + OVERHEAD_BYTES


def choose_device(settings: Settings) -> Device:
    """The device that models run on: by the settings, or the best that a probe finds.

    Raises:
        ModelError: The settings name a device that is not there, or 4 bits without bitsandbytes.
    """
    kind = settings.device or _best()
    if kind != "cpu":
        _require(kind)
    precision = settings.precision or _fastest(kind)
    if precision == FOUR_BITS and importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            "RAGFT_PRECISION is 4bit, and the library that keeps weights in 4 bits is not installed.",
            "Install it with 'pip install bitsandbytes', or choose bf16.",
        )
    return Device(kind, precision, _name(kind))


def _best() -> str:
    """The best device that torch can use here; torch is asked only where there may be one."""
    apple = sys.platform == "darwin"
    if not (apple or sys.platform == "win32" or any(Path(d).exists() for d in DRIVERS)):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if apple and torch.backends.mps.is_available() else "cpu"


def _require(kind: str) -> None:
    import torch

    name, _, number = kind.partition(":")
    cuda = name == "cuda" and torch.cuda.is_available()
    there = int(number or 0) < torch.cuda.device_count() if cuda else False
    if not (there or (name == "mps" and torch.backends.mps.is_available())):
        raise ModelError(
            f"RAGFT_DEVICE is {kind}, which torch {torch.__version__} does not find here.",
            "Install a build of torch for it, or set RAGFT_DEVICE to cpu.",
        )


def _fastest(kind: str) -> str:
    """bf16 on a GPU that computes it: as wide as fp32 in range, half as much to read."""
    if kind == "cpu":
        return FP32
    import torch

    if kind.startswith("cuda"):
        return BF16 if torch.cuda.is_bf16_supported(including_emulation=False) else FP16
    try:  # Metal knows it from macOS 14 on
        one = torch.ones(2, 2, dtype=torch.bfloat16, device=kind)
        return BF16 if float((one @ one)[0, 0]) == 2.0 else FP16
    except (RuntimeError, TypeError):
        return FP16


def _name(kind: str) -> str:
    if kind == "cpu":
        return "CPU"
    if kind == "mps":
        return "Apple GPU"
    import torch

    return str(torch.cuda.get_device_name(kind))


def reckon(facts: ModelFacts, device: Device) -> Memory:
    """What a model will take on a device, by its files alone."""
    return Memory(
        weights=weight_bytes(facts, device),
        cache=ROWS
        * min(ROW_TOKENS, facts.context_tokens or ROW_TOKENS)
        * cache_bytes(facts, device),
        training=training_bytes(facts, device, RANK, STEP_TOKENS),
        free=device.free_bytes(),
    )


def weight_bytes(facts: ModelFacts, device: Device) -> int:
    """Bytes of the weights; on a CPU in fp32 with the packed copy that decoding reads."""
    if device.precision == FOUR_BITS:
        embedding = facts.vocabulary * facts.hidden
        return int(FOUR_BIT_BYTES * (facts.parameters - embedding) + 2 * embedding)
    packed = 0.0
    if device.kind == "cpu" and device.precision == FP32 and facts.family in LLAMA_FAMILY:
        packed = 2.0 if facts.stored == "BF16" else 0.7
    return int((BYTES[device.precision] + packed) * facts.parameters)


def cache_bytes(facts: ModelFacts, device: Device) -> int:
    """Bytes of the keys and values of one token."""
    return int(2 * facts.layers * facts.kv_width * BYTES.get(device.precision, 2.0))


def training_bytes(facts: ModelFacts, device: Device, rank: int, tokens: float) -> int:
    """Peak bytes of a run: weights, adapter with its moments, a pack's activations and logits.

    Args:
        facts: The base model.
        device: Where it trains.
        rank: The adapter's.
        tokens: Of the longest pack.
    """
    own = device.for_training()
    wide = BYTES.get(own.precision, 2.0)
    activations = tokens * facts.layers * (16 * facts.hidden + 5 * facts.inner) * wide
    logits = tokens / 4 * facts.vocabulary * 4 * 3
    # No packed copy is made for training.
    plain = facts.parameters * wide if own.precision in BYTES else weight_bytes(facts, own)
    return int(plain + 16 * facts.adapter_parameters(rank) + activations + logits)


def check_memory(facts: ModelFacts, device: Device) -> None:
    """Refuses a model that does not fit into the memory that is free on the device now.

    Raises:
        ModelError: It does not fit; the remedy names what would.
    """
    problem, remedy = shortage(facts, device)
    if problem:
        raise ModelError(problem, remedy)


def shortage(facts: ModelFacts, device: Device) -> tuple[str, str]:
    """What a device lacks for a model and what to do, in sentences; empty where it fits."""
    memory = reckon(facts, device)
    needed = memory.weights + OVERHEAD_BYTES
    if needed <= memory.free:
        return "", ""
    smaller = [replace(device, precision=name) for name in (BF16, FOUR_BITS)]
    fitting = [
        one
        for one in smaller
        if weight_bytes(facts, one) + OVERHEAD_BYTES <= memory.free and one != device
    ]
    hint = f"Set RAGFT_PRECISION={fitting[0].precision}, c" if fitting else "C"
    return (
        f"{facts.name} needs about {needed / 1e9:.1f} GB of memory in {device.precision}, "
        f"and {memory.free / 1e9:.1f} GB are free on the {device.name}.",
        f"{hint}hoose a smaller model, or close other programs.",
    )
