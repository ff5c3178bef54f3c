"""What the workers of a run tell each other at every step (distributed data parallel training).

Each trains on its share of a batch; gradients are added up, so that all take the same step, which
is the one that a single worker would have taken. What is measured, decided and written is the
first worker's. One worker alone passes through all of this unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


class Peers:
    """A worker's view of the others: it is alone, or ``rank`` of ``size``."""

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this is the worker that measures and writes."""
        return self.rank == 0

    def first(self, make: Callable[[], T]) -> T:
        """What the first worker makes, for all; the others wait for it."""
        return make()

    def totals(self, *numbers: float) -> tuple[float, ...]:
        """Each number added up over the workers."""
        return numbers

    def add_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Adds the gradients of the workers up, in all of them."""

    def same_weights(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Gives all workers the first one's weights."""


class ConnectedPeers(Peers):
    """The workers of this process's ``torch.distributed`` group.

    What travels is small, an adapter's gradients as one vector, so that it goes through the CPU
    (Gloo) wherever the model is.
    """

    def __init__(self) -> None:
        import torch.distributed as group

        self._group = group
        self.rank, self.size = group.get_rank(), group.get_world_size()

    def first(self, make: Callable[[], T]) -> T:
        """See ``Peers``."""
        told = [make() if self.leads else None]
        self._group.broadcast_object_list(told, src=0)
        return told[0]  # type: ignore[return-value]

    def totals(self, *numbers: float) -> tuple[float, ...]:
        """See ``Peers``."""
        import torch

        sums = torch.tensor(numbers, dtype=torch.float64)
        self._group.all_reduce(sums)
        return tuple(sums.tolist())

    def add_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """See ``Peers``; a worker without a share of the batch adds nothing."""
        import torch

        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        whole = torch.cat([grad.detach().reshape(-1).cpu() for grad in grads])
        self._group.all_reduce(whole)
        for p, grad in zip(parameters, _cut(whole, parameters), strict=True):
            p.grad = grad.to(p.device, p.dtype)

    def same_weights(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """See ``Peers``."""
        import torch

        whole = torch.cat([p.detach().reshape(-1).cpu() for p in parameters])
        self._group.broadcast(whole, src=0)
        for p, weights in zip(parameters, _cut(whole, parameters), strict=True):
            p.data.copy_(weights)


def _cut(whole: torch.Tensor, like: Sequence[torch.nn.Parameter]) -> list[torch.Tensor]:
    """A vector cut into pieces of the parameters' shapes."""
    pieces = whole.split([p.numel() for p in like])
    return [piece.reshape(p.shape) for piece, p in zip(pieces, like, strict=True)]


ALONE = Peers()
