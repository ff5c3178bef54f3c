"""Two sample workspaces, written for this product: the demo, the tests' and the benchmarks' data.

    <name>/sample.json       what the workspace starts with: instruction, labels, description
    <name>/documents/        the files as a user would upload them
    <name>/examples.jsonl    training examples and test questions, one Example a line
    <name>/source/           what ``build.py`` makes the binary documents and the examples of
    <name>/finished.zip      the finished case that ``finish.py`` makes; ``answers.json`` is its
                             questionnaire, ``tour.json`` the five steps that show it

Everything in them is invented: the companies, the people, the places and the numbers.
"""

from ragft_core.samples.finished import Case, Stop, finished_cases, open_finished, tour_of
from ragft_core.samples.load import (
    Sample,
    list_samples,
    load_sample,
    read_sample,
    sample_documents,
    sample_examples,
)

__all__ = [
    "Case",
    "Sample",
    "Stop",
    "finished_cases",
    "list_samples",
    "load_sample",
    "open_finished",
    "read_sample",
    "sample_documents",
    "sample_examples",
    "tour_of",
]
