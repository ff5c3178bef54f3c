"""What a pass does between its matrix products: norms, positions, attention, gates.

``TorchPass`` works for any model and device. ``CompiledPass`` does the same on a CPU with each part
as one call: with a few rows, calling the library some thirty times a layer takes most of the time,
and with many, its steps through memory one by one take a third of it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from ragft_core.models.engine.decoder import Segment
from ragft_core.models.kernels.attention import (
    ITEM,
    Shape,
    attention_ir,
    rms_norm_ir,
    rotary_embedding_ir,
    swiglu_ir,
)
from ragft_core.models.kernels.llvm import LANES, CompiledModule, compile_ir, features

if TYPE_CHECKING:
    import torch

NAMES = ("norm", "gate", "turn", "attend")
# From so many tokens on, attention is the library's, which multiplies whole blocks.
FEW_TOKENS = 24
# Fewer rows are not worth waking a second thread for.
ROWS_WORTH_IT = 8


class TorchPass:
    """One pass over segments of several rows; ``cos`` and ``sin`` (tokens, 1, size)."""

    def __init__(
        self, shape: Shape, segments: Sequence[Segment], cos: torch.Tensor, sin: torch.Tensor
    ) -> None:
        self._shape = shape
        self._segments = segments
        self._cos, self._sin = cos, sin
        self._masks = [_mask(segment, shape.group) for segment in segments]

    def norm(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Root mean square norm of ``x`` (tokens, width)."""
        from torch.nn import functional

        return functional.rms_norm(x, x.shape[-1:], weight, self._shape.eps)

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """``silu(a) * b`` for ``x`` = (a, b): (tokens, half of the width)."""
        from torch.nn import functional

        gate, up = x.chunk(2, dim=-1)
        return functional.silu(gate) * up

    def attend(self, layer: int, qkv: torch.Tensor) -> torch.Tensor:
        """Stores the new keys and values and attends: (tokens, heads * size)."""
        import torch

        heads, kv, size = self._shape.heads, self._shape.kv_heads, self._shape.size
        tokens = qkv.shape[0]
        # Queries and keys lie beside each other in the fused product and turn together (RoPE).
        turned = qkv[:, : (heads + kv) * size].view(tokens, heads + kv, size)
        half = size // 2
        swapped = torch.cat((-turned[..., half:], turned[..., :half]), dim=-1)
        turned = torch.addcmul(turned * self._cos, swapped, self._sin)
        values = qkv[:, (heads + kv) * size :].view(tokens, kv, size)
        start = 0
        for segment in self._segments:
            cache, end = segment.cache, start + len(segment.ids)
            past, total = cache.length, cache.length + len(segment.ids)
            # Each row's new keys and values go behind what its own cache holds.
            cache.keys[layer][:, past:total] = turned[start:end, heads:].transpose(0, 1)
            cache.values[layer][:, past:total] = values[start:end].transpose(0, 1)
            start = end
        return _attend_rows(layer, turned[:, :heads], self._segments, self._masks)


class CompiledPass(TorchPass):
    """The same with compiled parts, in fp32 on a CPU."""

    def __init__(
        self,
        machine: CompiledModule,
        shape: Shape,
        segments: Sequence[Segment],
        cos: torch.Tensor,
        sin: torch.Tensor,
    ) -> None:
        import torch

        self._calls = machine.calls
        self._threads = torch.get_num_threads()
        self._few = len(cos) <= FEW_TOKENS
        super().__init__(shape, segments if not self._few else (), cos, sin)
        # What the compiled parts need of each token, as plain numbers: see ITEM.
        items: list[int] = []
        longest = 0
        for segment in segments:
            row, end = segment.cache, segment.cache.length + len(segment.ids)
            keys, values = row.keys.data_ptr(), row.values.data_ptr()
            head = 4 * row.keys.shape[2] * shape.size
            for position in range(row.length, end):
                items += (keys, values, head * shape.kv_heads, head, position)
            longest = max(longest, end)
        self._n = len(items) // ITEM
        self._items = (ctypes.c_int64 * len(items))(*items)
        # Scratch for the scores of the longest row, rounded up to whole vectors.
        scores = -(-longest // LANES) * LANES if self._few else 0
        self._scores = torch.empty(self._n * shape.heads * scores)
        self._score_bytes = 4 * scores

    def norm(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Root mean square norm of ``x`` (tokens, width)."""
        import torch

        y = torch.empty_like(x)
        self._call(
            "norm", self._for(len(x)), x.data_ptr(), weight.data_ptr(), y.data_ptr(), *x.shape
        )
        return y

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """``silu(a) * b`` for ``x`` = (a, b): (tokens, half of the width)."""
        y = x.new_empty(x.shape[0], x.shape[1] // 2)
        self._call("gate", self._for(len(x)), x.data_ptr(), y.data_ptr(), *y.shape)
        return y

    def attend(self, layer: int, qkv: torch.Tensor) -> torch.Tensor:
        """Stores the new keys and values and attends: (tokens, heads * size)."""
        shape = self._shape
        width = shape.heads * shape.size
        # With many tokens "turn" works in place and the library attends from there.
        out = qkv.new_empty(self._n, width) if self._few else qkv
        arguments = (
            qkv.data_ptr(), self._cos.data_ptr(), self._sin.data_ptr(), out.data_ptr(),
            ctypes.addressof(self._items), self._n, layer, self._scores.data_ptr(),
            self._score_bytes,
        )  # fmt: skip
        self._call("turn", self._for(self._n), *arguments)
        if self._few:
            self._call("attend", self._threads, *arguments)
            return out
        queries = qkv[:, :width].view(self._n, shape.heads, shape.size)
        return _attend_rows(layer, queries, self._segments, self._masks)

    def _for(self, rows: int) -> int:
        """Threads for work on so many rows."""
        return self._threads if rows >= ROWS_WORTH_IT else 1

    def _call(self, name: str, threads: int, *arguments: int) -> None:
        numbers = (*arguments, threads)
        self._calls[name]((ctypes.c_int64 * len(numbers))(*numbers))


@cache
def compile_pass(shape: Shape) -> CompiledModule | None:
    """The parts of a pass for models of this shape, or None where they cannot be had."""
    if shape.size % (2 * LANES) or shape.size > 128 or features() is None:
        return None
    code = rms_norm_ir(shape) + swiglu_ir() + rotary_embedding_ir(shape) + attention_ir(shape)
    return compile_ir(code, NAMES)


def _mask(segment: Segment, group: int) -> torch.Tensor | None:
    """What each new token may see, for every head of a group; None where that is all."""
    import torch

    past, new = segment.cache.length, len(segment.ids)
    # One token sees all; a prompt from its beginning uses the library's causal path.
    if new == 1 or not past:
        return None
    device = segment.cache.keys.device
    seen = torch.ones(new, past + new, dtype=torch.bool, device=device).tril_(past)
    return seen.repeat(group, 1)


def _attend_rows(
    layer: int,
    queries: torch.Tensor,
    segments: Sequence[Segment],
    masks: Sequence[torch.Tensor | None],
) -> torch.Tensor:
    """Attention of ``queries`` (tokens, heads, size) over their rows: (tokens, heads * size)."""
    out = queries.new_empty(queries.shape[0], queries.shape[1] * queries.shape[2])
    start = 0
    for segment, mask in zip(segments, masks, strict=True):
        end, total = start + len(segment.ids), segment.cache.length + len(segment.ids)
        keys, values = segment.cache.keys[layer], segment.cache.values[layer]
        out[start:end] = _attention(queries[start:end], keys[:, :total], values[:, :total], mask)
        start = end
    return out


def _attention(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """Causal attention of new tokens (n, heads, size) over (kv heads, total, size): (n, width).

    The heads that share keys count as so many queries, so that nothing is copied for them.
    """
    from torch.nn import functional

    new, heads, size = query.shape
    kv, total, _ = keys.shape
    group = heads // kv
    attend = functional.scaled_dot_product_attention
    if new == total > 1:  # a prompt from its beginning: the library's causal path is fastest
        mixed = attend(
            query.transpose(0, 1)[None],
            keys.repeat_interleave(group, 0)[None],
            values.repeat_interleave(group, 0)[None],
            is_causal=True,
        )
        return mixed[0].transpose(0, 1).reshape(new, heads * size)
    # (new, kv, group) to (kv, group * new): a group's heads become further queries of its keys.
    grouped = query.view(new, kv, group, size).permute(1, 2, 0, 3).reshape(1, kv, group * new, size)
    mixed = attend(grouped, keys[None], values[None], attn_mask=mask)
    return mixed.view(kv, group, new, size).permute(2, 0, 1, 3).reshape(new, heads * size)
