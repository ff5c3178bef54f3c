"""Examples: where they are kept, how they are imported and split."""

from ragft_core.finetuning.examples.check import Finding, Problem, check_examples, fixed
from ragft_core.finetuning.examples.facts import by_fact, joined, label_counts, parted
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
    changing_examples,
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
    "Finding",
    "ImportReport",
    "Problem",
    "Table",
    "assign_splits",
    "by_fact",
    "changing_examples",
    "check_examples",
    "divide",
    "example_id",
    "fixed",
    "guess_mapping",
    "import_examples",
    "import_file",
    "joined",
    "label_counts",
    "load_examples",
    "parted",
    "preview_import",
    "read_table",
    "save_examples",
]
