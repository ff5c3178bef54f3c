"""Jobs for the tests: small real functions that run in the job's own process."""

from __future__ import annotations

import os
import signal
import time

from ragft_core.errors import TrainingDataError
from ragft_core.jobs import JobContext


def count(context: JobContext) -> None:
    """Counts to n, remembering where it was, and leaves the numbers it counted."""
    n, pause = context.spec["n"], context.spec.get("pause", 0.0)
    seen = context.folder / "seen.txt"
    done = len(seen.read_text().split()) if seen.exists() else 0
    for number in range(done, n):
        if context.stopping:
            return
        with seen.open("a") as file:
            file.write(f"{number} ")
        context.metric({"number": number, "at": time.time(), "pid": os.getpid()})
        context.progress((number + 1) / n, f"{number + 1} of {n}", eta_s=(n - number) * pause)
        time.sleep(pause)
    context.finish({"total": n})


def refuse(context: JobContext) -> None:
    raise TrainingDataError("There are 3 examples.", "Add 7 more.")


def break_down(context: JobContext) -> None:
    raise ZeroDivisionError("division by zero")


def run_out_of_memory(context: JobContext) -> None:
    raise MemoryError


def be_killed(context: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def ignore_everything(context: JobContext) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    context.metric({"pid": os.getpid()})
    time.sleep(60)


def show_environment(context: JobContext) -> None:
    context.finish({"names": sorted(os.environ)})


def fill_the_disk(context: JobContext) -> None:
    with open("/dev/full", "w") as file:
        file.write("x")


def run_out_of_memory_in_torch(context: JobContext) -> None:
    raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")


def few_trials(context: JobContext) -> None:
    """A search that ends after four trials, not by the clock."""
    from ragft_core.evaluation.running.training import run_sweep
    from ragft_core.finetuning.training.sweeps import study

    study.MOST_TRIALS = 4
    run_sweep(context)
