"""The forward pass of the Llama family, written for mixed batches on a CPU.

What it does beyond transformers' own: query, key and value projections are one matrix product,
gate and up another (weights are re-laid in place, so memory does not grow); rows of any length
share every product without padding; adapters of different rows are applied in one pair of
products; the vocabulary projection runs on wanted positions only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ragft_core.models.engine.decoder import Segment
from ragft_core.models.engine.kv_cache import RowCache
from ragft_core.models.engine.layers import CompiledPass, TorchPass, compile_pass
from ragft_core.models.engine.linear import PACKED_ROWS, Applied, Product, fuse
from ragft_core.models.engine.lora import Lora, Stacked, stack
from ragft_core.models.kernels.attention import Shape
from ragft_core.models.kernels.llvm import LANES
from ragft_core.models.weights.folders import LLAMA_FAMILY

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ATTENTION = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
GATED = ("mlp.gate_proj", "mlp.up_proj")
PROBE = tuple(range(3, 35))
Packing = Callable[[dict[str, Product]], None]
# Relative to the largest logit, by bytes of a number; rounding alone gives a tenth.
PROBE_TOLERANCE = {4: 1e-3, 2: 5e-2}


@dataclass(frozen=True)
class Layer:
    """The weights of one layer; the products in the order qkv, o, gate-up, down.

    ``head_norms`` (query and key heads, size) are Qwen3's norms of each head, None elsewhere.
    """

    attention_norm: torch.Tensor
    mlp_norm: torch.Tensor
    head_norms: torch.Tensor | None
    products: tuple[Product, Product, Product, Product]


class LlamaDecoder:
    """See ``Decoder``. Runs in the engine's thread only."""

    def __init__(self, model: PreTrainedModel) -> None:
        config = model.config
        core = model.model
        self.device = model.device
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        self._shape = Shape(heads, config.num_key_value_heads, size, config.rms_norm_eps)
        self._embedding = core.embed_tokens.weight
        widths = (config.hidden_size, config.intermediate_size)
        fp32 = self.device.type == "cpu" and self._embedding.dtype.itemsize == 4
        whole = all(width % LANES == 0 for width in widths)
        self._machine = compile_pass(self._shape) if fp32 and whole else None
        self._norm = core.norm.weight
        self._head = Product(model.lm_head.weight)
        self._layers = [_layer(core, number) for number in range(config.num_hidden_layers)]
        self._rotary = core.rotary_emb
        self._cos, self._sin = self._tables(512)
        self._stacked: dict[tuple[int, ...], tuple[Any, list[list[Stacked | None]]]] = {}

    @property
    def shares_prefixes(self) -> bool:
        """True: a row's cache is a plain block."""
        return True

    def products(self) -> dict[str, Product]:
        """Every matrix product by a name of its own, for packing."""
        named = {"head": self._head}
        for number, layer in enumerate(self._layers):
            named |= {f"{number}.{n}": product for n, product in enumerate(layer.products)}
        return named

    def new_cache(self, capacity: int) -> RowCache:
        """An empty cache for one row of at most ``capacity`` tokens."""
        import torch

        shape = (len(self._layers), self._shape.kv_heads, capacity, self._shape.size)
        dtype = self._embedding.dtype
        return RowCache(
            torch.empty(shape, dtype=dtype, device=self.device),
            torch.empty(shape, dtype=dtype, device=self.device),
        )

    def forward(self, segments: Sequence[Segment]) -> list[torch.Tensor]:
        """Runs the segments together; for each, logits of shape (want, vocabulary)."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor([i for s in segments for i in s.ids], device=self.device)
            this = self._begin(segments, *self._positions(segments))
            applied = self._apply(segments)
            hidden = self._embedding[ids]
            for number, layer in enumerate(self._layers):
                qkv, out, gated, down = layer.products
                extra = applied[number]
                x = this.norm(hidden, layer.attention_norm)
                heads = self._normed(qkv(x, extra[0]), layer.head_norms)
                mixed = this.attend(number, heads)
                hidden = out(mixed, extra[1], onto=hidden)
                x = this.norm(hidden, layer.mlp_norm)
                hidden = down(this.gate(gated(x, extra[2])), extra[3], onto=hidden)
            return self._logits(hidden, segments)

    def _normed(self, qkv: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        """The same with the query and key heads normed, in place."""
        from torch.nn import functional

        if weights is None:
            return qkv
        n, size = weights.shape
        heads = qkv[:, : n * size].view(len(qkv), n, size)
        heads.copy_(functional.rms_norm(heads, (size,), eps=self._shape.eps) * weights)
        return qkv

    def _begin(
        self, segments: Sequence[Segment], cos: torch.Tensor, sin: torch.Tensor
    ) -> TorchPass:
        if self._machine is not None:
            return CompiledPass(self._machine, self._shape, segments, cos, sin)
        return TorchPass(self._shape, segments, cos, sin)

    def _logits(self, hidden: torch.Tensor, segments: Sequence[Segment]) -> list[torch.Tensor]:
        import torch
        from torch.nn import functional

        # The vocabulary is the largest product; it runs for the positions that are asked for only.
        wanted: list[int] = []
        end = 0
        for segment in segments:
            end += len(segment.ids)
            segment.cache.length += len(segment.ids)
            wanted += range(end - segment.want, end)
        if not wanted:
            return [hidden.new_empty(0, self._head.weight.shape[0]) for _ in segments]
        chosen = hidden[torch.tensor(wanted, device=self.device)]
        chosen = functional.rms_norm(chosen, chosen.shape[-1:], self._norm, self._shape.eps)
        logits = self._head(chosen)
        return list(logits.float().split([segment.want for segment in segments]))

    def _positions(self, segments: Sequence[Segment]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        ends = [(s.cache.length, s.cache.length + len(s.ids)) for s in segments]
        # RoPE's angles are kept as tables that double when a row outgrows them.
        while max(end for _, end in ends) > self._cos.shape[0]:
            self._cos, self._sin = self._tables(2 * self._cos.shape[0])
        at = torch.tensor([p for start, end in ends for p in range(start, end)], device=self.device)
        return self._cos[at], self._sin[at]

    def _tables(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        at = torch.arange(length, device=self.device)[None]
        cos, sin = self._rotary(self._embedding[:1], at)
        return cos[0].unsqueeze(1), sin[0].unsqueeze(1)

    def _apply(self, segments: Sequence[Segment]) -> list[list[list[Applied]]]:
        """The adapters of a pass by layer and product.

        Neighbouring short segments share one pair of products over all their adapters; a piece of
        a prompt has a pair of its own, so that it pays for no other adapter.
        """
        layers: list[list[list[Applied]]] = [[[], [], [], []] for _ in self._layers]
        start = 0
        for long, run in groupby(segments, key=lambda s: len(s.ids) > PACKED_ROWS):
            for part in [[segment] for segment in run] if long else [list(run)]:
                end = start + sum(len(segment.ids) for segment in part)
                self._apply_part(layers, part, start, end)
                start = end
        return layers

    def _apply_part(
        self,
        layers: list[list[list[Applied]]],
        part: Sequence[Segment],
        start: int,
        end: int,
    ) -> None:
        import torch

        loras = sorted({s.lora for s in part if s.lora is not None}, key=id)
        if not loras:
            return
        # For each token the number of its adapter, -2 for none, which no rank belongs to.
        rows = torch.tensor(
            [loras.index(s.lora) if s.lora else -2 for s in part for _ in s.ids], device=self.device
        )
        shared = len(loras) == 1 and all(segment.lora is not None for segment in part)
        masks: dict[tuple[int, ...], torch.Tensor | None] = {}
        for layer, line in zip(self._stack(loras), layers, strict=True):
            for item, applied in zip(layer, line, strict=True):
                if item is None:
                    continue
                if item.owner not in masks:
                    ranks = torch.tensor(item.owner, device=self.device)
                    same = (rows[:, None] == ranks[None, :]).to(item.a.dtype)
                    masks[item.owner] = None if shared else same
                mask = masks[item.owner]
                applied.append(Applied(start, end, item.a, item.b, mask, item.packed))

    def _stack(self, loras: list[Lora]) -> list[list[Stacked | None]]:
        """The adapters of a batch side by side, kept for the next step."""
        key = tuple(id(lora) for lora in loras)
        if key not in self._stacked:
            if len(self._stacked) >= 8:
                del self._stacked[next(iter(self._stacked))]
            layers = [
                [
                    stack(loras, [f"model.layers.{n}.{m}" for m in p.modules], p.sizes)
                    for p in layer.products
                ]
                for n, layer in enumerate(self._layers)
            ]
            self._stacked[key] = (loras, layers)  # the loras live as long as their id is used
        return self._stacked[key][1]


def _layer(core: torch.nn.Module, number: int) -> Layer:
    layer: Any = core.layers[number]  # type: ignore[index]
    products = (
        fuse(layer, ATTENTION),
        fuse(layer, ("self_attn.o_proj",)),
        fuse(layer, GATED),
        fuse(layer, ("mlp.down_proj",)),
    )
    norms = (layer.input_layernorm.weight, layer.post_attention_layernorm.weight)
    return Layer(*norms, _head_norms(layer.self_attn), products)


def _head_norms(attention: Any) -> torch.Tensor | None:
    import torch

    if not hasattr(attention, "q_norm"):
        return None
    size = attention.head_dim
    sizes = [attention.q_proj.out_features // size, attention.k_proj.out_features // size]
    norms = (attention.q_norm.weight, attention.k_norm.weight)
    return torch.cat([norm.expand(n, size) for norm, n in zip(norms, sizes, strict=True)])


def try_llama(model: PreTrainedModel, packing: Packing | None = None) -> LlamaDecoder | None:
    """This forward pass for a model, if it gives what the model's own gives on a few tokens.

    Args:
        model: Any causal LM.
        packing: Called with the products before the trial; may set their packed forms.
    """
    config = model.config
    scaling = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    windowed = getattr(config, "use_sliding_window", True) and config.to_dict().get(
        "sliding_window"
    )
    gated = getattr(config, "hidden_act", "") == "silu"
    known = scaling in ("default", "linear", "llama3")
    if getattr(config, "quantization_config", None):  # 4 bits: products of the library's own
        return None
    if config.model_type not in LLAMA_FAMILY or windowed or not gated or not known:
        return None
    import torch

    decoder = LlamaDecoder(model)
    if packing is not None:
        packing(decoder.products())
    # The proof at start-up: this pass must give what transformers gives, or it is not used.
    ids = [number % config.vocab_size for number in PROBE]
    with torch.inference_mode():
        theirs = model(input_ids=torch.tensor([ids], device=model.device)).logits[0]
    cache = decoder.new_cache(len(ids))
    # In two pieces, so that both forms of the products and both kinds of attention are tried.
    long = decoder.forward([Segment(ids[:-3], cache, want=len(ids) - 3)])[0]
    short = decoder.forward([Segment(ids[-3:], cache, want=3)])[0]
    off = (torch.cat((long, short)) - theirs).abs().max()
    return decoder if off < PROBE_TOLERANCE[model.dtype.itemsize] * theirs.abs().max() else None
