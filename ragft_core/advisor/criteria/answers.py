"""Answers to the questionnaire: saved with the workspace, imported, prefilled, compared.

An answer is the id of a choice. "Don't know" (``unknown``) and a question left out mean the same:
the decision carries them as uncertainty over all choices.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ragft_core.access import rights
from ragft_core.advisor.criteria.values import MAX_WEIGHT, UNKNOWN, Criteria
from ragft_core.errors import AdvisorError, RagftError
from ragft_core.values import InvalidValueError, from_dict, to_dict
from ragft_core.workspace import Workspace, now, read_json, slug, write_json

FILE = "answers.json"


@dataclass(frozen=True)
class Answers:
    """Who answered what. ``prefilled`` names the answers that were taken from the workspace.

    ``choices`` holds known answers only; ``weights`` those weights that differ from the criteria's.
    ``assumed`` names the answers of ``template`` that nobody confirmed, ``ranking`` the topics from
    the most important on, ``people`` those whose answers these are together. ``by`` is whoever saved
    them; empty for the local owner.
    """

    choices: dict[str, str] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    who: str = ""
    prefilled: tuple[str, ...] = ()
    saved_at: str = ""
    template: str = ""
    assumed: tuple[str, ...] = ()
    ranking: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    by: str = ""

    def choice(self, criterion_id: str) -> str | None:
        """The chosen id, or None for "don't know"."""
        return self.choices.get(criterion_id)


@dataclass(frozen=True)
class Suggestion:
    """An answer that the workspace itself suggests, with the fact that speaks for it."""

    criterion: str
    choice: str
    fact: str
    value: float


def parse_answers(criteria: Criteria, data: object, name: str = "the answers") -> Answers:
    """Checks answers that came from outside.

    Args:
        criteria: The questions that may be answered.
        data: ``{criterion id: choice id}``, or the whole of what ``save_answers`` writes.
        name: How messages call it.

    Raises:
        AdvisorError: A question or a choice is not known, or the shape is wrong.
    """
    if not isinstance(data, Mapping):
        raise AdvisorError(
            f"{_capital(name)} must be a JSON object of question and choice ids.",
            'For example {"need": "facts", "citations": "must"}.',
        )
    whole = dict(data)
    rows = whole.get("choices", whole)
    if not isinstance(rows, Mapping):
        raise AdvisorError(f"In {name}, 'choices' is not a JSON object.")
    choices = {}
    for key, value in rows.items():
        _check_known(criteria, str(key), name)
        if value is None or value == UNKNOWN:
            continue
        choices[str(key)] = criteria.get(str(key)).choice(str(value)).id
    if rows is whole:
        return Answers(choices)
    given = {key: value for key, value in whole.items() if value is not None}
    try:
        found = from_dict(Answers, {**given, "choices": choices, "by": ""}, name)
    except InvalidValueError as error:
        raise AdvisorError(_capital(error.message), "Export the answers again.") from None
    for key, weight in found.weights.items():
        _check_known(criteria, key, name)
        if isinstance(given["weights"][key], bool) or not 0 <= weight <= MAX_WEIGHT:
            said = given["weights"][key]
            raise AdvisorError(
                f"In {name}, the weight of {key!r} is {said!r}, not 0 to {MAX_WEIGHT:g}."
            )
    return _keep_known(criteria, found)


def _check_known(criteria: Criteria, key: str, name: str) -> None:
    known = [criterion.id for criterion in criteria.criteria]
    if key not in known:
        close = difflib.get_close_matches(key, known, n=1)
        remedy = (
            f"Did you mean {close[0]!r}?" if close else f"The questions are: {', '.join(known)}."
        )
        raise AdvisorError(f"In {name}, {key!r} is not a question.", remedy)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def read_answers(criteria: Criteria, path: Path) -> Answers:
    """Reads a JSON file of answers.

    Raises:
        AdvisorError: It is missing, not JSON, or does not fit the questions.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AdvisorError(f"There is no file {path.name!r}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise AdvisorError(f"{path.name} cannot be read: {error}.") from None
    return parse_answers_text(criteria, text, path.name)


def parse_answers_text(criteria: Criteria, text: str, name: str) -> Answers:
    """Reads answers from JSON text.

    Raises:
        AdvisorError: It is not JSON, or does not fit the questions.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise AdvisorError(
            f"{name}, line {error.lineno}: not valid JSON: {error.msg}.",
            "Export the answers again, or correct the line.",
        ) from None
    return parse_answers(criteria, data, name)


def load_answers(workspace: Workspace, criteria: Criteria, who: str = "") -> Answers:
    """The workspace's answers (or those of one stakeholder); empty where none were given.

    Answers to questions or choices that exist no more are left out, so that a team may change its
    criteria without losing the rest.

    Raises:
        AdvisorError: The file is damaged.
    """
    file = _file(workspace, who)
    if not file.exists():
        return Answers(who=who)
    try:
        answers = from_dict(Answers, read_json(file))
        return _keep_known(criteria, answers)
    except (
        json.JSONDecodeError,
        UnicodeDecodeError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise AdvisorError(
            f"advisor/{file.name} is damaged: {error}.", "Delete it, or import answers anew."
        ) from None


def _keep_known(criteria: Criteria, answers: Answers) -> Answers:
    options = {c.id: {choice.id for choice in c.choices} for c in criteria.criteria}
    choices = {k: v for k, v in answers.choices.items() if v in options.get(k, ())}
    topics = [group.id for group in criteria.groups]
    return replace(
        answers,
        choices=choices,
        weights={k: v for k, v in answers.weights.items() if k in options},
        prefilled=tuple(key for key in answers.prefilled if key in choices),
        assumed=tuple(key for key in answers.assumed if key in choices),
        ranking=tuple(dict.fromkeys(key for key in answers.ranking if key in topics)),
    )


def save_answers(workspace: Workspace, answers: Answers) -> Answers:
    """Writes the answers (those of ``answers.who`` where it is set) and returns them with time."""
    saved = replace(answers, saved_at=now(), by=rights.by())
    with workspace.lock("advisor"):
        write_json(_file(workspace, answers.who), to_dict(saved))
    return saved


def list_stakeholders(workspace: Workspace) -> list[str]:
    """Names of the people whose answers were saved beside the workspace's own."""
    names = []
    for file in sorted((workspace.path / "advisor").glob("answers-*.json")):
        try:
            names.append(str(read_json(file)["who"]))
        except (OSError, ValueError, KeyError, TypeError, RagftError):
            continue  # a stray file of that name is nobody's answers
    return names


def remove_stakeholder(workspace: Workspace, who: str) -> None:
    """Removes a person's answers.

    Raises:
        AdvisorError: Nobody of that name has answered.
    """
    if not who or not _file(workspace, who).exists():
        known = ", ".join(list_stakeholders(workspace)) or "nobody"
        raise AdvisorError(f"{who!r} has not answered.", f"Those who have: {known}.")
    with workspace.lock("advisor"):
        _file(workspace, who).unlink(missing_ok=True)


def _file(workspace: Workspace, who: str) -> Path:
    return workspace.path / "advisor" / (f"answers-{slug(who)}.json" if who else FILE)


def suggest_answers(criteria: Criteria, facts: Mapping[str, float]) -> list[Suggestion]:
    """What the workspace's facts suggest; the rules are the ``prefill`` lines of the criteria."""
    found = []
    for criterion in criteria.criteria:
        for choice in criterion.choices:
            rule = choice.prefill
            value = facts.get(rule.fact) if rule else None
            if rule and value is not None and rule.at_least <= value < rule.below:
                found.append(Suggestion(criterion.id, choice.id, rule.fact, float(value)))
                break
    return found


def prefill(answers: Answers, suggestions: list[Suggestion]) -> Answers:
    """Fills what nobody answered, a template's answers too, with what the workspace suggests."""
    kept = {k: v for k, v in answers.choices.items() if k not in answers.prefilled}
    own = set(kept) - set(answers.assumed)
    added = {s.criterion: s.choice for s in suggestions if s.criterion not in own}
    assumed = tuple(key for key in answers.assumed if key not in added)
    return replace(answers, choices={**kept, **added}, prefilled=tuple(added), assumed=assumed)


def with_seen(criteria: Criteria, answers: Answers, facts: Mapping[str, float]) -> Answers:
    """The answers that count: a person's own, and for the rest what the workspace shows."""
    return prefill(answers, suggest_answers(criteria, facts))


def differing(
    criteria: Criteria, answers: Answers, facts: Mapping[str, float]
) -> list[tuple[str, str, str]]:
    """(criterion, the person's choice, the workspace's) where an answer contradicts a fact."""
    return [
        (seen.criterion, answers.choices[seen.criterion], seen.choice)
        for seen in suggest_answers(criteria, facts)
        if seen.criterion not in (*answers.prefilled, *answers.assumed)
        and answers.choices.get(seen.criterion, seen.choice) != seen.choice
    ]


def export_answers(answers: Answers) -> dict[str, Any]:
    """Plain data for a file that ``parse_answers`` reads back."""
    data: dict[str, Any] = to_dict(answers)
    return data
