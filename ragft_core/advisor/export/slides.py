"""A decision record as slides, for the meeting in which it is decided: PowerPoint's own text, tables and chart.

Everything can be edited there. The notes below a slide say what it rests on.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ragft_core.advisor.deciding.recommendation import Sentence
from ragft_core.advisor.deciding.voice import main_shares
from ragft_core.advisor.deciding.words import name, percent
from ragft_core.advisor.record import front, svg
from ragft_core.advisor.record.record import DecisionRecord
from ragft_core.types import Strategy

if TYPE_CHECKING:
    from pptx.presentation import Presentation
    from pptx.slide import Slide

# Inches of a 16:9 slide, and the room below its title.
WIDTH, HEIGHT, EDGE, TOP, FOOT = 13.333, 7.5, 0.7, 1.55, 0.5
LARGEST, SMALLEST = 22, 14
TABLE_POINTS = 14
TITLE_POINTS, LONG_TITLE = 30, 70
# The width of a letter and the height of a line, in parts of the size of the type.
LETTER, LINE = 0.52, 1.25
INK = "1C2430"


def render_slides(record: DecisionRecord) -> bytes:
    """The record as the bytes of a ``.pptx`` file."""
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    deck.slide_width, deck.slide_height = Inches(WIDTH), Inches(HEIGHT)
    deck.core_properties.title = f"Which strategy: {record.workspace}"
    deck.core_properties.author = ""
    result = record.result
    _text(
        deck,
        result.headline.text,
        [
            f"{record.workspace}, decided {record.created_at[:10]}",
            front.confidence_text(record),
            result.next_step.text,
            *([record.note] if record.note else []),
        ],
        f"Decision record {record.id}.",
        bullets=False,
    )
    _shares(deck, record)
    _table(deck, front.money_title(record), _money(record), front.volume_text(record))
    if record.scenarios:
        heads = [front.scenario_title(item.scenario) for item in record.scenarios]
        rows = [[row["strategy"], *row["cells"]] for row in front.scenario_rows(record)]
        _table(deck, "What it costs from pilot to scale", [["Strategy", *heads], *rows])
    _sentences(deck, "What speaks for it", result.reasons)
    _sentences(deck, "What speaks against it", (*result.objections, *result.cautions))
    _sentences(deck, "What would change it", result.changes)
    for strategy, card in front.cards(record):
        lines = [f"Not when: {text[:1].lower()}{text[1:]}" for text in card.not_when]
        lines += [f"Fails: {item.how} {item.sign}" for item in card.fails]
        title = f"{name(strategy, start=True)}: when not, and how it fails"
        _text(deck, title, lines, f"Sources: {', '.join(card.sources)}.")
    if record.recipe:
        plan = [["", "Step", "Who", "By"]]
        plan += [["✓" if s.done else "", s.text, s.owner, s.due] for s in record.recipe.steps]
        _table(deck, "Next steps", plan, widths=(0.5, 7.6, 2.2, 1.6))
    _text(deck, "How it was measured", list(_measured(record)), "Every input is in the record.")
    _text(deck, "What was only guessed", front.guessed(record))
    file = io.BytesIO()
    deck.save(file)
    return file.getvalue()


def _money(record: DecisionRecord) -> list[list[str]]:
    months = f"{record.cost_inputs.months:g} months"
    head = ["Strategy", months, "90 % range", "A month", "A right answer"]
    rows = front.cost_rows(record)
    return [head] + [[r[k] for k in ("strategy", "total", "range", "month", "right")] for r in rows]


def _measured(record: DecisionRecord) -> Iterator[str]:
    known = record.provenance
    for key in ("evaluation", "evaluated", "questions", "model", "known error of the score"):
        if known.get(key):
            yield f"{key[:1].upper()}{key[1:]}: {known[key]}"
    held = record.materials.documents
    if held:
        yield f"{len(held)} documents, each with its SHA-256 in the record."
    yield f"Simulation: {known.get('simulation', '')}; criteria {record.result.criteria_digest[:12]}."


def _shares(deck: Presentation, record: DecisionRecord) -> None:
    """A bar for each measured strategy; its interval and n stand beside its name."""
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION
    from pptx.util import Inches, Pt

    found = sorted(main_shares(record.result.measurements).items(), key=lambda row: row[1].value)
    title = "Right answers, measured on our own questions"
    if not found:
        text = "Nothing was measured yet: this rests on answers and literature alone."
        _text(deck, title, [text], bullets=False)
        return
    slide = _slide(deck, title)
    data = CategoryChartData(number_format="0%")
    data.categories = [
        f"{name(s, start=True)} ({percent(m.low)} to {percent(m.high)}, n = {m.n})"
        for s, m in found
    ]
    data.add_series("Share of test questions answered rightly", [m.value for _, m in found])
    place = [Inches(x) for x in (EDGE, TOP, WIDTH - 2 * EDGE, HEIGHT - TOP - 1.1)]
    chart = slide.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, *place, data).chart
    chart.has_legend, chart.has_title = False, False
    chart.value_axis.minimum_scale, chart.value_axis.maximum_scale = 0, 1
    chart.value_axis.visible = chart.value_axis.has_major_gridlines = False
    chart.category_axis.tick_labels.font.size = Pt(16)
    plot = chart.plots[0]
    plot.gap_width, plot.has_data_labels = 60, True
    plot.data_labels.font.size, plot.data_labels.position = Pt(18), XL_LABEL_POSITION.OUTSIDE_END
    plot.data_labels.number_format, plot.data_labels.number_format_is_linked = "0%", False
    for point, (strategy, _) in enumerate(found):
        fill = plot.series[0].points[point].format.fill
        fill.solid()
        fill.fore_color.rgb = _colour(svg.COLOURS[strategy].lstrip("#"))
    unmeasured = [name(s) for s in Strategy if s not in dict(found)]
    missing = f" Not measured: {', '.join(unmeasured)}." if unmeasured else ""
    _write(slide, HEIGHT - 1.05, [f"In brackets the 95 % interval.{missing}"], 14)
    _note(slide, record.provenance.get("evaluation id", ""))


def _sentences(deck: Presentation, title: str, sentences: Sequence[Sentence]) -> None:
    if not sentences:
        return
    cited = dict.fromkeys(f"{r.kind} {r.id}" for s in sentences for r in s.references)
    note = f"Rests on: {', '.join(cited)}." if cited else ""
    _text(deck, title, [sentence.text for sentence in sentences], note)


def _text(
    deck: Presentation, title: str, lines: Sequence[str], note: str = "", *, bullets: bool = True
) -> None:
    """A slide of paragraphs in the largest size that fits; more than one where none does."""
    room = HEIGHT - TOP - FOOT
    for number, (part, points) in enumerate(_parts(lines, room)):
        slide = _slide(deck, title if not number else f"{title} (continued)")
        _write(slide, TOP, [f"•  {line}" for line in part] if bullets else part, points)
        _note(slide, note)


def _parts(lines: Sequence[str], room: float) -> Iterator[tuple[list[str], int]]:
    """Paragraphs in groups that fit into so many inches, with the size of their type."""
    left = list(lines)
    while left:
        points = next(
            (p for p in range(LARGEST, SMALLEST - 1, -1) if _inches(left, p) <= room), SMALLEST
        )
        taken = 1
        while taken < len(left) and _inches(left[: taken + 1], points) <= room:
            taken += 1
        yield left[:taken], points
        left = left[taken:]


def _inches(lines: Sequence[str], points: int) -> float:
    """How high paragraphs stand at a size of type, a half line between them."""
    across = (WIDTH - 2 * EDGE) * 72 / (points * LETTER)
    rows = sum(math.ceil((len(line) + 3) / across) + 0.5 for line in lines)
    return rows * points * LINE / 72


def _slide(deck: Presentation, title: str) -> Slide:
    from pptx.util import Inches, Pt

    slide = deck.slides.add_slide(deck.slide_layouts[5])  # "Title Only"
    head = slide.shapes.title
    head.left, head.top = Inches(EDGE), Inches(0.35)
    head.width, head.height = Inches(WIDTH - 2 * EDGE), Inches(1.1)
    head.text_frame.text, head.text_frame.word_wrap = title, True
    (paragraph,) = head.text_frame.paragraphs
    paragraph.font.size = Pt(TITLE_POINTS if len(title) <= LONG_TITLE else TITLE_POINTS - 8)
    paragraph.font.bold, paragraph.font.color.rgb = True, _colour(INK)
    paragraph.alignment = 1
    return slide


def _write(slide: Slide, top: float, lines: Sequence[str], points: int) -> None:
    from pptx.util import Inches, Pt

    place = [Inches(x) for x in (EDGE, top, WIDTH - 2 * EDGE, max(HEIGHT - top - FOOT, 0.4))]
    frame = slide.shapes.add_textbox(*place).text_frame
    frame.word_wrap = True
    for number, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if not number else frame.add_paragraph()
        paragraph.text = line
        paragraph.font.size, paragraph.font.color.rgb = Pt(points), _colour(INK)
        paragraph.space_after = Pt(points / 2)


def _table(
    deck: Presentation,
    title: str,
    rows: Sequence[Sequence[str]],
    caption: str = "",
    widths: Sequence[float] = (),
) -> None:
    from pptx.util import Inches, Pt

    slide = _slide(deck, title)
    across = WIDTH - 2 * EDGE
    place = [Inches(x) for x in (EDGE, TOP, across, 0.5 * len(rows))]
    table = slide.shapes.add_table(len(rows), len(rows[0]), *place).table
    for column, width in zip(table.columns, widths or [across / len(rows[0])] * 9, strict=False):
        column.width = Inches(width)
    for number, row in enumerate(rows):
        for place_in, text in enumerate(row):
            cell = table.cell(number, place_in)
            cell.text = text
            for paragraph in cell.text_frame.paragraphs:
                paragraph.font.size = Pt(TABLE_POINTS)
    if caption:
        _write(slide, HEIGHT - 1.05, [f"At {caption}."], 14)


def _note(slide: Slide, text: str) -> None:
    if text:
        slide.notes_slide.notes_text_frame.text = text


def _colour(text: str) -> Any:
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(text.upper())
