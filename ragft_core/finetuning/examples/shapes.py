"""The shapes in which questions and answers are passed around, brought to rows with columns.

Alpaca and Dolly (``instruction``, ``input``, ``output``), chat rows (``messages`` of OpenAI,
``conversations`` of ShareGPT or TRL's ``prompt`` and ``completion``, their content a text or a list of
parts), SQuAD, flat or nested, questions with choices, LangSmith's and promptfoo's tests. One reading for examples and question sets, so that both mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ragft_core.finetuning.examples.columns import SEPARATOR, ShapeError, as_text, guess_columns
from ragft_core.finetuning.examples.forms import (
    expected,
    lettered,
    promptfoo_row,
    run_row,
    with_choice,
)
from ragft_core.models.prompts import ABSTENTION

ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}
SPLIT_NAMES = {"train", "training", "validation", "valid", "val", "dev", "test"}


def rows_of(data: Any) -> list[Any] | None:
    """The rows in a JSON document: a list, the one list of an object, or SQuAD's paragraphs.

    None where there is no list of rows.
    """
    if isinstance(data, dict):
        articles = data.get("data")
        if isinstance(articles, list) and any("paragraphs" in a for a in articles if _is(a)):
            return list(_squad(articles))
        if data and set(data) <= SPLIT_NAMES and all(isinstance(v, list) for v in data.values()):
            return [
                {"split": name, **row} if _is(row) else row
                for name, rows in data.items()
                for row in rows
            ]
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 and not _is_row(data) else [data]
    return data if isinstance(data, list) else None


def flat(item: Mapping[str, Any]) -> dict[str, str]:
    """One JSON row as columns of text.

    Raises:
        ShapeError: It is a conversation that no single question and answer can be made of.
    """
    turns = _turns(item)
    if turns:
        rest = {k: v for k, v in item.items() if k not in _TURNS}
        return _chat(turns) | {str(key): as_text(value) for key, value in rest.items()}
    if _is(item.get("vars")):
        return promptfoo_row(item)
    if _is(item.get("inputs")) and _is(item.get("outputs")):
        return run_row(item)
    item = with_choice(item)
    row = {str(key): as_text(value) for key, value in item.items()}
    key = guess_columns(row).get("answer", "")
    several = item.get(key)
    if isinstance(several, list) and all(isinstance(text, str) for text in several):
        golds = _golds(several)
        row[key] = golds.pop("answer")
        row |= golds
    nested = item.get("answers")
    texts = nested.get("text") if isinstance(nested, dict) else None
    if isinstance(texts, list):
        del row["answers"]
        row |= _golds(texts)
    return row


def combined(row: dict[str, str]) -> dict[str, str]:
    """An Alpaca row with its instruction and its input as one question, a blank line between.

    A promptfoo row's answer is what its check is about, without the check's name.
    """
    if "__expected" in row:
        row = row | expected(row["__expected"])
    names = {key.strip().lower(): key for key in row}
    if "question" in names and {"a", "b"} <= set(names):
        row = lettered(row, names)
    told = next((name for name in ("output", "response", "completion") if name in names), "")
    if "instruction" not in names or not told:
        return row
    given = [name for name in ("instruction", "input", "context") if name in names]
    parts = (row[names[name]].strip() for name in given)
    rest = {k: v for k, v in row.items() if k.strip().lower() not in (*given, told)}
    question = "\n\n".join(part for part in parts if part)
    return {"question": question, "output": row[names[told]], **rest}


_TURNS = ("messages", "conversations", "prompt", "completion", "chosen", "rejected")


def _turns(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The turns of a conversation, in one list or as a prompt and what completes it."""

    def listed(key: str) -> list[dict[str, Any]]:
        value = item.get(key)
        turns = isinstance(value, list) and bool(value) and all(map(_is, value))
        return value if turns and isinstance(value, list) and all(map(_role, value)) else []

    whole = listed("messages") or listed("conversations")
    if whole:
        return whole
    answer = listed("completion") or listed("chosen")
    if not answer:
        return []
    asked = item.get("prompt")
    before = [{"role": "user", "content": asked}] if isinstance(asked, str) else listed("prompt")
    # A preferred answer may be told with the whole conversation before it.
    return answer if len(answer) > 1 and _role(answer[0]) != "assistant" else [*before, *answer]


def _chat(turns: list[dict[str, Any]]) -> dict[str, str]:
    """The last answer of a conversation, with all that was said before it as its question."""
    said = [(_role(turn), _said(turn)) for turn in turns]
    system = "\n".join(text for role, text in said if role in ("system", "developer") and text)
    spoken = [(role, text) for role, text in said if role in ("user", "assistant") and text]
    if not spoken or spoken[-1][0] != "assistant" or _role(turns[-1]) != "assistant":
        raise ShapeError("has no answer in words at its end")
    *before, (_, answer) = spoken
    users = [text for role, text in before if role == "user"]
    if not users or before[-1][0] != "user":
        raise ShapeError("has no question before its answer")
    if len(before) == 1:
        question = users[0]
    else:
        question = "\n".join(f"{role.capitalize()}: {text}" for role, text in before)
    return {"question": question, "answer": answer} | ({"system": system} if system else {})


def _role(turn: Mapping[str, Any]) -> str:
    role = str(turn.get("role", turn.get("from", ""))).lower()
    return ROLES.get(role, role)


def _said(turn: Mapping[str, Any]) -> str:
    """The words of a turn; pictures and other parts are no words."""
    content = turn.get("content", turn.get("value"))
    if isinstance(content, list):
        parts = [part.get("text") if _is(part) else part for part in content]
        content = "\n".join(part for part in parts if isinstance(part, str))
    return content.strip() if isinstance(content, str) else ""


def _squad(articles: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for article in filter(_is, articles):
        for paragraph in filter(_is, article.get("paragraphs") or []):
            for qa in filter(_is, paragraph.get("qas") or []):
                found = [a for a in qa.get("answers") or [] if _is(a)]
                texts = [] if qa.get("is_impossible") else [str(a.get("text", "")) for a in found]
                yield {
                    "question": qa.get("question"),
                    **_golds(texts),
                    "title": str(article.get("title", "")).replace("_", " "),
                    "evidence": _sentence(str(paragraph.get("context", "")), texts),
                }


def _golds(texts: Iterable[Any]) -> dict[str, str]:
    """The first answer and the others; without one the question cannot be answered."""
    golds = list(dict.fromkeys(str(text).strip() for text in texts if str(text).strip()))
    if not golds:
        return {"answer": ABSTENTION, "kind": "unanswerable"}
    return {"answer": golds[0], "alternatives": SEPARATOR.join(golds[1:])}


def _sentence(context: str, texts: list[str]) -> str:
    """The sentence of a context that holds the first answer."""
    sentences = re.split(r"(?<=[.!?])\s+", context)
    return next((s for s in sentences if texts and texts[0] and texts[0] in s), "")


def _is(value: Any) -> bool:
    return isinstance(value, dict)


def _is_row(item: Mapping[str, Any]) -> bool:
    """Whether an object is itself a row, such as one conversation, and not a wrapper of rows."""
    return "messages" in item or "conversations" in item or "question" in item
