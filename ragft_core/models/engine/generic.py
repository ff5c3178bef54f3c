"""The forward pass of any transformers causal LM; rows that decode go through it together.

The model runs as transformers wrote it, and adapters are added by hooks on the projections they
touch. Rows that decode are padded on the left into one batch: a mask hides the padding, positions
are each row's own, and a hook adds each row's adapter to that row only. Prompts are read row by
row. Models whose rows do not come out of a batch as they go in (recurrent states, caches of another
kind) are told by a trial when they are loaded, and run one row after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragft_core.models.engine.decoder import Segment
from ragft_core.models.engine.lora import Lora, Projection

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel

# Of two rows of the trial, in tokens; sums in another order may differ by so much of the largest, by
# bytes of a number.
TRIAL = ((3, 4, 5, 6, 7), (8, 9))
CLOSE = {4: 1e-4, 2: 5e-2}


# Arrangements of adapters that are kept ready.
KEPT = 6


class Row:
    """The keys and values of one row: in a cache of its own, or in a batch that it decodes in."""

    def __init__(self, cache: DynamicCache) -> None:
        self.cache: DynamicCache | None = cache
        self.length = 0


class GenericDecoder:
    """See ``Decoder``. Runs in the engine's thread only."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        # Of the rows of the present pass: which adapter each has.
        self._loras: list[Lora | None] = []
        self._beside: dict[str, _Beside | None] = {}
        self._kept: list[tuple[list[Lora | None], dict[str, _Beside | None]]] = []
        self._running = False  # whoever else runs the model gets it without adapters
        self._hooked: set[str] = set()
        self._batch: _Batch | None = None
        self._batches = True
        self._batches = _holds(self)

    @property
    def shares_prefixes(self) -> bool:
        """False: some architectures' caches (sliding windows, state spaces) cannot be cut."""
        return False

    @property
    def batches(self) -> bool:
        """Whether rows decode together."""
        return self._batches

    @property
    def itemsize(self) -> int:
        """Bytes of a number as the model computes."""
        return int(self._model.dtype.itemsize)

    def new_cache(self, capacity: int) -> Row:
        """An empty cache; it grows as needed."""
        from transformers import DynamicCache

        # Without the configuration all layers keep everything, also those with a window: the mask
        # is theirs, and rows of different lengths can stand side by side.
        return Row(DynamicCache() if self._batches else DynamicCache(config=self._model.config))

    def forward(self, segments: Sequence[Segment]) -> list[torch.Tensor]:
        """Runs the segments; for each, logits of shape (want, vocabulary)."""
        import torch

        together = [s for s in segments if s.cache.length and _decodes(s)]
        if len(together) < 2 or not self._batches:
            together = []
        found: dict[int, torch.Tensor] = {}
        self._running = True
        try:
            with torch.inference_mode():
                if together:
                    logits = self._together(together)
                    found = {id(s): logits[n : n + 1] for n, s in enumerate(together)}
                for segment in segments:
                    if id(segment) not in found:
                        found[id(segment)] = self._alone(segment)
        finally:
            self._running = False
        return [found[id(segment)] for segment in segments]

    def _alone(self, segment: Segment) -> torch.Tensor:
        import torch

        row: Row = segment.cache
        if row.cache is None and self._batch is not None:
            self._batch.dissolve()
            self._batch = None
        self._use([segment.lora])
        out = self._model(
            input_ids=torch.tensor([list(segment.ids)], device=self._model.device),
            past_key_values=row.cache,
            use_cache=True,
            logits_to_keep=max(1, segment.want),
        )
        row.length += len(segment.ids)
        found = out.logits[0]
        return found[len(found) - segment.want :].float()

    def _together(self, segments: Sequence[Segment]) -> torch.Tensor:
        """One token of each row; logits of shape (rows, vocabulary)."""
        import torch

        rows: list[Row] = [segment.cache for segment in segments]
        if self._batch is None or self._batch.rows != rows:
            if self._batch is not None:
                self._batch.dissolve()
            self._batch = _Batch(rows)
        self._use([segment.lora for segment in segments])
        device = self._model.device
        lengths = torch.tensor([row.length for row in rows], device=device)
        width = int(self._batch.cache.get_seq_length()) + 1
        places = torch.arange(width, device=device)
        out = self._model(
            input_ids=torch.tensor([list(segment.ids) for segment in segments], device=device),
            attention_mask=(places >= width - 1 - lengths[:, None]).long(),
            position_ids=lengths[:, None],
            past_key_values=self._batch.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        for row in rows:
            row.length += 1
        return out.logits[:, -1].float()

    def _use(self, loras: list[Lora | None]) -> None:
        self._loras = loras
        known = [kept for kept in self._kept if _same(kept[0], loras)]
        # Rows that are read one by one take turns: the last few arrangements are kept.
        entry = known[0] if known else (loras, {})
        self._kept = [entry, *(kept for kept in self._kept if kept is not entry)][:KEPT]
        self._beside = entry[1]
        touched = {name for lora in loras if lora for name in lora.projections}
        for name in touched - self._hooked:
            self._model.get_submodule(name).register_forward_hook(self._hook(name))
            self._hooked.add(name)

    def _hook(self, name: str) -> Callable[..., torch.Tensor | None]:
        def add(_module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> Any:
            if not self._running:
                return None
            if name not in self._beside:
                self._beside[name] = _side_by_side(self._loras, name)
            beside = self._beside[name]
            if beside is None:
                return None
            low = inputs[0] @ beside.a
            if beside.own is not None:
                # OPT's layers see the tokens of a batch as rows.
                low = low * (beside.own if low.dim() == 2 else beside.own[:, None])
            return output + low @ beside.b

        return add


@dataclass(frozen=True)
class _Beside:
    """The adapters of a batch on one projection, side by side: ``a`` (inputs, R), ``b`` (R, outputs).

    ``own`` (rows, R) is 1 where a rank is of the row's adapter, else 0; None where each row has all.
    Two products serve all rows, and what is not a row's own is multiplied by zero.
    """

    a: torch.Tensor
    b: torch.Tensor
    own: torch.Tensor | None


def _same(one: Sequence[Lora | None], other: Sequence[Lora | None]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _side_by_side(loras: Sequence[Lora | None], name: str) -> _Beside | None:
    """None where no row's adapter touches the projection."""
    import torch

    found: dict[int, Projection] = {
        id(lora): lora.projections[name] for lora in loras if lora and name in lora.projections
    }
    if not found:
        return None
    a = torch.cat([projection.a for projection in found.values()]).T.contiguous()
    b = torch.cat([projection.b.T for projection in found.values()])
    ranks = [(key, projection.a.shape[0]) for key, projection in found.items()]
    own = a.new_tensor(
        [[float(key == id(lora)) for key, rank in ranks for _ in range(rank)] for lora in loras]
    )
    return _Beside(a, b, None if bool(own.all()) else own)


def _decodes(segment: Segment) -> bool:
    """Whether a segment is a row's next token, and its adapter can be told by the row.

    Experts see the tokens that were sent to them, in an order of their own.
    """
    names = segment.lora.projections if segment.lora else ()
    return len(segment.ids) == segment.want == 1 and not any(".experts." in n for n in names)


class _Batch:
    """Rows side by side, padded on the left to the longest."""

    def __init__(self, rows: list[Row]) -> None:
        import torch
        from transformers import DynamicCache

        self.rows = rows
        self.cache = DynamicCache()
        longest = max(row.length for row in rows)
        layers = [row.cache.layers for row in rows if row.cache is not None]
        for number, parts in enumerate(zip(*layers, strict=True)):
            keys, values = (
                torch.cat([_padded(getattr(part, name), longest) for part in parts])
                for name in ("keys", "values")
            )
            self.cache.update(keys, values, number)
        for row in rows:
            row.cache = None

    def dissolve(self) -> None:
        """Gives the rows caches of their own again."""
        from transformers import DynamicCache

        for place, row in enumerate(self.rows):
            row.cache = DynamicCache()
            for number, layer in enumerate(self.cache.layers):
                start = layer.keys.shape[-2] - row.length
                keys, values = (
                    part[place : place + 1, :, start:].clone()
                    for part in (layer.keys, layer.values)
                )
                row.cache.update(keys, values, number)


def _padded(part: torch.Tensor, length: int) -> torch.Tensor:
    from torch.nn import functional

    return functional.pad(part, (0, 0, length - part.shape[-2], 0))


def _holds(decoder: GenericDecoder) -> bool:
    """Whether two rows of different lengths decode together as they do alone."""
    import torch

    def read() -> list[Segment]:
        found = []
        for ids in TRIAL:
            cache = decoder.new_cache(16)
            decoder.forward([Segment(ids, cache)])
            found.append(Segment((9,), cache))
        return found

    try:
        alone = [decoder.forward([segment])[0] for segment in read()]
        together = decoder.forward(read())
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError):
        return False
    close = CLOSE[decoder.itemsize]
    scale = max(float(logits.abs().max()) for logits in alone)
    return all(
        bool(torch.allclose(one, other, atol=close * scale, rtol=0))
        for one, other in zip(alone, together, strict=True)
    )
