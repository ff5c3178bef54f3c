"""The forward pass of any transformers causal LM, one row after the other.

Slower than ``llama.py`` for several rows at once, but it works for every architecture: the model
runs as transformers wrote it, and adapters are added by hooks on the projections they touch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ragft_core.models.engine.decoder import Segment
from ragft_core.models.engine.lora import Lora

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class GenericDecoder:
    """See ``Decoder``. Runs in the engine's thread only."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._lora: Lora | None = None
        self._hooked: set[str] = set()

    @property
    def shares_prefixes(self) -> bool:
        """False: some architectures' caches (sliding windows, state spaces) cannot be cut."""
        return False

    def new_cache(self, capacity: int) -> Any:
        """An empty cache; it grows as needed."""
        from transformers import DynamicCache

        return DynamicCache(config=self._model.config)

    def forward(self, segments: Sequence[Segment]) -> list[torch.Tensor]:
        """Runs the segments one by one; for each, logits of shape (want, vocabulary)."""
        import torch

        logits = []
        with torch.inference_mode():
            for segment in segments:
                self._use(segment.lora)
                ids = torch.tensor([list(segment.ids)], device=self._model.device)
                out = self._model(
                    input_ids=ids,
                    past_key_values=segment.cache,
                    use_cache=True,
                    logits_to_keep=max(1, segment.want),
                )
                found = out.logits[0]
                logits.append(found[len(found) - segment.want :].float())
        self._lora = None
        return logits

    def _use(self, lora: Lora | None) -> None:
        self._lora = lora
        for name in set(lora.projections if lora else ()) - self._hooked:
            self._model.get_submodule(name).register_forward_hook(self._hook(name))
            self._hooked.add(name)

    def _hook(self, name: str) -> Callable[..., torch.Tensor | None]:
        def add(_module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> Any:
            projection = self._lora.projections.get(name) if self._lora else None
            if projection is None:
                return None
            return output + (inputs[0] @ projection.a.T) @ projection.b.T

        return add
