"""The compiled part of a decoding step against the library's, on the same numbers."""

from __future__ import annotations

import pytest
import torch

from ragft_core.models.decoder import Segment
from ragft_core.models.kvcache import RowCache
from ragft_core.models.passes import TorchPass
from ragft_core.models.steps import CompiledPass, Shape, compile_steps

SHAPES = (Shape(9, 3, 64, 1e-5), Shape(4, 4, 32, 1e-6), Shape(8, 1, 128, 1e-5))
LAYERS, CAPACITY = 2, 320
# Tokens in the cache and new ones: a first token, a guess of three, a long row, a full vector.
ROWS = ((0, 1), (5, 3), (300, 1), (30, 2))


def segments(shape: Shape) -> list[Segment]:
    torch.manual_seed(0)
    found = []
    for past, new in ROWS:
        size = (LAYERS, shape.kv_heads, CAPACITY, shape.size)
        cache = RowCache(torch.randn(size), torch.randn(size))
        cache.length = past
        found.append(Segment([1] * new, cache))
    return found


def both(
    shape: Shape,
) -> tuple[tuple[TorchPass, list[Segment]], tuple[CompiledPass, list[Segment]]]:
    machine = compile_steps(shape)
    if machine is None:
        pytest.skip("llvmlite has no code for this processor")
    angles = torch.randn(sum(new for _, new in ROWS), 1, shape.size)
    cos, sin = angles.cos(), angles.sin()
    one, other = segments(shape), segments(shape)
    return (TorchPass(shape, one, cos, sin), one), (
        CompiledPass(machine, shape, other, cos, sin),
        other,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_attention_and_what_it_stores_are_the_librarys(shape: Shape) -> None:
    (plain, one), (compiled, other) = both(shape)
    qkv = torch.randn(sum(new for _, new in ROWS), shape.width)
    for layer in range(LAYERS):
        expected = plain.attend(layer, qkv.clone())
        found = compiled.attend(layer, qkv.clone())
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(right.cache.keys, left.cache.keys)
        torch.testing.assert_close(right.cache.values, left.cache.values)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 60.0])
def test_norms_and_gates_are_the_librarys(scale: float) -> None:
    (plain, _), (compiled, _) = both(SHAPES[0])
    x, weight = scale * torch.randn(7, 576), torch.randn(576)
    torch.testing.assert_close(compiled.norm(x, weight), plain.norm(x, weight))
    wide = scale * torch.randn(7, 2 * 1536)
    torch.testing.assert_close(compiled.gate(wide), plain.gate(wide), atol=1e-6, rtol=1e-5)


def test_shapes_that_do_not_fill_vectors_are_left_to_the_library() -> None:
    assert compile_steps(Shape(4, 2, 48, 1e-5)) is None
