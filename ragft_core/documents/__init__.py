"""Files become text, text becomes chunks. Untrusted files are read in a child with limits."""

from ragft_core.documents.archive import (
    Member,
    is_archive,
    is_litter,
    members,
    open_archive,
    open_member,
)
from ragft_core.documents.chunk import CHUNKER, PATH, chunk_document
from ragft_core.documents.detect import clean_folder, clean_name
from ragft_core.documents.encoding import ENCODINGS, is_guessed, readings
from ragft_core.documents.formats import EXTENSIONS, FORMATS, Format, format_of
from ragft_core.documents.limits import MAX_FILE_BYTES, check_size
from ragft_core.documents.parse import ParsedDocument
from ragft_core.documents.sandbox import parse_file, parse_files

__all__ = [
    "CHUNKER",
    "ENCODINGS",
    "EXTENSIONS",
    "FORMATS",
    "MAX_FILE_BYTES",
    "PATH",
    "Format",
    "Member",
    "ParsedDocument",
    "check_size",
    "chunk_document",
    "clean_folder",
    "clean_name",
    "format_of",
    "is_archive",
    "is_guessed",
    "is_litter",
    "members",
    "open_archive",
    "open_member",
    "parse_file",
    "parse_files",
    "readings",
]
