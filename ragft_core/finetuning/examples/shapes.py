"""The shapes in which questions and answers are passed around, brought to rows with columns.

Alpaca (``instruction``, ``input``, ``output``), chat rows (``messages`` of OpenAI or
``conversations`` of ShareGPT, their content a text or a list of parts), SQuAD, flat or nested, and
promptfoo's tests. One reading for examples and question sets, so that both mean the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ragft_core.models.prompts import ABSTENTION

SEPARATOR = "\n"
# What is marked as right: ``gold_answer``, ``expected_output``, ``correct_label`` and their like.
_MARKED = " ".join(
    f"{mark}_{word}"
    for mark in "gold golden ground_truth reference expected ideal correct true target right best".split()
    for word in "answer answers response output text label completion".split()
)
# Names that mean the same, in the order in which they are taken: what is marked as the right answer
# comes before ``answer`` and ``response``, which may be what some model said.
NAMES = {
    "question": "question prompt query input user_input instruction user text message frage q",
    "answer": "ground_truth ground_truths gold golds reference expected ideal __expected "
    + _MARKED
    + " target solution answer output completion chosen label category reply answers assistant response antwort "
    "a",
    "split": "split",
    "kind": "kind type",
    "fact": "fact group topic fact_id",
    "document_id": "document_id document doc source file file_name title",
    "evidence": "evidence quote context passage",
    "alternatives": "alternatives aliases other_answers",
}
ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}
_CHECK = re.compile(r"^(?:equals|i?contains|starts-with|similar(?:\([\d.]+\))?|llm-rubric):\s*")
ASSERTIONS = ("equals", "icontains", "contains", "similar", "llm-rubric")


class ShapeError(ValueError):
    """A row that cannot be an example; the message ends a sentence that begins with the row."""


def guess_columns(columns: Iterable[str]) -> dict[str, str]:
    """Which column holds what, by the columns' names; fields that none fits are missing."""
    by_name: dict[str, str] = {}
    for column in columns:
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", column.strip()).lower()
        by_name.setdefault(snake, column)
    mapping: dict[str, str] = {}
    for field, names in NAMES.items():
        free = (n for n in names.split() if n in by_name and by_name[n] not in mapping.values())
        name = next(free, None)
        if name:
            mapping[field] = by_name[name]
    return mapping


def rows_of(data: Any) -> list[Any] | None:
    """The rows in a JSON document: a list, the one list of an object, or SQuAD's paragraphs.

    None where there is no list of rows.
    """
    if isinstance(data, dict):
        articles = data.get("data")
        if isinstance(articles, list) and any("paragraphs" in a for a in articles if _is(a)):
            return list(_squad(articles))
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 and not _is_row(data) else [data]
    return data if isinstance(data, list) else None


def flat(item: Mapping[str, Any]) -> dict[str, str]:
    """One JSON row as columns of text.

    Raises:
        ShapeError: It is a conversation that no single question and answer can be made of.
    """
    turns = item.get("messages", item.get("conversations"))
    if isinstance(turns, list) and turns and all(map(_is, turns)):
        rest = {k: v for k, v in item.items() if k not in ("messages", "conversations")}
        return _chat(turns) | {str(key): as_text(value) for key, value in rest.items()}
    if _is(item.get("vars")):
        return _promptfoo(item)
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
        row = row | {"__expected": _CHECK.sub("", row["__expected"])}
    names = {key.strip().lower(): key for key in row}
    if not {"instruction", "output"} <= set(names):
        return row
    parts = (row[names[name]].strip() for name in ("instruction", "input") if name in names)
    rest = {k: v for k, v in row.items() if k.strip().lower() not in ("instruction", "input")}
    return {"question": "\n\n".join(part for part in parts if part), **rest}


def as_text(value: Any) -> str:
    """A JSON value as the text of a cell; a list of plain values has a line for each."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(part, (str, int, float)) for part in value):
        return SEPARATOR.join(str(part).strip() for part in value)
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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


def _promptfoo(item: Mapping[str, Any]) -> dict[str, str]:
    values = {str(key): as_text(value) for key, value in item["vars"].items()}
    checks = [check for check in item.get("assert") or [] if _is(check) and check.get("value")]
    ordered = sorted(
        (c for c in checks if c.get("type") in ASSERTIONS),
        key=lambda check: ASSERTIONS.index(check["type"]),
    )
    if "question" not in guess_columns(values) and len(values) == 1:
        values = {"question": next(iter(values.values()))}
    return values | ({"answer": as_text(ordered[0]["value"])} if ordered else {})


def _is(value: Any) -> bool:
    return isinstance(value, dict)


def _is_row(item: Mapping[str, Any]) -> bool:
    """Whether an object is itself a row, such as one conversation, and not a wrapper of rows."""
    return "messages" in item or "conversations" in item or "question" in item
