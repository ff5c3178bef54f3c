"""Text recognition of scanned pages by RapidOCR, where somebody has installed it.

It is no requirement: its wheel brings its models (33 MB), onnxruntime and OpenCV another 200 MB. It
runs in the parser child like every reader, within the child's limits, and downloads nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ragft_core.documents.limits import PARSER_CPU_S, PARSER_MEMORY_BYTES, PARSER_WALL_S

INSTALL = "Install text recognition (OCR) with 'pip install rapidocr onnxruntime', or run 'ocrmypdf' on it"
_DPI = 200
# A page of 200 dots an inch is looked over at this size: larger ones break the child's memory.
_SETTINGS = {
    "Global.log_level": "error",
    "Global.max_side_len": 1600,
    "Det.limit_type": "max",
    "Det.limit_side_len": 1280,
    "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
    "EngineConfig.onnxruntime.intra_op_num_threads": 2,
}
# Shares of what a file may take: of computing by all threads, and of waiting.
MOST_COMPUTING_S, MOST_WAITING_S = 0.75 * PARSER_CPU_S, 0.6 * PARSER_WALL_S


# Seen: 1.4 GB of address space for a page by itself, 0.5 GB of it in memory.
_MORE_MEMORY_BYTES = 1024 * 2**20


def memory_bytes() -> int:
    """What the parser child may take of address space: more where it reads pictures."""
    return PARSER_MEMORY_BYTES + (_MORE_MEMORY_BYTES if is_installed() else 0)


def is_installed() -> bool:
    """Whether scanned pages can be read here."""
    return all(find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


def recognise(path: Path, pages: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Reads pages of a PDF as pictures, as long as the file's share of time lasts.

    Args:
        path: The PDF.
        pages: Numbers of its pages, counted from 0.

    Yields:
        A page's number, and the lines of text that were seen on it; empty where none were.
    """
    import pypdfium2

    engine = _engine()
    computed, waited = time.process_time(), time.monotonic()
    document = pypdfium2.PdfDocument(path)
    try:
        for number in pages:
            if (
                time.process_time() - computed > MOST_COMPUTING_S
                or time.monotonic() - waited > MOST_WAITING_S
            ):
                return
            picture = document[number].render(scale=_DPI / 72).to_numpy()
            found = engine(picture)
            yield number, _lines(found)
    finally:
        document.close()


def _engine() -> Any:  # noqa: ANN401 - the library has no types
    from rapidocr import RapidOCR

    return RapidOCR(params=_SETTINGS)


def _lines(found: Any) -> str:  # noqa: ANN401
    """The words that were seen, those of one height on one line, from left to right."""
    if found.boxes is None:
        return ""
    words = []
    for box, text in zip(found.boxes, found.txts, strict=True):
        top, bottom = min(y for _, y in box), max(y for _, y in box)
        words.append((float(top), float(bottom), float(box[0][0]), str(text)))
    lines: list[list[tuple[float, float, float, str]]] = []
    for word in sorted(words):
        middle = (word[0] + word[1]) / 2
        if lines and lines[-1][0][0] < middle < lines[-1][0][1]:
            lines[-1].append(word)
        else:
            lines.append([word])
    return "\n".join(
        " ".join(text for *_, text in sorted(line, key=lambda word: word[2])) for line in lines
    )
