"""Matrix products with weights kept small, compiled at start-up for the processor at hand.

Decoding a token reads every weight once, and reading is what it waits for. Weights that came out
of a 4-bit file are therefore multiplied from 4-bit form: 16 outputs at a time, each packed value
is widened to the very fp32 number that it stands for (``scale * level + offset``), and sums are
in fp32, so nothing is lost against fp32 weights but the order of the additions. torch's own
packed products (``_weight_int4pack_mm_for_cpu``, ``_weight_int8pack_mm``) with fp32 activations
were measured 2 to 7 times slower than fp32 weights for one row here, 7 to 15 times for four.

The kernels are written as LLVM code and compiled by llvmlite in about a second; without it, or on
a processor without vector units, ``compile_kernels`` gives None and the fp32 product is used.
Threads come from torch's own pool, so that the two do not fight for cores.

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

GROUP = 32
LANES = 16
KINDS = ("q4", "q8", "bf16", "fp32")
RECORD_BYTES = {"q4": 64 + 256, "q8": 32 + 512, "bf16": 1024, "fp32": 2048}
_VECTOR = "<16 x float>"


@dataclass(frozen=True)
class Kernels:
    """Compiled products by kind and number of rows, for the numbers of rows in ``sizes``."""

    sizes: tuple[int, ...]
    calls: dict[tuple[str, int], Callable[..., None]]
    keep: tuple[Any, ...]  # the machine code lives as long as this

    def product(self, x: torch.Tensor, packed: torch.Tensor, kind: str) -> torch.Tensor:
        """``x`` (rows, inputs) times a packed matrix: (rows, outputs), fp32."""
        import torch
        from torch.nn import functional

        n_rows, n_in = x.shape
        groups = n_in // GROUP
        tiles = packed.numel() // (groups * RECORD_BYTES[kind])
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
            arguments = (ctypes.c_int64 * 6)(
                packed.data_ptr(),
                x.data_ptr() + 4 * first * n_in,
                y.data_ptr() + 4 * first * tiles * LANES,
                tiles,
                groups,
                torch.get_num_threads(),
            )
            self.calls[kind, count](arguments)
        return y[:n_rows]


def can_compile() -> bool:
    """Whether llvmlite is installed."""
    return find_spec("llvmlite") is not None


@cache
def compile_kernels(kinds: tuple[str, ...] = KINDS) -> Kernels | None:
    """The kernels for this processor and these kinds, or None where they cannot be had."""
    try:
        import llvmlite.binding as llvm  # type: ignore[import-untyped]
    except (ImportError, OSError):  # not installed, or not for this platform
        return None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    arm = llvm.get_process_triple().startswith(("aarch64", "arm64"))
    if not arm and not all(features.get(name) for name in ("avx2", "fma", "f16c")):
        return None
    sizes = (1, 2, 4, 8) if features.get("avx512f") else (1, 2, 4)
    pool = _thread_pool()
    if pool is not None:
        for name in ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads"):
            llvm.add_symbol(name, ctypes.cast(getattr(pool, name), ctypes.c_void_p).value)
    code = _module(kinds, sizes, threaded=pool is not None)
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=3
    )
    module = llvm.parse_assembly(code)
    module.verify()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kind_of = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    calls: dict[tuple[str, int], Callable[..., None]] = {
        (kind, m): kind_of(engine.get_function_address(f"run_{kind}_{m}"))
        for kind in kinds
        for m in sizes
    }
    return Kernels(sizes, calls, (engine, pool))


def _thread_pool() -> ctypes.CDLL | None:
    """Torch's own GNU OpenMP library, which is loaded already."""
    from pathlib import Path

    import torch

    for file in sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*")):
        return ctypes.CDLL(str(file))
    return None


def _module(kinds: Sequence[str], sizes: Sequence[int], *, threaded: bool) -> str:
    head = [f"declare {_VECTOR} @llvm.fma.v16f32({_VECTOR}, {_VECTOR}, {_VECTOR})"]
    if threaded:
        head += [
            "declare void @GOMP_parallel(ptr, ptr, i32, i32)",
            "declare i32 @omp_get_thread_num()",
            "declare i32 @omp_get_num_threads()",
        ]
    bodies = [_kernel(kind, m, threaded) for kind in kinds for m in sizes]
    return "\n".join(head + bodies)


class _Code:
    """Lines of LLVM code with numbered values."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._number = 0

    def __call__(self, text: str) -> str:
        """Adds an instruction and returns the name of its value."""
        self._number += 1
        self.lines.append(f"  %v{self._number} = {text}")
        return f"%v{self._number}"

    def load(self, kind: str, base: str, offset: int, align: int) -> str:
        """Loads ``kind`` from ``base`` plus a constant number of bytes."""
        at = self(f"getelementptr i8, ptr {base}, i64 {offset}")
        return self(f"load {kind}, ptr {at}, align {align}")

    def fma(self, a: str, b: str, c: str) -> str:
        """``a * b + c`` with one rounding."""
        call = f"call {_VECTOR} @llvm.fma.v16f32"
        return self(f"{call}({_VECTOR} {a}, {_VECTOR} {b}, {_VECTOR} {c})")

    def splat(self, scalar: str) -> str:
        """One number in all lanes."""
        one = self(f"insertelement {_VECTOR} poison, float {scalar}, i64 0")
        return self(f"shufflevector {_VECTOR} {one}, {_VECTOR} poison, <16 x i32> zeroinitializer")


def _kernel(kind: str, m: int, threaded: bool) -> str:
    """The product for ``m`` rows: an entry, and a worker that does its thread's tiles."""
    # A sum that waits for itself is slow, so few rows have several partial sums each.
    partial = max(1, 4 // m)
    names = [f"%a{row}_{part}" for row in range(m) for part in range(partial)]
    code = _Code()
    sums = dict(zip(names, names, strict=True))
    bases = [
        code(f"getelementptr i8, ptr %xg, i64 {code(f'mul i64 {n}, %xrow')}") for n in range(m)
    ]
    for index, weight in enumerate(_widen(kind, code)):
        for row in range(m):
            x = code.splat(code.load("float", bases[row], 4 * _order(kind, index), 4))
            name = f"%a{row}_{index % partial}"
            sums[name] = code.fma(weight, x, sums[name])
    phis = [
        f"  {n} = phi {_VECTOR} [ zeroinitializer, %tile ], [ {sums[n]}, %group ]" for n in names
    ]
    stores = _stores(m, partial, sums)
    worker = _WORKER.format(
        name=f"work_{kind}_{m}",
        record=RECORD_BYTES[kind],
        phis="\n".join(phis),
        body="\n".join(code.lines),
        stores=stores,
        share=_SHARED if threaded else _ALONE,
    )
    entry = _ENTRY if threaded else _ENTRY_ALONE
    return worker + entry.format(name=f"{kind}_{m}")


def _order(kind: str, index: int) -> int:
    """Which input of the group the ``index``-th widened vector belongs to."""
    return index // 2 + 16 * (index % 2) if kind == "q4" else index


def _widen(kind: str, code: _Code) -> Any:
    """Yields the 32 weight vectors of a group as fp32, in the order of ``_order``."""
    if kind == "fp32":
        for k in range(GROUP):
            yield code.load(_VECTOR, "%record", 64 * k, 64)
        return
    if kind == "bf16":
        for k in range(GROUP):
            raw = code.load("<16 x i16>", "%record", 32 * k, 32)
            wide = code(f"zext <16 x i16> {raw} to <16 x i32>")
            high = code(f"shl <16 x i32> {wide}, splat (i32 16)")
            yield code(f"bitcast <16 x i32> {high} to {_VECTOR}")
        return
    scale = code(f"fpext <16 x half> {code.load('<16 x half>', '%record', 0, 32)} to {_VECTOR}")
    if kind == "q8":
        for k in range(GROUP):
            raw = code.load("<16 x i8>", "%record", 32 + 16 * k, 16)
            level = code(f"sitofp <16 x i8> {raw} to {_VECTOR}")
            yield code(f"fmul {_VECTOR} {level}, {scale}")
        return
    offset = code(f"fpext <16 x half> {code.load('<16 x half>', '%record', 32, 32)} to {_VECTOR}")
    for k in range(GROUP // 2):
        raw = code.load("<16 x i8>", "%record", 64 + 16 * k, 16)
        wide = code(f"zext <16 x i8> {raw} to <16 x i32>")
        for half in (
            f"and <16 x i32> {wide}, splat (i32 15)",
            f"lshr <16 x i32> {wide}, splat (i32 4)",
        ):
            level = code(f"sitofp <16 x i32> {code(half)} to {_VECTOR}")
            yield code.fma(level, scale, offset)


def _stores(m: int, partial: int, sums: dict[str, str]) -> str:
    lines = []
    for row in range(m):
        total = sums[f"%a{row}_0"]
        for part in range(1, partial):
            other = sums[f"%a{row}_{part}"]
            lines.append(f"  %s{row}_{part} = fadd {_VECTOR} {total}, {other}")
            total = f"%s{row}_{part}"
        lines += [
            f"  %o{row} = mul i64 {row}, %yrow",
            f"  %out{row} = getelementptr i8, ptr %yt, i64 %o{row}",
            f"  store {_VECTOR} {total}, ptr %out{row}, align 4",
        ]
    return "\n".join(lines)


_SHARED = """  %t32 = call i32 @omp_get_thread_num()
  %n32 = call i32 @omp_get_num_threads()
  %thread = zext i32 %t32 to i64
  %threads = zext i32 %n32 to i64"""
_ALONE = """  %thread = add i64 0, 0
  %threads = add i64 0, 1"""

_WORKER = """
define internal void @{name}(ptr %arguments) {{
entry:
{share}
  %wa = load ptr, ptr %arguments
  %p1 = getelementptr i64, ptr %arguments, i64 1
  %xa = load ptr, ptr %p1
  %p2 = getelementptr i64, ptr %arguments, i64 2
  %ya = load ptr, ptr %p2
  %p3 = getelementptr i64, ptr %arguments, i64 3
  %tiles = load i64, ptr %p3
  %p4 = getelementptr i64, ptr %arguments, i64 4
  %groups = load i64, ptr %p4
  %xrow = mul i64 %groups, 128
  %yrow = mul i64 %tiles, 64
  %tilebytes = mul i64 %groups, {record}
  %f0 = mul i64 %tiles, %thread
  %first = udiv i64 %f0, %threads
  %next = add i64 %thread, 1
  %l0 = mul i64 %tiles, %next
  %last = udiv i64 %l0, %threads
  %any = icmp ult i64 %first, %last
  br i1 %any, label %tile, label %end
tile:
  %t = phi i64 [ %first, %entry ], [ %t1, %done ]
  %w0 = mul i64 %t, %tilebytes
  %wt = getelementptr i8, ptr %wa, i64 %w0
  %y0 = mul i64 %t, 64
  %yt = getelementptr i8, ptr %ya, i64 %y0
  br label %group
group:
  %g = phi i64 [ 0, %tile ], [ %g1, %group ]
{phis}
  %r0 = mul i64 %g, {record}
  %record = getelementptr i8, ptr %wt, i64 %r0
  %x0 = mul i64 %g, 128
  %xg = getelementptr i8, ptr %xa, i64 %x0
{body}
  %g1 = add i64 %g, 1
  %more = icmp ult i64 %g1, %groups
  br i1 %more, label %group, label %done
done:
{stores}
  %t1 = add i64 %t, 1
  %again = icmp ult i64 %t1, %last
  br i1 %again, label %tile, label %end
end:
  ret void
}}
"""

_ENTRY = """
define void @run_{name}(ptr %arguments) {{
  %p5 = getelementptr i64, ptr %arguments, i64 5
  %n = load i64, ptr %p5
  %threads = trunc i64 %n to i32
  call void @GOMP_parallel(ptr @work_{name}, ptr %arguments, i32 %threads, i32 0)
  ret void
}}
"""

_ENTRY_ALONE = """
define void @run_{name}(ptr %arguments) {{
  call void @work_{name}(ptr %arguments)
  ret void
}}
"""
