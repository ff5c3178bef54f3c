"""Question sets: where they come from, what they probe, and what leaked into training."""

from ragft_core.evaluation.questions.question_sets import KIND_LABELS, Question, QuestionSet
from ragft_core.evaluation.questions.sources import (
    brought_questions,
    check_leaks,
    count_test_questions,
    latest_writing,
    workspace_questions,
    written_questions,
)

__all__ = [
    "KIND_LABELS",
    "Question",
    "QuestionSet",
    "brought_questions",
    "check_leaks",
    "count_test_questions",
    "latest_writing",
    "workspace_questions",
    "written_questions",
]
