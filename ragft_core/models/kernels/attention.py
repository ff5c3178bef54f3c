"""The LLVM code of a decoding step: norms, gates, positions and attention.

Attention is softmax over scaled products, one group of heads that share their keys at a time, with
the largest score taken off first, as any textbook has it; the exponential is that of Cephes.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from ragft_core.models.kernels.llvm import INTS, LANES, VECTOR, IRBuilder, parallel

# A token of a pass: its row's keys, values, bytes from layer to layer and from head to head, and
# its position.
ITEM = 5
# Cephes expf: clamped to what stays a normal number, e^x = 2^n e^r with |r| <= ln(2)/2.
_LOWEST, _HIGHEST = -87.3, 88.0
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
_EXP = (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
    5.0000001201e-1,
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """The attention of a model: heads, those that hold keys, the size of each, the norm's epsilon."""

    heads: int
    kv_heads: int
    size: int
    eps: float

    @property
    def group(self) -> int:
        """How many heads share their keys."""
        return self.heads // self.kv_heads

    @property
    def width(self) -> int:
        """Numbers in a row of queries, keys and values."""
        return (self.heads + 2 * self.kv_heads) * self.size


def rms_norm_ir(shape: Shape) -> str:
    """Root mean square norm. Arguments: x, weight, y, rows, width, threads."""
    code = IRBuilder()
    x, weight, y = (code.load("ptr", "%arguments", 8 * n) for n in range(3))
    rows, width = (code.load("i64", "%arguments", 8 * n) for n in (3, 4))
    row_bytes = code(f"mul i64 {width}, 4")
    n = code(f"uitofp i64 {width} to float")
    with code.loop("%thread", rows, "%threads") as row:
        start = code(f"mul i64 {row}, {row_bytes}")
        source, target = code.at(x, start), code.at(y, start)
        # Sixteen partial sums at a time; they are added up once, behind the loop.
        squares = code.variable(VECTOR, "zeroinitializer")
        with code.loop(0, row_bytes, 4 * LANES) as at:
            value = code.load(VECTOR, source, at)
            code.add_product(squares, value, value)
        mean = code(f"fdiv float {_sum(code, code.read(VECTOR, squares))}, {n}")
        root = code(
            f"call float @llvm.sqrt.f32(float {code(f'fadd float {mean}, {_number(shape.eps)}')})"
        )
        scale = code.splat(code(f"fdiv float {_number(1.0)}, {root}"))
        with code.loop(0, row_bytes, 4 * LANES) as at:
            value = code(f"fmul {VECTOR} {code.load(VECTOR, source, at)}, {scale}")
            scaled = code(f"fmul {VECTOR} {value}, {code.load(VECTOR, weight, at)}")
            code.store(VECTOR, scaled, target, at)
    return parallel("norm", code.text(), threads_at=5)


def swiglu_ir() -> str:
    """``silu(a) * b`` of rows (a, b). Arguments: x, y, rows, width of y, threads."""
    code = IRBuilder()
    x, y = (code.load("ptr", "%arguments", 8 * n) for n in range(2))
    rows, width = (code.load("i64", "%arguments", 8 * n) for n in (2, 3))
    row_bytes = code(f"mul i64 {width}, 4")
    with code.loop("%thread", rows, "%threads") as row:
        target = code.at(y, code(f"mul i64 {row}, {row_bytes}"))
        gates = code.at(x, code(f"mul i64 {code(f'mul i64 {row}, {row_bytes}')}, 2"))
        values = code.at(gates, row_bytes)
        with code.loop(0, row_bytes, 4 * LANES) as at:
            gate = code.load(VECTOR, gates, at)
            # silu(a) = a / (1 + e^-a)
            power = _exp(code, code(f"fneg {VECTOR} {gate}"))
            below = code(f"fadd {VECTOR} {power}, {_all(1.0)}")
            silu = code(f"fdiv {VECTOR} {gate}, {below}")
            code.store(
                VECTOR, code(f"fmul {VECTOR} {silu}, {code.load(VECTOR, values, at)}"), target, at
            )
    return parallel("gate", code.text(), threads_at=4)


def rotary_embedding_ir(shape: Shape) -> str:
    """Turns queries and keys by their positions and stores keys and values.

    Arguments, as for ``attention_ir``: qkv, cos, sin, out, items, tokens, layer, scores, bytes of a
    head's scores, threads.
    """
    code = IRBuilder()
    qkv, cos, sin = (code.load("ptr", "%arguments", 8 * n) for n in range(3))
    tokens = code.load("i64", "%arguments", 40)
    head_bytes = 4 * shape.size
    with code.loop("%thread", tokens, "%threads") as token:
        keys, values, head_stride, position = _item(code, token)
        row = code.at(qkv, code(f"mul i64 {token}, {4 * shape.width}"))
        angle = code(f"mul i64 {token}, {head_bytes}")
        # Loaded once a token: all of its heads turn by the same angles.
        angles = [
            [code.load(VECTOR, code.at(table, angle), 4 * n) for n in range(0, shape.size, LANES)]
            for table in (cos, sin)
        ]
        with code.loop(0, shape.heads * head_bytes, head_bytes) as at:
            query = code.at(row, at)
            _rotate(code, query, query, angles, shape.size)
        # Keys go turned, values as they are, straight into the row's cache.
        place = code(f"mul i64 {position}, {head_bytes}")
        with code.loop(0, shape.kv_heads) as head:
            to = code(f"add i64 {place}, {code(f'mul i64 {head}, {head_stride}')}")
            key = code.at(row, code(f"mul i64 {head}, {head_bytes}"))
            _rotate(
                code, code.at(key, shape.heads * head_bytes), code.at(keys, to), angles, shape.size
            )
            value = code.at(key, (shape.heads + shape.kv_heads) * head_bytes)
            for n in range(0, shape.size, LANES):
                code.store(VECTOR, code.load(VECTOR, value, 4 * n), code.at(values, to), 4 * n)
    return parallel("turn", code.text(), threads_at=9)


def _rotate(code: IRBuilder, source: str, target: str, angles: list[list[str]], size: int) -> None:
    cos, sin = angles
    parts = size // LANES
    # RoPE as Llama lays it out: dimension d is paired with d + size / 2, so that whole vectors swap,
    # not neighbours. All is loaded before anything is stored, because source may be target.
    old = [code.load(VECTOR, source, 4 * LANES * n) for n in range(parts)]
    for n in range(parts):
        other = old[(n + parts // 2) % parts]
        if n < parts // 2:
            other = code(f"fneg {VECTOR} {other}")
        turned = code.fma(other, sin[n], code(f"fmul {VECTOR} {old[n]}, {cos[n]}"))
        code.store(VECTOR, turned, target, 4 * LANES * n)


def attention_ir(shape: Shape) -> str:
    """Attention of every token over its row, one group of heads at a time."""
    code = IRBuilder()
    qkv = code.load("ptr", "%arguments", 0)
    out = code.load("ptr", "%arguments", 24)
    tokens = code.load("i64", "%arguments", 40)
    scores_at = code.load("ptr", "%arguments", 56)
    score_bytes = code.load("i64", "%arguments", 64)
    head_bytes = 4 * shape.size
    offsets = range(0, head_bytes, 4 * LANES)
    group = range(shape.group)
    # One task is a token and one group of heads: the group's keys are read once for all its heads.
    tasks = code(f"mul i64 {tokens}, {shape.kv_heads}")
    with code.loop("%thread", tasks, "%threads") as task:
        token = code(f"udiv i64 {task}, {shape.kv_heads}")
        head = code(f"urem i64 {task}, {shape.kv_heads}")
        keys, values, head_stride, position = _item(code, token)
        offset = code(f"mul i64 {head}, {head_stride}")
        keys, values = code.at(keys, offset), code.at(values, offset)
        # Causal: a token sees its row up to itself.
        end = code(f"add i64 {position}, 1")
        first_head = code(f"mul i64 {head}, {shape.group * head_bytes}")
        asked = code.at(code.at(qkv, code(f"mul i64 {token}, {4 * shape.width}")), first_head)
        # The scale 1 / sqrt(size) is put into the queries, which are few, not into the scores.
        queries = [
            [
                code(f"fmul {VECTOR} {vector}, {_all(1 / math.sqrt(shape.size))}")
                for vector in (code.load(VECTOR, asked, g * head_bytes + n) for n in offsets)
            ]
            for g in group
        ]
        mine = code.at(
            scores_at, code(f"mul i64 {code(f'mul i64 {task}, {shape.group}')}, {score_bytes}")
        )
        scores = [code.at(mine, code(f"mul i64 {g}, {score_bytes}")) for g in group]
        # First pass: scores, and the largest of them, which softmax takes off to stay finite.
        highest = [code.variable("float", _number(-math.inf)) for _ in group]
        with code.loop(0, end) as t:
            key = code.at(keys, code(f"mul i64 {t}, {head_bytes}"))
            parts = [code.load(VECTOR, key, n) for n in offsets]
            for query, score, top in zip(queries, scores, highest, strict=True):
                dot = code(f"fmul {VECTOR} {query[0]}, {parts[0]}")
                for a, b in zip(query[1:], parts[1:], strict=True):
                    dot = code.fma(a, b, dot)
                total = _sum(code, dot)
                code.store("float", total, score, code(f"mul i64 {t}, 4"))
                code.write("float", _larger(code, code.read("float", top), total), top)
        # Up to whole vectors with minus infinity, whose power is 0 and adds nothing.
        padded = code(f"and i64 {code(f'add i64 {end}, {LANES - 1}')}, {-LANES}")
        with code.loop(end, padded) as t:
            for score in scores:
                code.store("float", _number(-math.inf), score, code(f"mul i64 {t}, 4"))
        # Second pass: powers in place of the scores, and their sum.
        sums = [code.variable(VECTOR, "zeroinitializer") for _ in group]
        tops = [code.splat(code.read("float", top)) for top in highest]
        with code.loop(0, padded, LANES) as t:
            at = code(f"mul i64 {t}, 4")
            for score, top, total in zip(scores, tops, sums, strict=True):
                below = code(f"fsub {VECTOR} {code.load(VECTOR, score, at)}, {top}")
                power = _exp(code, below)
                code.store(VECTOR, power, score, at)
                code.add_product(total, power, _all(1.0))
        # Third pass: the values by their powers. The sum divides at the end, once a head.
        mixed = [[code.variable(VECTOR, "zeroinitializer") for _ in offsets] for _ in group]
        with code.loop(0, end) as t:
            value = code.at(values, code(f"mul i64 {t}, {head_bytes}"))
            parts = [code.load(VECTOR, value, n) for n in offsets]
            for score, into in zip(scores, mixed, strict=True):
                share = code.splat(code.load("float", score, code(f"mul i64 {t}, 4")))
                for variable, part in zip(into, parts, strict=True):
                    code.add_product(variable, part, share)
        target = code.at(
            code.at(out, code(f"mul i64 {token}, {shape.heads * head_bytes}")), first_head
        )
        for g, (total, found) in enumerate(zip(sums, mixed, strict=True)):
            whole = code.splat(_sum(code, code.read(VECTOR, total)))
            for n, variable in zip(offsets, found, strict=True):
                share = code(f"fdiv {VECTOR} {code.read(VECTOR, variable)}, {whole}")
                code.store(VECTOR, share, target, g * head_bytes + n)
    return parallel("attend", code.text(), threads_at=9)


def _item(code: IRBuilder, token: str) -> tuple[str, str, str, str]:
    """A token's keys and values in this layer, bytes from head to head, and its position."""
    items = code.load("ptr", "%arguments", 32)
    layer = code.load("i64", "%arguments", 48)
    item = code.at(items, code(f"mul i64 {token}, {8 * ITEM}"))
    behind = code(f"mul i64 {layer}, {code.load('i64', item, 16)}")
    keys, values = (code.at(code.load("ptr", item, 8 * n), behind) for n in range(2))
    return keys, values, code.load("i64", item, 24), code.load("i64", item, 32)


def _exp(code: IRBuilder, x: str) -> str:
    call = f"call {VECTOR} @llvm"
    # Clamped, or 2^n would leave the exponent's eight bits.
    x = code(f"{call}.minnum.v16f32({VECTOR} {x}, {VECTOR} {_all(_HIGHEST)})")
    x = code(f"{call}.maxnum.v16f32({VECTOR} {x}, {VECTOR} {_all(_LOWEST)})")
    scaled = code(f"fmul {VECTOR} {x}, {_all(1 / math.log(2))}")
    n = code(f"{call}.rint.v16f32({VECTOR} {scaled})")
    # ln 2 in two parts: the high one has so few bits that n times it is exact.
    r = code.fma(n, _all(-_LN2_LOW), code.fma(n, _all(-_LN2_HIGH), x))
    series = _all(_EXP[0])
    for factor in _EXP[1:]:
        series = code.fma(series, r, _all(factor))
    series = code.fma(series, code(f"fmul {VECTOR} {r}, {r}"), r)
    series = code(f"fadd {VECTOR} {series}, {_all(1.0)}")
    # 2^n is written as bits: n + 127 where an fp32 number has its exponent.
    exponent = code(f"add {INTS} {code(f'fptosi {VECTOR} {n} to {INTS}')}, splat (i32 127)")
    bits = code(f"shl {INTS} {exponent}, splat (i32 23)")
    return code(f"fmul {VECTOR} {series}, {code(f'bitcast {INTS} {bits} to {VECTOR}')}")


def _sum(code: IRBuilder, vector: str) -> str:
    # reassoc lets lanes be added as a tree; without it they are added one after the other.
    call = "call reassoc float @llvm.vector.reduce.fadd.v16f32"
    return code(f"{call}(float {_number(-0.0)}, {VECTOR} {vector})")


def _larger(code: IRBuilder, a: str, b: str) -> str:
    return code(f"call float @llvm.maxnum.f32(float {a}, float {b})")


def _number(value: float) -> str:
    """A constant as LLVM writes it: the bits of the double that equals the fp32 number."""
    (single,) = struct.unpack("f", struct.pack("f", value))
    return f"0x{struct.unpack('Q', struct.pack('d', single))[0]:016X}"


def _all(value: float) -> str:
    return f"splat (float {_number(value)})"
