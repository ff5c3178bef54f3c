"""Small static charts for the printable record: SVG text without scripts, fonts or network.

Text takes the colour of the page (``currentColor``), so one picture serves light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ragft_core.arms import STANDARD

# After Okabe and Ito, told apart with any kind of colour vision, legible on white and on black.
COLOURS = {strategy: arm.colour for strategy, arm in STANDARD.items()}
GROUP_COLOURS = ("#1f88d2", "#dd6b16", "#11a37f", "#a376d6", "#c29a0c", "#cc5c86", "#7a8599")
WIDTH, LABEL, ROW, RIGHT = 720, 190, 26, 100


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
    """Horizontal bars from 0 to ``top``."""
    span = WIDTH - LABEL - RIGHT
    parts = []
    for number, row in enumerate(rows):
        y = number * ROW + 4
        length = span * min(max(row.value / top, 0), 1) if top > 0 else 0
        parts.append(_label(row.label, y))
        parts.append(_box(LABEL, y, length, row.colour))
        end = length
        if row.low is not None and row.high is not None and top > 0:
            left, right = (span * min(max(x / top, 0), 1) for x in (row.low, row.high))
            parts.append(_whisker(LABEL + left, LABEL + right, y))
            end = max(end, right)
        parts.append(_text(LABEL + end + 8, y + 13, row.note))
    return _frame(parts, len(rows) * ROW + 8, alt)


def stacked(
    rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str], top: float, alt: str
) -> str:
    """Bars made of one part per name, with a legend below."""
    span = WIDTH - LABEL - RIGHT
    parts = []
    for number, (label, values) in enumerate(rows):
        y, x = number * ROW + 4, float(LABEL)
        parts.append(_label(label, y))
        for value, colour in zip(values, GROUP_COLOURS, strict=False):
            parts.append(_box(x, y, span * value / top, colour))
            x += span * value / top
        parts.append(_text(x + 8, y + 13, f"{sum(values):.2f}"))
    base = len(rows) * ROW + 22
    for number, (name, colour) in enumerate(zip(names, GROUP_COLOURS, strict=False)):
        x, y = (number % 4) * (WIDTH / 4), base + (number // 4) * 20
        parts.append(f'<rect x="{x:.1f}" y="{y - 10}" width="11" height="11" fill="{colour}"/>')
        parts.append(_text(x + 17, y, name))
    return _frame(parts, base + 20 * ((len(names) + 3) // 4), alt)


def diverging(rows: Sequence[tuple[str, float, float, str]], now: float, alt: str) -> str:
    """A tornado: (label, low, high, note) around 0, with a line where things stand ``now``."""
    label_width, span = 330, WIDTH - 330 - 20
    low = min([row[1] for row in rows] + [-0.02])
    high = max([row[2] for row in rows] + [0.02])

    def place(value: float) -> float:
        return label_width + span * (value - low) / (high - low)

    parts = []
    for number, (label, left, right, note) in enumerate(rows):
        y = number * 40 + 4
        parts.append(_text(0, y + 13, _cut(label, 52)))
        parts.append(_text(0, y + 29, _cut(note, 58), small=True))
        for start, end, colour in (
            (left, min(right, 0), "#dd6b16"),
            (max(left, 0), right, "#1f88d2"),
        ):
            if end > start:
                parts.append(_box(place(start), y, place(end) - place(start), colour))
    height = len(rows) * 40 + 26
    for value, name, dash in ((0.0, "overtaken", ""), (now, "now", ' stroke-dasharray="3 3"')):
        x = place(value)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 20}" '
            f'stroke="currentColor" stroke-opacity="0.6"{dash}/>'
        )
        anchor = "end" if value == 0 else "start"
        parts.append(_text(x, height - 6, name, small=True, anchor=anchor))
    return _frame(parts, height, alt)


def _frame(parts: Sequence[str], height: float, alt: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(alt)}" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="inherit" font-size="13" '
        f'fill="currentColor">{"".join(parts)}</svg>'
    )


def _label(text: str, y: float) -> str:
    return _text(LABEL - 10, y + 13, _cut(text, 28), anchor="end")


def _text(x: float, y: float, text: str, *, small: bool = False, anchor: str = "start") -> str:
    style = ' font-size="11" fill-opacity="0.75"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def _box(x: float, y: float, length: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(length, 0):.1f}" height="17" rx="2" '
        f'fill="{colour}"/>'
    )


def _whisker(left: float, right: float, y: float) -> str:
    middle = y + 8.5
    return (
        f'<path d="M{left:.1f} {middle} H{right:.1f} M{left:.1f} {middle - 4} v8 '
        f'M{right:.1f} {middle - 4} v8" stroke="currentColor" stroke-width="1.4" fill="none"/>'
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
