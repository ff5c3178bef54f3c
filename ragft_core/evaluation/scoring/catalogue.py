"""Every score by name: what it is called, what it says, and which answers it applies to."""

from __future__ import annotations

from ragft_core.arms import BY_ID
from ragft_core.evaluation.labels import NO_LABELS, Labelling
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.scoring import measures
from ragft_core.evaluation.scoring.scorers import (
    Family,
    Score,
    Scorer,
    Subject,
    abstains_rightly,
    against_golds,
    answers_when_it_can,
    correct,
    cost,
    judged,
    label_format,
    label_right,
    least_word_errors,
    numeric,
    price,
    retrieval,
    similarity,
    support,
    with_abstention,
)
from ragft_core.overlap import exact_match, token_f1
from ragft_core.types import Answer

SCORERS = (
    Scorer(
        "correct",
        "Right answers",
        "The answer says what the gold answer says: numbers, units and dates by value, lists in any "
        "order, a denial is no yes; a label is the right one; a question without an answer is declined.",
        Family.ROBUST,
        correct,
        rate=True,
    ),
    Scorer(
        "gold_recall",
        "Gold words found",
        "Share of the gold answer's tokens in the answer.",
        Family.ROBUST,
        with_abstention(measures.gold_recall),
    ),
    Scorer(
        "contains",
        "Holds the gold answer",
        "The gold answer stands in the answer in one piece.",
        Family.ROBUST,
        with_abstention(measures.contains),
        rate=True,
    ),
    Scorer(
        "numeric",
        "Numbers agree",
        "Every number of the gold answer is in the answer, within 1 % (years exactly).",
        Family.ROBUST,
        numeric,
        rate=True,
    ),
    Scorer(
        "similarity",
        "Similar in meaning",
        "Cosine between answer and gold answer from the local embedder; favours like lengths.",
        Family.SENSITIVE,
        similarity,
    ),
    Scorer(
        "label",
        "Right labels",
        "The one label that the answer names is the right one.",
        Family.ROBUST,
        label_right,
        rate=True,
    ),
    Scorer(
        "f1",
        "Token F1",
        "Overlap with the gold answer (SQuAD); rewards terse answers.",
        Family.SENSITIVE,
        with_abstention(token_f1),
    ),
    Scorer(
        "exact",
        "Exact match",
        "The answer is the gold answer and nothing else (SQuAD).",
        Family.SENSITIVE,
        with_abstention(exact_match),
        rate=True,
    ),
    Scorer(
        "format",
        "In the format",
        "The answer has the agreed form, letter for letter: its pattern, or just a label.",
        Family.SENSITIVE,
        label_format,
        rate=True,
    ),
    Scorer(
        "rouge_l",
        "ROUGE-L",
        "Longest common subsequence with the gold answer, F measure.",
        Family.SENSITIVE,
        against_golds(measures.rouge_l),
    ),
    Scorer(
        "chrf",
        "chrF",
        "Overlap of character n-grams (sacrebleu).",
        Family.SENSITIVE,
        against_golds(measures.chrf),
    ),
    Scorer(
        "wer",
        "Word error rate",
        "Word edits per gold word (jiwer); for transcription-like text, misleading elsewhere.",
        Family.SENSITIVE,
        least_word_errors,
        higher_is_better=False,
        unit="errors a word",
    ),
    Scorer(
        "abstains",
        "Declines where it should",
        "Of the questions that the documents do not answer, how many it declines.",
        Family.ABSTENTION,
        abstains_rightly,
        rate=True,
    ),
    Scorer(
        "answers",
        "Answers where it can",
        "Of the questions that have an answer, how many it does not decline.",
        Family.ABSTENTION,
        answers_when_it_can,
        rate=True,
    ),
    Scorer(
        "support",
        "Supported by passages",
        "Share of the answer's content words and numbers that its passages hold.",
        Family.GROUNDING,
        support,
    ),
    Scorer(
        "hit",
        "Hit@k",
        "A passage with the answer is among those found.",
        Family.RETRIEVAL,
        retrieval(measures.hit),
        rate=True,
    ),
    Scorer(
        "recall",
        "Recall@k",
        "Share of what there is to find that was found.",
        Family.RETRIEVAL,
        retrieval(lambda flags: measures.recall_at_k(flags, 1)),
    ),
    Scorer(
        "mrr",
        "MRR",
        "1 divided by the rank of the first passage with the answer.",
        Family.RETRIEVAL,
        retrieval(measures.reciprocal_rank),
    ),
    Scorer(
        "ndcg",
        "nDCG@k",
        "Discounted gain of the ranks over the best possible one.",
        Family.RETRIEVAL,
        retrieval(lambda flags: measures.ndcg(flags, 1)),
    ),
    Scorer(
        "judged",
        "Right, says the judge",
        "Another model's opinion, by a fixed rubric; ranks nobody.",
        Family.JUDGED,
        judged,
        rate=True,
    ),
    Scorer(
        "prompt_tokens",
        "Tokens read",
        "Tokens of the rendered prompt.",
        Family.COST,
        cost(lambda answer: float(answer.prompt_tokens)),
        higher_is_better=False,
        unit="tokens",
    ),
    Scorer(
        "completion_tokens",
        "Tokens written",
        "Tokens of the answer.",
        Family.COST,
        cost(lambda answer: float(answer.completion_tokens)),
        higher_is_better=False,
        unit="tokens",
    ),
    Scorer(
        "cost",
        "Price",
        "Price of the answer by the endpoint's price list.",
        Family.COST,
        price,
        higher_is_better=False,
        unit="currency",
    ),
)

BY_NAME = {scorer.name: scorer for scorer in SCORERS}


def score_answer(
    question: Question,
    answer: Answer,
    *,
    labelling: Labelling = NO_LABELS,
    similarity: float | None = None,
    judgement: Score | None = None,
    retrieves: bool | None = None,
) -> dict[str, Score]:
    """All scores of one answer, by the scorer's name.

    Args:
        question: What was asked, with the answers that are right.
        answer: What the arm said; one with an error is scored by nothing.
        labelling: The labels, where questions are to be labelled.
        similarity: Cosine to the nearest gold answer, where an embedder was at hand.
        judgement: What a judge said, where one was asked.
        retrieves: Whether the arm searches for passages; None where it is a ready-made one.
    """
    if answer.error:
        failed = Score(None, f"the arm failed: {answer.error}")
        return {scorer.name: failed for scorer in SCORERS}
    searches = BY_ID[answer.arm].retrieves if retrieves is None else retrieves
    subject = Subject(question, answer, labelling, similarity, judgement, searches)
    return {scorer.name: scorer.score(subject) for scorer in SCORERS}
