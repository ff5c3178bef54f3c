"""Rows of tests and quizzes: questions with choices, runs of LangSmith, promptfoo's checks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ragft_core.finetuning.examples.columns import SEPARATOR, ShapeError, as_text, guess_columns

# promptfoo's checks that name an answer, and all of its checks by their form.
ASSERTIONS = (
    "equals", "icontains", "contains", "icontains-any", "contains-any", "icontains-all",
    "contains-all", "starts-with", "similar", "factuality", "llm-rubric",
)  # fmt: skip
_CHECK = re.compile(
    r"^(?P<kind>(?:not-)?[a-z]+(?:-[a-z]+)*)(?:\([\d.]+\))?:\s*(?P<value>.*)$", re.DOTALL
)
_CODE = {
    "javascript",
    "fn",
    "eval",
    "python",
    "regex",
    "cost",
    "latency",
    "webhook",
    "levenshtein",
    "perplexity",
}
_LETTERS = "ABCDEFGHIJ"


def with_choice(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with choices: they belong to the question, and the answer is the right one's text.

    Raises:
        ShapeError: The answer names no choice.
    """
    choices = item.get("choices", item.get("options"))
    labels = choices.get("label") if _is(choices) else None
    texts = choices.get("text") if _is(choices) else choices
    key = next(
        (k for k in ("answer", "answerKey", "answer_key", "label", "correct") if k in item), ""
    )
    asked = item.get("question")
    if not (isinstance(texts, list) and len(texts) > 1 and key and isinstance(asked, str)):
        return item
    given = item[key]
    name = str(given).strip()
    letter = name.upper().rstrip(".)")
    own = [str(label).upper() for label in labels] if isinstance(labels, list) else []
    letters = own or list(_LETTERS)
    # A number is a place, unless the choices are numbers themselves or have names of their own.
    counted = isinstance(given, int) and not isinstance(given, bool) and given not in texts
    texts = [as_text(text) for text in texts]
    if letter in own:
        place = own.index(letter)
    elif counted:
        place = int(given)
    elif name in texts:
        place = texts.index(name)
    else:
        place = letters.index(letter) if letter in letters else -1
    if not 0 <= place < len(texts):
        raise ShapeError(f"has the answer {str(given)[:40]!r}, which is none of its choices")
    rest = {k: v for k, v in item.items() if k not in ("choices", "options", key)}
    return rest | {"question": _asked(asked, texts), "answer": texts[place]}


def lettered(row: dict[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """The same for a table with a column for each choice, called A, B and so on."""
    key = next(
        (names[k] for k in ("answer", "correct", "correct answer", "label") if k in names), ""
    )
    given = row.get(key, "").strip().lower()
    choices = {
        c.lower(): row[names[c.lower()]] for c in _LETTERS if row.get(names.get(c.lower(), ""))
    }
    if given not in choices:
        return row
    rest = {k: v for k, v in row.items() if k.strip().lower() not in choices}
    asked = _asked(row[names["question"]], list(choices.values()))
    return rest | {names["question"]: asked, key: choices[given]}


def _asked(question: str, choices: list[str]) -> str:
    return "\n".join(
        [question, *(f"{a}. {text}" for a, text in zip(_LETTERS, choices, strict=False))]
    )


def run_row(item: Mapping[str, Any]) -> dict[str, str]:
    """A row of inputs and outputs, each with fields of its own."""
    asked = {str(key): as_text(value) for key, value in item["inputs"].items()}
    told = {str(key): as_text(value) for key, value in item["outputs"].items()}
    rest = {str(k): as_text(v) for k, v in item.items() if k not in ("inputs", "outputs")}
    question = asked.get(guess_columns(asked).get("question", ""), "")
    answer = told.get(guess_columns(told).get("answer", ""), "")
    question = question or (next(iter(asked.values())) if len(asked) == 1 else "")
    answer = answer or (next(iter(told.values())) if len(told) == 1 else "")
    return rest | asked | {"question": question, "answer": answer}


def expected(text: str) -> dict[str, str]:
    """What a promptfoo check in a table wants: its value, nothing where it is code."""
    check = _CHECK.match(text.strip())
    kind = check["kind"] if check else ""
    if kind in _CODE or kind.startswith(("not-", "is-", "rouge")):
        return {"__expected": ""}
    if check is None or kind not in ASSERTIONS:
        return {"__expected": text}
    if not kind.endswith(("-any", "-all")):
        return {"__expected": check["value"]}
    return _several(kind, [part.strip() for part in check["value"].split(",")], "__expected")


def _several(kind: str, values: list[str], key: str) -> dict[str, str]:
    """Values of which any is right, or of which all have to be said."""
    if kind.endswith("-all"):
        return {key: ", ".join(values)}
    return {key: values[0], "alternatives": SEPARATOR.join(values[1:])}


def promptfoo_row(item: Mapping[str, Any]) -> dict[str, str]:
    """A test of promptfoo: its variables, and the value of the check that names an answer best."""
    values = {str(key): as_text(value) for key, value in item["vars"].items()}
    checks = [check for check in item.get("assert") or [] if _is(check) and check.get("value")]
    ordered = sorted(
        (c for c in checks if c.get("type") in ASSERTIONS),
        key=lambda check: ASSERTIONS.index(check["type"]),
    )
    if "question" not in guess_columns(values) and len(values) == 1:
        values = {"question": next(iter(values.values()))}
    if not ordered:
        return values
    kind, value = str(ordered[0]["type"]), ordered[0]["value"]
    if isinstance(value, list):
        return values | _several(kind, [as_text(part) for part in value], "answer")
    return values | {"answer": as_text(value)}


def _is(value: Any) -> bool:
    return isinstance(value, dict)
