"""Which documents a filter leaves in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ragft_core.errors import RetrievalError
from ragft_core.knowledge.filters import read_filter
from ragft_core.types import Document

PDF = Document(
    "a" * 20, "Staff Handbook", "handbook-2026.pdf", "pdf", "", 1, 1, 1, 1, 1, "2026-01-31T09:00:00+00:00"
)  # fmt: skip
NOTES = replace(PDF, id="b" * 20, title="Notes", file_name="my notes.md", format="md",
                added_at="2026-03-01T09:00:00+00:00", folder="Team docs/Rules/2026")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", [PDF, NOTES]),
        ("handbook", [PDF]),
        ("HANDBOOK*", [PDF]),
        ("book*", []),
        ("staff", [PDF]),  # by its title
        ("handbook notes", [PDF, NOTES]),
        ('"my notes"', [NOTES]),
        ("type:pdf", [PDF]),
        ("type:.PDF,md", [PDF, NOTES]),
        ("since:2026-01-31", [PDF, NOTES]),
        ("since:2026-02-01", [NOTES]),
        ("before:2026-03-01", [PDF]),
        ("notes type:pdf", []),
        ("folder:rules", [NOTES]),  # and what lies below it
        ("folder:rules/2026", [NOTES]),
        ('folder:"team docs/"', [NOTES]),
        ("folder:team*/r?les", [NOTES]),
        ("folder:docs/rules", []),
        ("folder:rule", []),
        ("folder:rules/2026/x", []),
        ("folder:other folder:2026", [NOTES]),
        ("folder:rules type:pdf", []),
        ("folder:*", [PDF, NOTES]),
        ("a:b", []),  # no word of the filter's: a name
    ],
)
def test_a_filter_leaves_in_what_fits_all_of_it(text: str, kept: list[Document]) -> None:
    assert [document for document in (PDF, NOTES) if read_filter(text).fits(document)] == kept


@pytest.mark.parametrize(
    "text", ["since:yesterday", "before:2026-13-01", 'notes "and', "since:", "folder:/"]
)
def test_a_filter_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(RetrievalError, match="no day|quotation|no folder") as told:
        read_filter(text)
    assert "since:2026-01-31" in told.value.remedy
