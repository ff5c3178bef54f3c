"""Scanned pages: read where text recognition is installed, named with the way to it where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ragft_core.documents import ocr, parse_file
from ragft_core.errors import DocumentError

PAGES = (("Seal kit 77-0032", "Torque of the flange bolts: 45 Nm"), ("Next visit: 14 March 2027",))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Two pages of text as pictures."""
    font = ImageFont.load_default(size=40)
    pictures = []
    for lines in PAGES:
        picture = Image.new("L", (1240, 1754), 245)
        for number, line in enumerate(lines):
            ImageDraw.Draw(picture).text((120, 150 + 90 * number), line, fill=20, font=font)
        pictures.append(picture.rotate(0.5, fillcolor=245))
    path = tmp_path / "scan.pdf"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], resolution=150)
    return path


@pytest.mark.skipif(ocr.is_installed(), reason="text recognition is installed")
def test_without_it_a_scan_is_refused_with_the_way_to_it(scan: Path) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_file(scan, "scan.pdf")
    assert "2 page(s) but no text" in refused.value.message
    assert "pip install rapidocr onnxruntime" in refused.value.remedy


@pytest.mark.skipif(not ocr.is_installed(), reason="text recognition is not installed")
def test_scanned_pages_are_read_in_the_child(scan: Path) -> None:
    document = parse_file(scan, "scan.pdf")
    for place, lines in enumerate(PAGES):
        page = document.text[document.page_starts[place] :].replace(" ", "")
        for line in lines:
            assert line.replace(" ", "") in page
    assert document.warnings[0].startswith("2 of 2 pages read by text recognition")
