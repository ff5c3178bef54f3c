"""The local generator: one thread owns the model and serves everybody's requests in one batch.

Decoding is bound by reading the weights once per token, so rows are decoded together, whatever
their adapters; they join and leave as they start and end. Prompts are read in pieces between
decoding steps, so that a long prompt does not stop the others. People come before background
work: their rows start first, and while there are any, background rows only fill up the batch.

transformers' own continuous batching (``generate_batch``) was looked at first: it runs on a CPU,
but took 23 s for two answers of 8 tokens on two loaded cores, and no way was found to give each
row its own adapter.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragft_core.errors import ModelError
from ragft_core.models.engine.decoder import Decoder, Segment
from ragft_core.models.engine.kv_cache import PrefixCache, RowCache
from ragft_core.models.engine.lora import Lora, file_state, load_lora
from ragft_core.models.engine.scheduler import admit, line_up, plan_step
from ragft_core.models.engine.sequences import SequenceState, make_sequence
from ragft_core.models.generation import RunningGeneration
from ragft_core.models.tokens import (
    THOUGHT_TOKENS,
    encode_chat,
    end_tokens,
    part_thought,
    render_chat,
)
from ragft_core.models.weights.device import CPU, Device
from ragft_core.models.weights.folders import CONTEXT_KEYS
from ragft_core.threads import FreeProcessors, use_threads
from ragft_core.types import Adapter, Message, Request

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PREFIX_CACHE_BYTES = 400_000_000
# A pass over so many tokens costs little more than over one (kernels take 8 rows at once).
CHEAP_TOKENS = 8
KEPT_ADAPTERS = 16
log = logging.getLogger(__name__)


class LocalGenerator:
    """See ``Generator``.

    Args:
        name: The model's name as people know it.
        weights: The digest of its weights.
        model: The base model; belongs to the generator from now on.
        tokenizer: Its tokenizer, with a chat template.
        decoder: The forward pass, made from ``model``.
        adapters: Finds an adapter by its id.
        threads: How many CPU threads the engine's own thread uses.
        device: Where the model lies.
        thinking: Whether a model that can is asked to think before it answers. Adapters are trained
            without, and a choice among given answers leaves no room for it.
    """

    def __init__(
        self,
        name: str,
        weights: str,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        decoder: Decoder,
        adapters: Callable[[str], Adapter],
        *,
        threads: int,
        device: Device = CPU,
        thinking: bool = False,
    ) -> None:
        self._thinking = thinking
        self._name = name
        self._weights = weights
        self._model = model
        self._tokenizer = tokenizer
        self._decoder = decoder
        self._adapters = adapters
        self._threads = threads
        self.device = device
        self._ends = end_tokens(model.generation_config, tokenizer)
        self._loras: dict[str, Lora] = {}
        self._loading = threading.Lock()
        self._wake = threading.Condition()
        self._waiting: list[SequenceState] = []
        self._running: list[SequenceState] = []
        self._closed = self._cut_short = False
        self._prefixes = PrefixCache(PREFIX_CACHE_BYTES)
        self._thread = threading.Thread(target=self._serve, name="generator", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def weights(self) -> str:
        """The digest of the base weights."""
        return self._weights

    @property
    def context_tokens(self) -> int:
        """How many tokens of prompt and answer fit."""
        config = self._model.config
        return next((int(n) for k in CONTEXT_KEYS if (n := getattr(config, k, None))), 2048)

    @property
    def supports_adapters(self) -> bool:
        """True: adapters are added to any architecture."""
        return True

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model sees."""
        return render_chat(self._tokenizer, messages, thinking=self._thinking)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """How many tokens the rendered messages take."""
        return len(encode_chat(self._tokenizer, self.render(messages)))

    def submit(self, request: Request, *, priority: int = 0) -> RunningGeneration:
        """Starts a generation and returns at once.

        Raises:
            ModelError: The prompt is too long, or the adapter is unknown or of another base.
        """
        thinks = self._thinking and not request.adapter and not request.sampling.choices
        prompt = render_chat(self._tokenizer, request.messages, thinking=thinks)
        ids = encode_chat(self._tokenizer, prompt)
        room = self.context_tokens - len(ids)
        if room < 1:
            raise ModelError(
                f"The prompt takes {len(ids)} tokens, and {self._name} has room for "
                f"{self.context_tokens}.",
                "Use fewer or shorter passages, or a model with a longer context.",
            )
        lora = self._lora(request.adapter) if request.adapter else None
        room = min(room, request.sampling.max_new_tokens + (THOUGHT_TOKENS if thinks else 0))
        row = make_sequence(request, prompt, ids, room, lora, priority, self._tokenizer, self._ends)
        with self._wake:
            if self._closed:
                raise ModelError(f"{self._name} has been closed.", "Open the page again.")
            self._waiting.append(row)
            line_up(self._waiting)
            self._wake.notify()
        return row.generation

    def close(self, *, wait: bool = False) -> None:
        """Takes no more requests, ends everything that runs and frees the memory.

        Args:
            wait: Lets what was submitted end by itself first.
        """
        with self._wake:
            self._closed = True
            self._cut_short = self._cut_short or not wait
            self._wake.notify()
        self._thread.join()

    def _lora(self, name: str) -> Lora:
        # Found anew each time: under an old name may lie new weights, or none any more.
        adapter = self._adapters(name)
        identity = adapter.digest or file_state(Path(adapter.path))
        with self._loading:
            if identity not in self._loras:
                if adapter.base != self._weights:
                    raise ModelError(
                        f"The adapter {adapter.name or name} belongs to the weights "
                        f"{adapter.base[:12]}, and {self._name} has {self._weights[:12]}.",
                        "Choose the model that it was trained on, or train it again.",
                    )
                self._loras[identity] = load_lora(
                    adapter.name or name, Path(adapter.path), self._model, identity
                )
            self._loras[identity] = self._loras.pop(identity)  # the last used stands last
            while len(self._loras) > KEPT_ADAPTERS:
                self._loras.pop(next(iter(self._loras)))  # rows that use it hold it themselves
            return self._loras[identity]

    def _serve(self) -> None:
        use_threads(self._threads)
        processors = FreeProcessors(self._threads)
        while True:
            processors.adjust()
            with self._wake:
                while not (self._waiting or self._running or self._closed):
                    self._wake.wait()
                if self._closed and (self._cut_short or not (self._waiting or self._running)):
                    break
                joined = admit(self._waiting, self._running)
                self._waiting = [row for row in self._waiting if row not in joined]
                if joined:
                    line_up(self._waiting)
                self._running += joined
            try:
                self._step(joined)
            except Exception as error:
                # A bug or a lack of memory ends the rows that run, not the engine.
                log.exception("A generation step failed")
                self._fail(error)
        for row in self._waiting + self._running:
            row.generation.succeed(row.complete("cancelled"))
        self._waiting, self._running = [], []
        self._prefixes.clear()

    def _fail(self, error: Exception) -> None:
        for row in self._running:
            failure = ModelError(f"{self._name} failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
            row.generation.fail(failure)
        self._running = []

    def _step(self, joined: Sequence[SequenceState]) -> None:
        for row in joined:
            self._start(row)
        for row in [row for row in self._running if row.generation.cancelled]:
            self._end(row, "cancelled")
        # Continuous batching: prompts are read in pieces and all rows decode in the same pass.
        work = plan_step(self._running)
        if not work:
            return
        drafts = self._draft(work)
        segments = []
        for (row, count), draft in zip(work, drafts, strict=True):
            piece = row.ids[row.n_computed : row.n_computed + count] + draft
            ends = row.n_computed + count == len(row.ids)
            # Logits are wanted behind the newest token and each drafted one, not within a prompt.
            want = 1 + len(draft) if ends else 0
            segments.append(Segment(piece, row.cache, row.lora, want))
        logits = self._decoder.forward(segments)
        for (row, count), draft, found in zip(work, drafts, logits, strict=True):
            row.n_computed += count
            if len(found):
                self._take(row, draft, found)

    def _draft(self, work: Sequence[tuple[SequenceState, int]]) -> list[list[int]]:
        """Guesses for the rows that decode, as many as the pass has room for at little cost.

        What a row is forced to say is no guess: it is read with the end of its prompt.
        """
        drafts: list[list[int]] = []
        reading = any(count > 1 for _, count in work)
        room = 0 if reading or not self._decoder.shares_prefixes else CHEAP_TOKENS - len(work)
        for row, count in work:
            if ahead := row.sampler.ahead:
                ends = row.n_computed + count == len(row.ids)
                drafts.append(ahead[: row.limit - row.n_new - 1] if ends else [])
                continue
            most = min(room, row.limit - row.n_new - 1) if count == 1 else 0
            draft = row.prompt_lookup.propose(row.ids, most) if most > 0 else []
            room -= len(draft)
            drafts.append(draft)
        return drafts

    def _start(self, row: SequenceState) -> None:
        row.generation.place = 0
        row.cache = self._decoder.new_cache(len(row.ids) + row.limit)
        if not self._decoder.shares_prefixes:
            return
        running = [
            (other.adapter, other.ids, other.cache)
            for other in self._running
            if isinstance(other.cache, RowCache) and other is not row
        ]
        source, length = self._prefixes.find(row.adapter, row.ids, running)
        if source is not None:
            # The common beginning is copied, not shared: each block stays one row's own.
            row.cache.copy_from(source, length)
            row.n_computed = row.cached = length

    def _take(self, row: SequenceState, draft: Sequence[int], logits: torch.Tensor) -> None:
        """Chooses the next token, and further ones as long as the draft was right."""
        # Speculative decoding: the model's own choice at each position decides, drafts only save passes.
        right = 0
        for position in range(len(draft) + 1):
            token = row.sampler.choose(logits[position])
            self._append(row, token)
            if row.generation.done or position == len(draft) or token != draft[position]:
                break
            right += 1
        row.prompt_lookup.update(len(draft), right)
        if draft and row.cache is not None:
            row.n_computed += right
            row.cache.length = row.n_computed  # what was drafted wrong is forgotten

    def _append(self, row: SequenceState, token: int) -> None:
        if not row.n_new:
            row.first_token_s = time.perf_counter() - row.submitted
        row.ids.append(token)
        if token in self._ends:
            self._end(row, "stop")
            return
        row.detokeniser.add(token)
        row.generation.show(part_thought(row.detokeniser.text)[1])
        if row.detokeniser.stopped:
            self._end(row, "stop")
        elif row.n_new >= row.limit:
            self._end(row, "length")

    def _end(self, row: SequenceState, finish: str) -> None:
        self._running.remove(row)
        if isinstance(row.cache, RowCache):
            row.cache.length = row.n_computed
            row.memory_bytes = row.cache.n_bytes + (row.lora.n_bytes if row.lora else 0)
            self._prefixes.keep(row.adapter, row.ids[: row.n_computed], row.cache)
        row.cache = None
        row.generation.succeed(row.complete(finish))
