"""Who may use how many CPU threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
import torch

from ragft_core.threads import FreeProcessors, one_thread, use_threads, usual_threads


def test_light_work_has_one_thread_and_changes_nothing_for_others() -> None:
    usual = usual_threads()
    ready, done = threading.Event(), threading.Event()
    seen: list[int] = []

    def decode() -> None:
        use_threads(usual + 1)
        ready.set()
        done.wait(10)
        seen.append(torch.get_num_threads())

    engine = threading.Thread(target=decode)
    engine.start()
    ready.wait(10)
    with one_thread():
        assert torch.get_num_threads() == 1
        assert usual_threads() == usual
        done.set()
        engine.join()
    assert seen == [usual + 1]
    assert torch.get_num_threads() == usual


def test_a_team_keeps_to_the_processors_that_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = usual_threads()
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    processors = FreeProcessors(4)
    now = 1000.0
    looks = iter(
        [
            (now, 0.0, 0.0),
            (now + 4, 8.0, 0.0),  # others had two of four all the time
            (now + 8, 22.0, 4.0),  # now the team of two had two, and others one and a half
            (now + 12, 24.0, 5.0),  # the others have gone
            (now + 90, 300.0, 5.0),  # asleep for so long that nothing is known
        ]
    )
    monkeypatch.setattr(FreeProcessors, "_usage", staticmethod(lambda: next(looks)))
    monkeypatch.setattr(time, "monotonic", lambda: 1e9)
    seen = []
    try:
        for _ in range(5):
            processors.adjust()
            seen.append(torch.get_num_threads())
    finally:
        monkeypatch.undo()
        use_threads(usual)
    assert seen[1:] == [2, 2, 4, 4]


def test_beside_a_busy_program_for_each_processor_one_thread_is_left() -> None:
    usual = usual_threads()
    burn = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(burn) for _ in range(os.cpu_count() or 1)]
    try:
        use_threads(2)
        FreeProcessors(2).adjust(wait_s=1.5)
        assert torch.get_num_threads() == 1
    finally:
        for other in others:
            other.kill()
            other.wait()
        use_threads(usual)
