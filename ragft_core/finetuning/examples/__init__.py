"""Examples: where they are kept, how they are imported and split."""

from ragft_core.finetuning.examples.facts import by_fact, label_counts
from ragft_core.finetuning.examples.importing import (
    OPTIONAL,
    REQUIRED,
    ImportReport,
    guess_mapping,
    import_examples,
    import_file,
    preview_import,
)
from ragft_core.finetuning.examples.store import (
    FEWEST,
    assign_splits,
    divide,
    example_id,
    load_examples,
    save_examples,
)
from ragft_core.finetuning.examples.tables import FORMATS, Table, read_table

__all__ = [
    "FEWEST",
    "FORMATS",
    "OPTIONAL",
    "REQUIRED",
    "ImportReport",
    "Table",
    "assign_splits",
    "by_fact",
    "divide",
    "example_id",
    "guess_mapping",
    "import_examples",
    "import_file",
    "label_counts",
    "load_examples",
    "preview_import",
    "read_table",
    "save_examples",
]
