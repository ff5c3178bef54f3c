"""Matrix products of a model: several projections in one, packed weights, adapters on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragft_core.models.kernels.matmul import Kernels
from ragft_core.models.kernels.quantized import Packed

if TYPE_CHECKING:
    import torch

# Up to so many rows reading the weights is what costs, and packed weights are faster; measured on
# two cores: 2.3 times at 1 row, 3.1 at 4 and 8, 1.5 at 16, even at 32.
PACKED_ROWS = 24


@dataclass(frozen=True)
class Applied:
    """The adapters of a run of tokens, ``start`` to ``end``, on one product.

    ``a`` (R, inputs) and ``b`` (R, outputs) hold the adapters' ranks side by side; ``mask``
    (tokens, R) selects each token's own, None when all of it is everybody's. ``packed`` are both
    as ``kernels`` want them, R padded with zeros.
    """

    start: int
    end: int
    a: torch.Tensor
    b: torch.Tensor
    mask: torch.Tensor | None
    packed: tuple[Packed, Packed] | None = None


class Product:
    """``x W^T``, where ``weight`` (outputs, inputs) joins the weights of several ``modules``.

    ``sizes`` are their numbers of outputs. ``packed`` is the same matrix for few rows.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        modules: tuple[str, ...] = (),
        sizes: tuple[int, ...] = (),
    ) -> None:
        self.weight = weight
        self.bias = bias
        self.modules = modules
        self.sizes = sizes
        self._packed: Packed | None = None
        self._kernels: Kernels | None = None

    def use(self, packed: Packed, kernels: Kernels) -> None:
        """Uses the packed form of the weight where it is faster."""
        self._packed, self._kernels = packed, kernels

    def __call__(
        self,
        x: torch.Tensor,
        extra: Sequence[Applied] = (),
        onto: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The product for ``x`` (tokens, inputs), plus adapters, plus ``onto``."""
        import torch
        from torch.nn import functional

        if self._packed is not None and self._kernels is not None and len(x) <= PACKED_ROWS:
            y = self._kernels.product(x, self._packed.data, self._packed.kind)
            if self.bias is not None:
                y += self.bias
            if onto is not None:
                y += onto
        elif onto is not None and self.bias is None:
            # The residual is added within the product, which saves a pass through memory.
            y = torch.addmm(onto, x, self.weight.T)
        else:
            y = functional.linear(x, self.weight, self.bias)
            y = y if onto is None else y + onto
        for applied in extra:
            self._add(applied, x[applied.start : applied.end], y[applied.start : applied.end])
        return y

    def _add(self, applied: Applied, x: torch.Tensor, y: torch.Tensor) -> None:
        """Adds what the adapters give for ``x`` to ``y``."""
        few = len(x) <= PACKED_ROWS
        if few and applied.packed is not None and self._kernels is not None:
            down, up = applied.packed
            low = self._kernels.product(x, down.data, down.kind)
            if applied.mask is not None:
                low *= applied.mask
            y += self._kernels.product(low, up.data, up.kind)
            return
        # LoRA: down to the ranks of all adapters at once, each token keeps its own, and up again.
        low = x @ applied.a.T
        if applied.mask is not None:
            low *= applied.mask
        y.addmm_(low, applied.b)


def fuse(layer: torch.nn.Module, names: Sequence[str]) -> Product:
    """Joins projections of the same input; the model's own become views of the joined one."""
    import torch

    linears: list[Any] = [layer.get_submodule(name) for name in names]
    sizes = tuple(linear.weight.shape[0] for linear in linears)
    weight = linears[0].weight.data
    bias = linears[0].bias.data if linears[0].bias is not None else None
    if len(linears) > 1:
        weight = torch.cat([linear.weight.data for linear in linears])
        # Views, not copies: the model keeps working and its memory does not grow.
        for linear, part in zip(linears, weight.split(sizes), strict=True):
            linear.weight.data = part
        if bias is not None:
            bias = torch.cat([linear.bias.data for linear in linears])
    return Product(weight, bias, tuple(names), sizes)
