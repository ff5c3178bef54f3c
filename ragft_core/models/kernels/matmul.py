"""Matrix products with weights kept small, compiled at start-up for the processor at hand.

Decoding a token reads every weight once, and reading is what it waits for. Weights that came out
of a 4-bit file are therefore multiplied from 4-bit form: 16 outputs at a time, each packed value
is widened to the very fp32 number that it stands for (``scale * level + offset``), and sums are
in fp32, so nothing is lost against fp32 weights but the order of the additions. torch's own
packed products (``_weight_int4pack_mm_for_cpu``, ``_weight_int8pack_mm``) with fp32 activations
were measured 2 to 7 times slower than fp32 weights for one row here, 7 to 15 times for four.

Without llvmlite, or on a processor without vector units, ``compile_kernels`` gives None and the
fp32 product is used.

Layout of a packed matrix: tiles of 16 outputs; in a tile, for every ``GROUP`` inputs one record:

    q4    16 scales, 16 offsets (fp16), then 16 rows of 16 bytes: the low halves belong to inputs
          0..15 of the group, the high halves to inputs 16..31
    q8    16 scales (fp16), then 32 rows of 16 signed bytes
    bf16  32 rows of 16 bf16 values
    fp32  32 rows of 16 fp32 values: nothing is saved, but small products (adapters) of a few rows
          take a fraction of what the library's need
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ragft_core.models.kernels.llvm import (
    LANES,
    VECTOR,
    CompiledModule,
    IRBuilder,
    compile_ir,
    features,
    parallel,
)

if TYPE_CHECKING:
    import torch

GROUP = 32
KINDS = ("q4", "q8", "bf16", "fp32")
RECORD_BYTES = {"q4": 64 + 256, "q8": 32 + 512, "bf16": 1024, "fp32": 2048}


@dataclass(frozen=True)
class Kernels:
    """Compiled products by kind and number of rows, for the numbers of rows in ``sizes``."""

    sizes: tuple[int, ...]
    machine: CompiledModule

    def product(self, x: torch.Tensor, packed: torch.Tensor, kind: str) -> torch.Tensor:
        """``x`` (rows, inputs) times a packed matrix: (rows, outputs), fp32."""
        import torch
        from torch.nn import functional

        n_rows, n_in = x.shape
        groups = n_in // GROUP
        tiles = packed.numel() // (groups * RECORD_BYTES[kind])
        # Code exists for a few numbers of rows; the rest is padded up to the next of them.
        most = self.sizes[-1]
        padded = n_rows // most * most
        padded += next((size for size in self.sizes if size >= n_rows - padded), 0) * (
            n_rows > padded
        )
        if padded > n_rows:
            x = functional.pad(x, (0, 0, 0, padded - n_rows))
        x = x.contiguous()
        y = torch.empty(padded, tiles * LANES)
        for first in range(0, padded, most):
            count = min(most, padded - first)
            # Addresses and sizes only: the kernel knows nothing of tensors.
            arguments = (ctypes.c_int64 * 6)(
                packed.data_ptr(),
                x.data_ptr() + 4 * first * n_in,
                y.data_ptr() + 4 * first * tiles * LANES,
                tiles,
                groups,
                torch.get_num_threads(),
            )
            self.machine.calls[f"{kind}_{count}"](arguments)
        return y[:n_rows]


@cache
def compile_kernels(kinds: tuple[str, ...] = KINDS) -> Kernels | None:
    """The kernels for this processor and these kinds, or None where they cannot be had."""
    found = features()
    if found is None:
        return None
    # Eight rows of sums need more registers than processors without AVX-512 have.
    sizes = (1, 2, 4, 8) if "avx512f" in found else (1, 2, 4)
    code = "".join(_kernel(kind, m) for kind in kinds for m in sizes)
    machine = compile_ir(code, [f"{kind}_{m}" for kind in kinds for m in sizes])
    return Kernels(sizes, machine) if machine is not None else None


def _kernel(kind: str, m: int) -> str:
    """The product for ``m`` rows; each thread does its share of the tiles."""
    code = IRBuilder()
    weights, x, y = (code.load("ptr", "%arguments", 8 * n) for n in range(3))
    tiles, groups = (code.load("i64", "%arguments", 8 * n) for n in (3, 4))
    x_row = code(f"mul i64 {groups}, {4 * GROUP}")
    y_row = code(f"mul i64 {tiles}, {4 * LANES}")
    tile_bytes = code(f"mul i64 {groups}, {RECORD_BYTES[kind]}")
    # Whole tiles by thread, in one run each, so that a thread reads memory in order.
    first, last = (
        code(f"udiv i64 {code(f'mul i64 {tiles}, {number}')}, %threads")
        for number in ("%thread", code("add i64 %thread, 1"))
    )
    # A sum that waits for itself is slow, so few rows have several partial sums each.
    partial = max(1, 4 // m)
    with code.loop(first, last) as tile:
        tile_at = code.at(weights, code(f"mul i64 {tile}, {tile_bytes}"))
        sums = [
            [code.variable(VECTOR, "zeroinitializer") for _ in range(partial)] for _ in range(m)
        ]
        with code.loop(0, groups) as group:
            record = code.at(tile_at, code(f"mul i64 {group}, {RECORD_BYTES[kind]}"))
            here = code.at(x, code(f"mul i64 {group}, {4 * GROUP}"))
            rows = [code.at(here, code(f"mul i64 {n}, {x_row}")) for n in range(m)]
            # Each widened weight vector is used for all rows while it is in a register: that is why
            # four rows cost little more than one.
            for index, weight in enumerate(_widen(kind, code, record)):
                for row, parts in zip(rows, sums, strict=True):
                    value = code.splat(code.load("float", row, 4 * _order(kind, index)))
                    code.add_product(parts[index % partial], weight, value)
        out = code.at(y, code(f"mul i64 {tile}, {4 * LANES}"))
        for number, parts in enumerate(sums):
            total = code.read(VECTOR, parts[0])
            for part in parts[1:]:
                total = code(f"fadd {VECTOR} {total}, {code.read(VECTOR, part)}")
            code.store(VECTOR, total, out, code(f"mul i64 {number}, {y_row}"))
    return parallel(f"{kind}_{m}", code.text(), threads_at=5)


def _order(kind: str, index: int) -> int:
    """Which input of the group the ``index``-th widened vector belongs to."""
    return index // 2 + 16 * (index % 2) if kind == "q4" else index


def _widen(kind: str, code: IRBuilder, record: str) -> Iterator[str]:
    """Yields the 32 weight vectors of a group as fp32, in the order of ``_order``."""
    if kind == "fp32":
        for k in range(GROUP):
            yield code.load(VECTOR, record, 64 * k, 64)
        return
    if kind == "bf16":
        for k in range(GROUP):
            raw = code.load("<16 x i16>", record, 32 * k, 32)
            wide = code(f"zext <16 x i16> {raw} to <16 x i32>")
            # bf16 is the upper half of an fp32 number.
            high = code(f"shl <16 x i32> {wide}, splat (i32 16)")
            yield code(f"bitcast <16 x i32> {high} to {VECTOR}")
        return
    scale = code(f"fpext <16 x half> {code.load('<16 x half>', record, 0, 32)} to {VECTOR}")
    if kind == "q8":
        for k in range(GROUP):
            raw = code.load("<16 x i8>", record, 32 + 16 * k, 16)
            level = code(f"sitofp <16 x i8> {raw} to {VECTOR}")
            yield code(f"fmul {VECTOR} {level}, {scale}")
        return
    offset = code(f"fpext <16 x half> {code.load('<16 x half>', record, 32, 32)} to {VECTOR}")
    for k in range(GROUP // 2):
        raw = code.load("<16 x i8>", record, 64 + 16 * k, 16)
        wide = code(f"zext <16 x i8> {raw} to <16 x i32>")
        # Two inputs of the group share a byte; see the layout above.
        for half in (
            f"and <16 x i32> {wide}, splat (i32 15)",
            f"lshr <16 x i32> {wide}, splat (i32 4)",
        ):
            level = code(f"sitofp <16 x i32> {code(half)} to {VECTOR}")
            yield code.fma(level, scale, offset)
