"""Small static charts for the printable record: SVG text without scripts, fonts or network.

Text takes the colour of the page (``currentColor``), so one picture serves light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ragft_core.arms import STANDARD

# After Okabe and Ito, told apart with any kind of colour vision, legible on white and on black.
COLOURS = {strategy: arm.colour for strategy, arm in STANDARD.items()}
GROUP_COLOURS = ("#1f88d2", "#dd6b16", "#11a37f", "#a376d6", "#c29a0c", "#cc5c86", "#7a8599")
# One narrow column: half a printed page and a whole phone show it at nearly the same size.
WIDTH, ROW, BAR = 420, 42, 14
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2")


@dataclass(frozen=True)
class Bar:
    """A bar with an optional interval; ``note`` stands behind it."""

    label: str
    value: float
    colour: str
    note: str
    low: float | None = None
    high: float | None = None


def bars(rows: Sequence[Bar], top: float, alt: str) -> str:
    """Horizontal bars from 0 to ``top``, each below its label and its note."""
    parts = []
    for number, row in enumerate(rows):
        y = number * ROW
        parts += [_text(0, y + 13, row.label), _text(WIDTH, y + 13, row.note, anchor="end")]
        ends = [_share(x, top) for x in (row.value, row.low, row.high)]
        parts.append(_box(0, y + 19, WIDTH, "currentColor", faint=True))
        parts.append(_box(0, y + 19, WIDTH * (ends[0] or 0.0), row.colour))
        if ends[1] is not None and ends[2] is not None:
            parts.append(_whisker(WIDTH * ends[1], WIDTH * ends[2], y + 19))
    return _frame(parts, len(rows) * ROW, alt)


def _share(value: float | None, top: float) -> float | None:
    """A value as a share of the top, 0 to 1."""
    return None if value is None else min(max(value / top, 0.0), 1.0) if top > 0 else 0.0


def stacked(
    rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str], top: float, alt: str
) -> str:
    """Bars made of one part per name, with a legend below."""
    parts = []
    for number, (label, values) in enumerate(rows):
        y, x = number * ROW, 0.0
        parts += [_text(0, y + 13, label), _text(WIDTH, y + 13, f"{sum(values):.2f}", anchor="end")]
        parts.append(_box(0, y + 19, WIDTH, "currentColor", faint=True))
        for value, colour in zip(values, GROUP_COLOURS, strict=False):
            parts.append(_box(x, y + 19, WIDTH * value / top, colour))
            x += WIDTH * value / top
    base = len(rows) * ROW + 12
    for number, (name, colour) in enumerate(zip(names, GROUP_COLOURS, strict=False)):
        x, y = (number % 2) * (WIDTH / 2), base + (number // 2) * 20
        parts.append(f'<rect x="{x:.1f}" y="{y - 10}" width="11" height="11" fill="{colour}"/>')
        parts.append(_text(x + 17, y, name))
    return _frame(parts, base + 20 * ((len(names) + 1) // 2), alt)


def diverging(rows: Sequence[tuple[str, float, float, str]], now: float, alt: str) -> str:
    """A tornado: (label, low, high, note) around 0, with a line where things stand ``now``."""
    low = min([row[1] for row in rows] + [-0.02])
    high = max([row[2] for row in rows] + [0.02, now])
    step = ROW + 14

    def place(value: float) -> float:
        return WIDTH * (value - low) / (high - low)

    parts = []
    for number, (label, left, right, note) in enumerate(rows):
        y = number * step
        parts.append(_text(0, y + 13, _cut(label, 56)))
        parts.append(_text(0, y + 28, _cut(note, 66), small=True))
        for start, end, colour in (
            (left, min(right, 0), "#dd6b16"),
            (max(left, 0), right, "#1f88d2"),
        ):
            if end > start:
                parts.append(_box(place(start), y + 33, place(end) - place(start), colour))
    foot = len(rows) * step + 14
    for value, name, anchor in ((0.0, "overtaken", "end"), (now, "now", "start")):
        for number in range(len(rows)):
            parts.append(_upright(place(value), number * step + 31, number * step + 49))
        parts.append(_text(place(value), foot, name, small=True, anchor=anchor))
    return _frame(parts, foot + 6, alt)


@dataclass(frozen=True)
class Line:
    """A line through points (x, y), both above 0."""

    label: str
    colour: str
    points: Sequence[tuple[float, float]]


def curves(rows: Sequence[Line], mark: float, mark_name: str, alt: str) -> str:
    """Lines on two logarithmic axes, ten to ten, with an upright line where x is ``mark``."""
    xs = [math.log10(x) for row in rows for x, _ in row.points]
    ys = [math.log10(y) for row in rows for _, y in row.points if y > 0]
    if not ys:
        return _frame([_text(0, 13, "Nothing costs anything.")], 20, alt)
    left, right, top, bottom = 44.0, WIDTH - 10.0, 26.0, 206.0
    low, high = math.floor(min(ys)), max(math.ceil(max(ys)), math.floor(min(ys)) + 1)

    def across(x: float) -> float:
        return left + (right - left) * (math.log10(x) - min(xs)) / (max(xs) - min(xs))

    def up(y: float) -> float:
        return bottom - (bottom - top) * (math.log10(max(y, 10.0**low)) - low) / (high - low)

    parts = []
    for power in range(low, high + 1):
        y = up(10.0**power)
        parts.append(_text(left - 6, y + 4, _short(10.0**power), small=True, anchor="end"))
        parts.append(_thin(left, y, right, y))
    for power in range(math.ceil(min(xs)), math.floor(max(xs)) + 1):
        x = across(10.0**power)
        parts.append(_text(x, bottom + 16, _short(10.0**power), small=True, anchor="middle"))
    for number, row in enumerate(rows):
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in row.points)
        look = f'fill="none" stroke="{row.colour}" stroke-width="2.2"'
        dash = f'stroke-dasharray="{DASHES[number % len(DASHES)]}"'
        parts.append(f'<polyline points="{path}" {look} {dash}/>')
        x, y = (number % 2) * (WIDTH / 2), bottom + 40 + (number // 2) * 20
        parts.append(f'<path d="M{x:.1f} {y - 4} h26" {look} {dash}/>')
        parts.append(_text(x + 33, y, row.label))
    middle = across(mark)
    parts.append(_upright(middle, top - 6, bottom))
    anchor = "end" if middle > WIDTH / 2 else "start"
    parts.append(_text(middle, 13, mark_name, anchor=anchor))
    return _frame(parts, bottom + 46 + 20 * ((len(rows) - 1) // 2), alt)


def _short(value: float) -> str:
    """1000 as 1k, 1000000 as 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _frame(parts: Sequence[str], height: float, alt: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(alt)}" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="inherit" font-size="13" '
        f'fill="currentColor">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, *, small: bool = False, anchor: str = "start") -> str:
    style = ' font-size="11" fill-opacity="0.75"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def _box(x: float, y: float, length: float, colour: str, *, faint: bool = False) -> str:
    opacity = ' fill-opacity="0.08"' if faint else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(length, 0):.1f}" height="{BAR}" rx="2" '
        f'fill="{colour}"{opacity}/>'
    )


def _whisker(left: float, right: float, y: float) -> str:
    middle = y + BAR / 2
    return (
        f'<path d="M{left:.1f} {middle} H{right:.1f} M{left:.1f} {middle - 4} v8 '
        f'M{right:.1f} {middle - 4} v8" stroke="currentColor" stroke-width="1.4" fill="none"/>'
    )


def _upright(x: float, top: float, bottom: float) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" '
        'stroke="currentColor" stroke-opacity="0.7" stroke-dasharray="3 3"/>'
    )


def _thin(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" '
        'stroke="currentColor" stroke-opacity="0.15"/>'
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
