"""Web pages and Markdown. Their tables become records, see ``grids``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.documents.encoding import decode
from ragft_core.documents.readers.grids import Grid, lines_of, spread
from ragft_core.documents.readers.text import Reading, first_heading, tidy, words_of

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

# Parts of a page that repeat on every page of a site and say nothing about this one.
_BOILERPLATE = ("script", "style", "noscript", "template", "svg", "iframe", "nav")
_CONTROLS = ("button", "input", "select", "textarea")
_BLOCKS = ("table", "h1", "h2", "h3", "h4", "h5", "h6", "form", "article", "section")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
_TITLE_LINE = re.compile(r"""^title:\s*["']?(.+?)["']?\s*$\n?""", re.MULTILINE)


def read_html(path: Path, name: str) -> Reading:
    """Reads a web page as Markdown, without scripts, navigation, controls and pictures."""
    html, warnings = decode(path.read_bytes(), name)
    text, title = page(html, name)
    return Reading(text, first_heading(text) or title, warnings=warnings)


def page(html: str, name: str) -> tuple[str, str]:
    """A web page's Markdown, and the title of its head."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for tag in soup([*_BOILERPLATE, *_CONTROLS]):
        tag.decompose()
    if soup.title:
        soup.title.decompose()
    return to_markdown(soup, name), title


def read_markdown(path: Path, name: str) -> Reading:
    """Reads Markdown as it is, but for its tables and the marks around its front matter.

    The title is the front matter's, or else the first heading.
    """
    text, warnings = words_of(path, name)
    text = tidy(text)
    title = ""
    front = _FRONT_MATTER.match(text)
    if front:
        found = _TITLE_LINE.search(front.group(1))
        title = found.group(1) if found else ""
        rest = _TITLE_LINE.sub("", front.group(1), count=1)
        # Without an empty line between, a line under a text makes it a heading.
        text = tidy(rest + "\n\n" + text[front.end() :])
    if "|" in text or "<table" in text:
        text = _without_tables(text, name)
    return Reading(text, title or first_heading(text), warnings=warnings)


def _without_tables(text: str, name: str) -> str:
    """Markdown whose tables, also those written in HTML, are records."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    lines = text.split("\n")
    changes: list[tuple[int, int, str]] = []
    for place, token in enumerate(tokens):
        if token.map is None:
            continue
        start, end = token.map
        if token.type == "table_open":
            changes.append((start, end, "\n".join(lines_of(_pipes(tokens, place), name))))
        elif token.type == "html_block" and "<table" in token.content.lower():
            changes.append((start, end, page(token.content, name)[0]))
    for start, end, records in reversed(changes):
        lines[start:end] = [*records.split("\n"), ""]
    return tidy("\n".join(lines))


def _pipes(tokens: list[Any], place: int) -> Grid:
    rows: list[list[str]] = []
    for token in tokens[place:]:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_plain(token))
    return Grid(rows, 1)


def _plain(inline: Any) -> str:  # noqa: ANN401 - a token of markdown-it
    parts = [
        " " if child.type.endswith("break") else child.content for child in inline.children or []
    ]
    return " ".join(re.sub(r"<br\s*/?>", " ", "".join(parts)).split())


def to_markdown(soup: BeautifulSoup, name: str) -> str:
    """Turns parsed HTML into Markdown with ``#`` headings; links keep their text only."""
    from markdownify import MarkdownConverter

    for table in soup("table"):
        if table.parent is not None and not table.find(_BLOCKS):
            _replace(soup, table, name)
    converter = MarkdownConverter(
        heading_style="atx",
        bullets="-",
        strip=["a", "img", "form"],
        escape_misc=False,
        escape_asterisks=False,
        escape_underscores=False,
        # A table that is left lays out a page: its cells are texts one below the other.
        table_infer_header=False,
    )
    for tag in soup(["table", "thead", "tbody", "tfoot", "tr", "td", "th"]):
        tag.name = "div"
    return tidy(converter.convert_soup(soup))


def _replace(soup: BeautifulSoup, table: Any, name: str) -> None:  # noqa: ANN401 - a tag
    """Puts a list of records in a table's place."""
    grid = _grid(table)
    width = max(map(len, grid.rows), default=0)
    if width < 2:
        return
    block, items = soup.new_tag("div"), soup.new_tag("ul")
    for line in lines_of(grid, name):
        if line.startswith("- "):
            item = soup.new_tag("li")
            item.string = line[2:]
            items.append(item)
        elif line.strip():
            if items.contents:
                block.append(items)
                items = soup.new_tag("ul")
            paragraph = soup.new_tag("p")
            paragraph.string = line.strip()
            block.append(paragraph)
    block.append(items)
    table.replace_with(block)


def _grid(table: Any) -> Grid:  # noqa: ANN401
    """The cells of an HTML table, and its rows of headings."""
    rows = table.find_all("tr")
    inner = [[c for c in row.find_all(["td", "th"]) if c.find_parent("tr") is row] for row in rows]
    cells = [[(_words(c), _span(c, "colspan"), _span(c, "rowspan")) for c in row] for row in inner]
    n_header = 0
    for row, inside in zip(rows, inner, strict=True):
        if row.parent.name != "thead" and (not inside or any(c.name == "td" for c in inside)):
            break
        n_header += 1
    # Names in the first column alone: each row is a name and its value.
    sideways = not n_header and all(row and row[0].name == "th" for row in inner)
    caption = table.find("caption")
    grid = spread(cells, 0 if sideways else n_header or None)
    title = " ".join(caption.get_text(" ").split()) if caption else ""
    return Grid(grid.rows, grid.n_header, title)


def _words(cell: Any) -> str:  # noqa: ANN401
    """The text of a cell; where its end is not marked, the next cell is parsed into it."""
    parts = []
    for node in cell.descendants:
        if node.name in ("br", "p", "div", "li"):
            parts.append(" ")
        elif node.name is None and node.find_parent(["td", "th"]) is cell:
            parts.append(str(node))
    return " ".join("".join(parts).split())


def _span(cell: Any, name: str) -> int:  # noqa: ANN401
    value = str(cell.get(name, "1")).strip()
    return min(max(int(value), 1), 2_000) if value.isdigit() else 1
