"""Keys and values of rows, and their reuse by rows that begin alike.

A row's cache is one contiguous block of exactly the size that the row can reach: no pages, no
padding. When a row ends, its block goes to the prefix cache instead of being freed; a later row
with the same adapter copies the part that it has in common (a follow-up turn its whole history,
a question of an evaluation the instruction). Copying costs a few milliseconds where computing
takes a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Copying fewer tokens than this saves nothing.
SHORTEST = 8


class RowCache:
    """Keys and values of one row: (layers, heads, capacity, head size) each."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys = keys
        self.values = values
        self.length = 0

    @property
    def n_bytes(self) -> int:
        """Memory that the block takes."""
        return 2 * self.keys.numel() * self.keys.element_size()

    def copy_from(self, other: RowCache, length: int) -> None:
        """Takes over the first ``length`` tokens of another row's cache."""
        import torch

        with torch.inference_mode():
            self.keys[:, :, :length] = other.keys[:, :, :length]
            self.values[:, :, :length] = other.values[:, :, :length]
        self.length = length


class PrefixCache:
    """Caches of ended rows, the least recently used given up first."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._entries: dict[tuple[str, tuple[int, ...]], RowCache] = {}

    @property
    def n_bytes(self) -> int:
        """Memory that the kept blocks take."""
        return sum(cache.n_bytes for cache in self._entries.values())

    def find(
        self,
        adapter: str,
        ids: Sequence[int],
        running: Iterable[tuple[str, Sequence[int], RowCache]] = (),
    ) -> tuple[RowCache | None, int]:
        """The cache that shares the longest beginning with ``ids``, and its length.

        The last token of ``ids`` is never taken over, because its logits are needed.

        Args:
            adapter: Only rows of this adapter have the same keys and values.
            ids: The tokens of the new row.
            running: (adapter, tokens, cache) of rows still at work.
        """
        best: tuple[RowCache | None, int] = (None, 0)
        used = None
        for key, cache in self._entries.items():
            if key[0] == adapter:
                # An ended row: its block may hold fewer tokens than it was kept under.
                length = min(common(ids, key[1]), cache.length, len(ids) - 1)
                if length > best[1]:
                    best, used = (cache, length), key
        for other, tokens, cache in running:
            if other == adapter:
                length = min(common(ids, tokens), cache.length, len(ids) - 1)
                if length > best[1]:
                    best, used = (cache, length), None
        if best[1] < SHORTEST:
            return None, 0
        # Put last again: the first of the dict is the least recently used.
        if used is not None:
            self._entries[used] = self._entries.pop(used)
        return best

    def keep(self, adapter: str, ids: Sequence[int], cache: RowCache) -> None:
        """Takes an ended row's cache; ``ids`` are the tokens in it."""
        tokens = tuple(ids[: cache.length])
        if len(tokens) < SHORTEST:
            return
        for key in [k for k in self._entries if k[0] == adapter]:
            if common(key[1], tokens) == len(key[1]):  # the new one holds all of it
                del self._entries[key]
        self._entries[(adapter, tokens)] = cache
        while self._entries and self.n_bytes > self._budget:
            del self._entries[next(iter(self._entries))]

    def clear(self) -> None:
        """Frees everything."""
        self._entries.clear()


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the common beginning of two token sequences."""
    shortest = min(len(a), len(b))
    if tuple(a[:shortest]) == tuple(b[:shortest]):
        return shortest
    for index in range(shortest):
        if a[index] != b[index]:
            return index
    return shortest
