"""Who may use how many CPU threads."""

from __future__ import annotations

import threading

import torch

from ragft_core.threads import one_thread, use_threads, usual_threads


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
