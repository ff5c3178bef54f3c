"""What a pass does between its matrix products, for any number of tokens on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragft_core.models.decoder import Segment
from ragft_core.models.steps import Shape

if TYPE_CHECKING:
    import torch


class TorchPass:
    """One pass over segments of several rows; ``cos`` and ``sin`` (tokens, 1, size)."""

    def __init__(
        self, shape: Shape, segments: Sequence[Segment], cos: torch.Tensor, sin: torch.Tensor
    ) -> None:
        self._shape = shape
        self._segments = segments
        self._cos, self._sin = cos, sin
        self._masks = [self._mask(segment) for segment in segments]

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
        turned = qkv[:, : (heads + kv) * size].view(tokens, heads + kv, size)
        half = size // 2
        swapped = torch.cat((-turned[..., half:], turned[..., :half]), dim=-1)
        turned = torch.addcmul(turned * self._cos, swapped, self._sin)
        values = qkv[:, (heads + kv) * size :].view(tokens, kv, size)
        out = qkv.new_empty(tokens, heads * size)
        start = 0
        for segment, mask in zip(self._segments, self._masks, strict=True):
            end, cache = start + len(segment.ids), segment.cache
            past, total = cache.length, cache.length + len(segment.ids)
            keys_of, values_of = cache.keys[layer], cache.values[layer]
            keys_of[:, past:total] = turned[start:end, heads:].transpose(0, 1)
            values_of[:, past:total] = values[start:end].transpose(0, 1)
            out[start:end] = _attention(
                turned[start:end, :heads], keys_of[:, :total], values_of[:, :total], mask
            )
            start = end
        return out

    def _mask(self, segment: Segment) -> torch.Tensor | None:
        """What each new token may see, for every head of a group; None where that is all."""
        import torch

        past, new = segment.cache.length, len(segment.ids)
        if new == 1 or not past:
            return None
        device = segment.cache.keys.device
        seen = torch.ones(new, past + new, dtype=torch.bool, device=device).tril_(past)
        return seen.repeat(self._shape.group, 1)


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
    grouped = query.view(new, kv, group, size).permute(1, 2, 0, 3).reshape(1, kv, group * new, size)
    mixed = attend(grouped, keys[None], values[None], attn_mask=mask)
    return mixed.view(kv, group, new, size).permute(2, 0, 1, 3).reshape(new, heads * size)
