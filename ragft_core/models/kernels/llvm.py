"""LLVM code, written line by line and compiled for the processor at hand.

Compiling takes about a second, once a process. Threads come from torch's own pool, so that the two
do not fight for cores.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

log = logging.getLogger(__name__)

LANES = 16
VECTOR = f"<{LANES} x float>"
INTS = f"<{LANES} x i32>"
_POOL = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
_DECLARED = f"""
declare {VECTOR} @llvm.fma.v16f32({VECTOR}, {VECTOR}, {VECTOR})
declare {VECTOR} @llvm.rint.v16f32({VECTOR})
declare {VECTOR} @llvm.maxnum.v16f32({VECTOR}, {VECTOR})
declare {VECTOR} @llvm.minnum.v16f32({VECTOR}, {VECTOR})
declare float @llvm.maxnum.f32(float, float)
declare float @llvm.sqrt.f32(float)
declare float @llvm.vector.reduce.fadd.v16f32(float, {VECTOR})
declare float @llvm.vector.reduce.fmax.v16f32({VECTOR})
"""
_SHARED = """
declare void @GOMP_parallel(ptr, ptr, i32, i32)
declare i32 @omp_get_thread_num()
declare i32 @omp_get_num_threads()
"""
_ALONE = """
define internal void @GOMP_parallel(ptr %work, ptr %arguments, i32 %threads, i32 %flags) {
  call void %work(ptr %arguments)
  ret void
}
define internal i32 @omp_get_thread_num() {
  ret i32 0
}
define internal i32 @omp_get_num_threads() {
  ret i32 1
}
"""


@dataclass(frozen=True)
class CompiledModule:
    """Compiled functions by name; each takes the address of its arguments."""

    calls: Mapping[str, Callable[..., None]]
    keep: tuple[Any, ...]  # the machine code lives as long as this


class IRBuilder:
    """The lines of one function, with numbered values."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.variables: list[str] = []
        self._number = 0

    def __call__(self, text: str) -> str:
        """Adds an instruction and returns the name of its value."""
        name = f"%v{self._next()}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Adds an instruction without a value."""
        self.lines.append(f"  {text}")

    def at(self, base: str, offset: str | int) -> str:
        """The address ``offset`` bytes behind ``base``."""
        return self(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, kind: str, base: str, offset: str | int = 0, align: int = 4) -> str:
        """Loads ``kind`` from ``base`` plus a number of bytes."""
        return self(f"load {kind}, ptr {self.at(base, offset)}, align {align}")

    def store(self, kind: str, value: str, base: str, offset: str | int = 0) -> None:
        """Stores ``kind`` at ``base`` plus a number of bytes."""
        self.do(f"store {kind} {value}, ptr {self.at(base, offset)}, align 4")

    def fma(self, a: str, b: str, c: str) -> str:
        """``a * b + c`` with one rounding."""
        call = f"call {VECTOR} @llvm.fma.v16f32"
        return self(f"{call}({VECTOR} {a}, {VECTOR} {b}, {VECTOR} {c})")

    def add_product(self, variable: str, a: str, b: str) -> None:
        """Adds ``a * b`` to a vector variable."""
        self.write(VECTOR, self.fma(a, b, self.read(VECTOR, variable)), variable)

    def splat(self, scalar: str) -> str:
        """One number in all lanes."""
        one = self(f"insertelement {VECTOR} poison, float {scalar}, i64 0")
        return self(f"shufflevector {VECTOR} {one}, {VECTOR} poison, {INTS} zeroinitializer")

    def variable(self, kind: str, value: str) -> str:
        """The address of a variable; the compiler keeps it in a register."""
        # On the stack as written; LLVM's first pass (mem2reg) moves it into a register.
        name = f"%x{self._next()}"
        self.variables.append(f"  {name} = alloca {kind}")
        self.write(kind, value, name)
        return name

    def read(self, kind: str, variable: str) -> str:
        """The value of a variable."""
        return self(f"load {kind}, ptr {variable}")

    def write(self, kind: str, value: str, variable: str) -> None:
        """Sets a variable."""
        self.do(f"store {kind} {value}, ptr {variable}")

    @contextmanager
    def loop(self, first: str | int, last: str | int, step: str | int = 1) -> Iterator[str]:
        """Repeats what is added inside, with a counter from ``first`` to below ``last``."""
        number = self._next()
        # head: test, body: what is added inside, end: behind. The counter is a variable like others.
        counter = self.variable("i64", str(first))
        self.lines += [f"  br label %head{number}", f"head{number}:"]
        now = self.read("i64", counter)
        more = self(f"icmp slt i64 {now}, {last}")
        self.lines += [f"  br i1 {more}, label %body{number}, label %end{number}"]
        self.lines += [f"body{number}:"]
        yield now
        following = self(f"add i64 {now}, {step}")
        self.write("i64", following, counter)
        self.lines += [f"  br label %head{number}", f"end{number}:"]

    def text(self) -> str:
        """The body of a function, the variables first."""
        return "\n".join(self.variables + self.lines)

    def _next(self) -> int:
        self._number += 1
        return self._number


def parallel(name: str, body: str, threads_at: int) -> str:
    """A function whose ``body`` runs on several threads.

    Args:
        name: The function's name.
        body: Lines that read ``%arguments``, ``%thread`` and ``%threads``.
        threads_at: Which of the arguments holds the number of threads.
    """
    return f"""
define internal void @work_{name}(ptr %arguments) {{
entry:
  %t32 = call i32 @omp_get_thread_num()
  %n32 = call i32 @omp_get_num_threads()
  %thread = zext i32 %t32 to i64
  %threads = zext i32 %n32 to i64
{body}
  ret void
}}
define void @{name}(ptr %arguments) {{
  %p = getelementptr i64, ptr %arguments, i64 {threads_at}
  %n = load i64, ptr %p
  %count = trunc i64 %n to i32
  call void @GOMP_parallel(ptr @work_{name}, ptr %arguments, i32 %count, i32 0)
  ret void
}}
"""


def can_compile() -> bool:
    """Whether llvmlite is installed."""
    return find_spec("llvmlite") is not None


def features() -> frozenset[str] | None:
    """What the processor can do; None where code for it cannot be compiled or is not worth it."""
    try:
        import llvmlite.binding as llvm  # type: ignore[import-untyped]
    except (ImportError, OSError):  # not installed, or not for this platform
        return None
    found = frozenset(name for name, there in llvm.get_host_cpu_features().items() if there)
    arm = llvm.get_process_triple().startswith(("aarch64", "arm64"))
    return found if arm or {"avx2", "fma", "f16c"} <= found else None


def compile_ir(code: str, names: Sequence[str]) -> CompiledModule | None:
    """Compiles functions; ``names`` are those that can be called.

    None where LLVM refuses, for whatever reason: the engine then computes the same with torch. An
    older LLVM that does not know an instruction must cost speed, not answers.
    """
    try:
        return _compile(code, names)
    except Exception as error:
        log.warning("Kernels cannot be compiled here, answers will be slower: %s", error)
        return None


def _compile(code: str, names: Sequence[str]) -> CompiledModule:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    pool = _thread_pool()
    for name in _POOL:
        if pool is not None:
            llvm.add_symbol(name, ctypes.cast(getattr(pool, name), ctypes.c_void_p).value)
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    module = llvm.parse_assembly(_DECLARED + (_SHARED if pool is not None else _ALONE) + code)
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(2))
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()  # variables into registers; the code is meant to stay as written
    passes.run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    calls = {name: kind(engine.get_function_address(name)) for name in names}
    return CompiledModule(calls, (engine, pool))


def _thread_pool() -> ctypes.CDLL | None:
    """Torch's own GNU OpenMP library, which is loaded already."""
    from pathlib import Path

    import torch

    for file in sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*")):
        return ctypes.CDLL(str(file))
    return None
