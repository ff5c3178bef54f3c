"""The compiled parts of a pass against the library's, on the same numbers."""

from __future__ import annotations

import pytest
import torch

from ragft_core.models.engine.decoder import Segment
from ragft_core.models.engine.kv_cache import RowCache
from ragft_core.models.engine.layers import CompiledPass, TorchPass, compile_pass
from ragft_core.models.kernels import llvm
from ragft_core.models.kernels.attention import Shape
from ragft_core.models.kernels.llvm import features

SHAPES = (Shape(9, 3, 64, 1e-5), Shape(4, 4, 32, 1e-6), Shape(8, 1, 128, 1e-5))
LAYERS, CAPACITY = 2, 320
# Tokens in the cache and new ones: a first token, a guess of three, a long row, a full vector.
FEW = ((0, 1), (5, 3), (300, 1), (30, 2))
# Whole prompts, a later piece of one, and a row that decodes beside them.
MANY = ((0, 40), (17, 30), (9, 1), (0, 5))
Rows = tuple[tuple[int, int], ...]


def segments(shape: Shape, rows: Rows) -> list[Segment]:
    torch.manual_seed(0)
    found = []
    for past, new in rows:
        size = (LAYERS, shape.kv_heads, CAPACITY, shape.size)
        cache = RowCache(torch.randn(size), torch.randn(size))
        cache.length = past
        found.append(Segment([1] * new, cache))
    return found


def both(
    shape: Shape, rows: Rows = FEW
) -> tuple[tuple[TorchPass, list[Segment]], tuple[CompiledPass, list[Segment]]]:
    found = compile_pass(shape)
    if found is None:
        pytest.skip("llvmlite has no code for this processor")
    angles = torch.randn(sum(new for _, new in rows), 1, shape.size)
    cos, sin = angles.cos(), angles.sin()
    one, other = segments(shape, rows), segments(shape, rows)
    return (TorchPass(shape, one, cos, sin), one), (
        CompiledPass(found, shape, other, cos, sin),
        other,
    )


@pytest.mark.parametrize("rows", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("shape", SHAPES)
def test_attention_and_what_it_stores_are_the_librarys(shape: Shape, rows: Rows) -> None:
    (plain, one), (compiled, other) = both(shape, rows)
    qkv = torch.randn(sum(new for _, new in rows), shape.width)
    for layer in range(LAYERS):
        expected = plain.attend(layer, qkv.clone())
        found = compiled.attend(layer, qkv.clone())
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(right.cache.keys, left.cache.keys)
        torch.testing.assert_close(right.cache.values, left.cache.values)


@pytest.mark.parametrize("n", [1, 7, 40])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 60.0])
def test_norms_and_gates_are_the_librarys(scale: float, n: int) -> None:
    (plain, _), (compiled, _) = both(SHAPES[0])
    x, weight = scale * torch.randn(n, 576), torch.randn(576)
    torch.testing.assert_close(compiled.norm(x, weight), plain.norm(x, weight))
    wide = scale * torch.randn(n, 2 * 1536)
    torch.testing.assert_close(compiled.gate(wide), plain.gate(wide), atol=1e-6, rtol=1e-5)


def test_without_the_librarys_threads_the_code_runs_on_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if features() is None:
        pytest.skip("llvmlite has no code for this processor")
    monkeypatch.setattr(llvm, "_thread_pool", lambda: None)
    alone = compile_pass.__wrapped__(SHAPES[0])
    assert alone is not None
    angles = torch.randn(7, 1, SHAPES[0].size)
    rows = segments(SHAPES[0], FEW)
    compiled = CompiledPass(alone, SHAPES[0], rows, angles.cos(), angles.sin())
    plain = TorchPass(SHAPES[0], segments(SHAPES[0], FEW), angles.cos(), angles.sin())
    qkv = torch.randn(7, SHAPES[0].width)
    torch.testing.assert_close(
        compiled.attend(0, qkv.clone()), plain.attend(0, qkv.clone()), atol=1e-5, rtol=1e-5
    )


def test_shapes_that_do_not_fill_vectors_are_left_to_the_library() -> None:
    assert compile_pass(Shape(4, 2, 48, 1e-5)) is None
