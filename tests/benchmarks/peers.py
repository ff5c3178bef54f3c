"""The engine's peers, each in a process of its own.

In one process their thread teams would slow each other down (``ragft_core.threads``), and a ratio
would compare two handicaps.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ragft_core.types import Adapter


class Peer:
    """A worker process: what it is sent is done there, and comes back as seconds."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=work, args=(other, *arguments), daemon=True)
        self._process.start()

    def __call__(self, *asked: Any) -> float:
        """Seconds that the worker took."""
        self._pipe.send(asked)
        return float(self._pipe.recv())

    def close(self) -> None:
        """Ends the worker."""
        self._pipe.send(None)
        self._process.join(timeout=10)


def transformers_peer(folder: Path, adapters: dict[str, Adapter], threads: int) -> Peer:
    """Plain ``generate``; takes a request and a form of the model: fp32, bf16 or compiled."""
    return Peer(_transformers, folder, adapters, threads)


def llama_cpp_peer(threads: int) -> Peer | None:
    """llama.cpp with the GGUF that RAGFT_GGUF names; takes a prompt and a number of tokens."""
    if find_spec("llama_cpp") is None or not os.environ.get("RAGFT_GGUF"):
        return None
    return Peer(_llama_cpp, os.environ["RAGFT_GGUF"], threads)


def _transformers(
    pipe: Connection, folder: Path, adapters: dict[str, Adapter], threads: int
) -> None:
    import torch

    from tests.models.helpers import Reference

    if threads:
        torch.set_num_threads(threads)
    reference = Reference(folder, adapters)
    base = reference.model(None)
    forms = {"fp32": base}
    while (asked := pipe.recv()) is not None:
        request, form = asked
        if form not in forms:
            forms[form] = _form(base, form)
        reference._models[None] = forms[form]
        began = time.perf_counter()
        reference.generate(request, exactly=True)
        pipe.send(time.perf_counter() - began)


def _form(base: Any, form: str) -> Any:
    import torch

    model = copy.deepcopy(base)
    if form == "bf16":
        return model.to(torch.bfloat16)
    model.forward = torch.compile(model.forward, dynamic=True)
    return model


def _llama_cpp(pipe: Connection, file: str, threads: int) -> None:
    from llama_cpp import Llama

    model = Llama(file, n_ctx=2048, n_threads=threads or None, verbose=False)
    while (asked := pipe.recv()) is not None:
        prompt, tokens = asked
        model.reset()
        began = time.perf_counter()
        # Token 2 ends an answer: without it every answer has its full length.
        model(prompt, max_tokens=tokens, temperature=0, logit_bias={2: -100})
        pipe.send(time.perf_counter() - began)
