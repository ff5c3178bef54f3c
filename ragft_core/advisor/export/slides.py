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
from ragft_core.advisor.deciding.words import name
from ragft_core.advisor.record import front, svg
from ragft_core.advisor.record.record import DecisionRecord
from ragft_core.types import Strategy

if TYPE_CHECKING:
    from pptx.presentation import Presentation
    from pptx.slide import Slide
    from pptx.text.text import TextFrame

# Inches of a 16:9 slide, and the room below its title.
WIDTH, HEIGHT, EDGE, TOP, FOOT = 13.333, 7.5, 0.7, 1.55, 0.5
LARGEST, SMALLEST = 22, 14
TABLE_POINTS, TABLE_ROW = 16, 0.55
TITLE_POINTS, LONG_TITLE = 30, 70
FOOT_POINTS = 11
# The width of a letter and the height of a line, in parts of the size of the type.
LETTER, LINE = 0.52, 1.25
EMU_A_POINT = 12700
INK, PALE, SOFT = "1C2430", "F1F4F9", "5B6577"


def render_slides(record: DecisionRecord) -> bytes:
    """The record as the bytes of a ``.pptx`` file."""
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    deck.slide_width, deck.slide_height = Inches(WIDTH), Inches(HEIGHT)
    deck.core_properties.title = f"Which strategy: {record.workspace}"
    deck.core_properties.author = ""
    result = record.result
    _first(deck, record)
    _shares(deck, record)
    money = (2.4, 1.6, 2.7, 1.6, 3.633)
    _table(deck, front.money_title(record), _money(record), front.volume_text(record), money)
    if record.scenarios:
        heads = [front.scenario_title(item.scenario) for item in record.scenarios]
        rows = [[row["strategy"], *row["cells"]] for row in front.scenario_rows(record)]
        wide = (2.1, *[9.833 / len(heads)] * len(heads))
        _table(
            deck, "What it costs from pilot to scale", [["Strategy", *heads], *rows], widths=wide
        )
    _sentences(deck, "What speaks for it", result.reasons)
    _sentences(deck, "What speaks against it", (*result.objections, *result.cautions))
    _sentences(deck, "What would change it", result.changes)
    for strategy, card in front.cards(record):
        lines = [f"Not when: {_inside(text)}" for text in card.not_when]
        lines += [f"Fails: {item.how} {item.sign}" for item in card.fails]
        title = f"{name(strategy, start=True)}: when not, and how it fails"
        _text(deck, title, lines, f"Sources: {', '.join(card.sources)}.")
    if record.recipe:
        plan = [["", "Step", "Who", "By"]]
        plan += [["✓" if s.done else "", s.text, s.owner, s.due] for s in record.recipe.steps]
        _table(deck, "Next steps", plan, widths=(0.5, 7.833, 2.0, 1.6))
    _text(deck, "How it was measured", list(_measured(record)), "Every input is in the record.")
    _text(deck, "What was only guessed", front.guessed(record))
    _number(deck, f"{record.workspace}, {record.created_at[:10]}")
    file = io.BytesIO()
    deck.save(file)
    return file.getvalue()


def _inside(text: str) -> str:
    """A sentence behind a colon; what is written in capitals stays so: ``RAG with ...``."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _first(deck: Presentation, record: DecisionRecord) -> None:
    """The decision in large type, a bar in the colour of its strategy beside it."""
    result = record.result
    slide = _slide(deck, result.headline.text)
    head, leader = slide.shapes.title, result.verdict or result.leader
    _place(head, EDGE + 0.2, 0.9, WIDTH - 2 * EDGE - 0.2, 2.2)
    head.text_frame.paragraphs[0].font.size = _points(TITLE_POINTS)
    _bar(slide, 0.9, 2.2, svg.COLOURS[leader].lstrip("#") if leader else SOFT)
    lines = [
        f"{record.workspace}, decided {record.created_at[:10]}",
        front.confidence_text(record),
        result.next_step.text,
        *([record.note] if record.note else []),
    ]
    (part, points), *rest = _parts(lines, HEIGHT - 3.4 - FOOT)
    _write(slide, 3.4, part, points, inset=0.2)
    _note(slide, f"Decision record {record.id}.")
    for more, size in rest:
        _write(_slide(deck, "The decision (continued)"), TOP, more, size)


def _bar(slide: Slide, top: float, height: float, colour: str) -> None:
    from pptx.enum.shapes import MSO_SHAPE
    from pptx.util import Inches

    bar = slide.shapes.add_shape(
        MSO_SHAPE.RECTANGLE, Inches(EDGE), Inches(top), Inches(0.09), Inches(height)
    )
    bar.fill.solid()
    bar.fill.fore_color.rgb = _colour(colour)
    bar.line.fill.background()


def _number(deck: Presentation, of: str) -> None:
    """At the foot of every slide: whose it is, and which."""
    from pptx.enum.text import PP_ALIGN

    for number, slide in enumerate(deck.slides, start=1):
        frame = _box(slide, EDGE, HEIGHT - 0.42, WIDTH - 2 * EDGE, 0.3)
        paragraph = frame.paragraphs[0]
        paragraph.text = f"{of} · {number}"
        paragraph.font.size, paragraph.font.color.rgb = _points(FOOT_POINTS), _colour(SOFT)
        paragraph.alignment = PP_ALIGN.RIGHT


def _money(record: DecisionRecord) -> list[list[str]]:
    months = f"{record.cost_inputs.months:g} months"
    head = ["Strategy", months, "90 % range", "A month", "A right answer"]
    rows = front.cost_rows(record)
    return [head] + [[r[k] for k in ("strategy", "total", "range", "month", "right")] for r in rows]


def _measured(record: DecisionRecord) -> Iterator[str]:
    known = record.provenance
    for key in ("evaluation", "evaluated", "questions", "model", "known error of the score"):
        if known.get(key):
            # A moment to the minute, as people write it.
            value = known[key][:16].replace("T", ", ") if key == "evaluated" else known[key]
            yield f"{key[:1].upper()}{key[1:]}: {value}"
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
        f"{name(s, start=True)} ({100 * m.low:.0f} % to {100 * m.high:.0f} %, n = {m.n})"
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
        _write(slide, TOP, part, points, bullets=bullets)
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
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Pt

    slide = deck.slides.add_slide(deck.slide_layouts[5])  # "Title Only"
    head = slide.shapes.title
    _place(head, EDGE, 0.35, WIDTH - 2 * EDGE, 1.1)
    head.text_frame.margin_left = 0
    head.text_frame.text, head.text_frame.word_wrap = title, True
    (paragraph,) = head.text_frame.paragraphs
    paragraph.font.size = Pt(TITLE_POINTS if len(title) <= LONG_TITLE else TITLE_POINTS - 8)
    paragraph.font.bold, paragraph.font.color.rgb = True, _colour(INK)
    paragraph.alignment = PP_ALIGN.LEFT
    return slide


def _place(shape: Any, left: float, top: float, width: float, height: float) -> None:
    from pptx.util import Inches

    shape.left, shape.top = Inches(left), Inches(top)
    shape.width, shape.height = Inches(width), Inches(height)


def _box(slide: Slide, left: float, top: float, width: float, height: float) -> TextFrame:
    """An empty text box whose text begins where the titles and the tables do."""
    from pptx.util import Inches

    place = [Inches(x) for x in (left, top, width, height)]
    frame = slide.shapes.add_textbox(*place).text_frame
    frame.word_wrap, frame.margin_left = True, 0
    return frame


def _write(
    slide: Slide,
    top: float,
    lines: Sequence[str],
    points: int,
    *,
    bullets: bool = False,
    inset: float = 0.0,
) -> None:
    across, room = WIDTH - 2 * EDGE - inset, max(HEIGHT - top - FOOT, 0.4)
    frame = _box(slide, EDGE + inset, top, across, room)
    for number, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if not number else frame.add_paragraph()
        paragraph.text = line
        paragraph.font.size, paragraph.font.color.rgb = _points(points), _colour(INK)
        paragraph.space_after = _points(points / 2)
        if bullets:
            _bullet(paragraph, points)


def _bullet(paragraph: Any, points: int) -> None:
    """PowerPoint's own bullet: lines after the first begin where the first does."""
    from pptx.oxml.ns import qn

    properties = paragraph._p.get_or_add_pPr()
    indent = round(points * 1.1 * EMU_A_POINT)
    properties.set("marL", str(indent))
    properties.set("indent", str(-indent))
    mark = properties.makeelement(qn("a:buChar"), {"char": "•"})
    properties.append(mark)


def _table(
    deck: Presentation,
    title: str,
    rows: Sequence[Sequence[str]],
    caption: str = "",
    widths: Sequence[float] = (),
) -> None:
    from pptx.enum.text import MSO_ANCHOR
    from pptx.util import Inches

    slide = _slide(deck, title)
    across = WIDTH - 2 * EDGE
    place = [Inches(x) for x in (EDGE, TOP, across, TABLE_ROW * len(rows))]
    table = slide.shapes.add_table(len(rows), len(rows[0]), *place).table
    for column, width in zip(table.columns, widths or [across / len(rows[0])] * 9, strict=False):
        column.width = Inches(width)
    for number, row in enumerate(rows):
        for place_in, text in enumerate(row):
            cell = table.cell(number, place_in)
            cell.text, cell.vertical_anchor = text, MSO_ANCHOR.MIDDLE
            cell.fill.solid()
            cell.fill.fore_color.rgb = _colour(PALE if number % 2 == 0 else "FFFFFF")
            for paragraph in cell.text_frame.paragraphs:
                paragraph.font.size, paragraph.font.color.rgb = _points(TABLE_POINTS), _colour(INK)
                paragraph.font.bold = number == 0
    if caption:
        _write(slide, HEIGHT - 1.05, [f"At {caption}."], 14)


def _note(slide: Slide, text: str) -> None:
    if text:
        slide.notes_slide.notes_text_frame.text = text


def _points(size: float) -> Any:
    from pptx.util import Pt

    return Pt(size)


def _colour(text: str) -> Any:
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(text.upper())
