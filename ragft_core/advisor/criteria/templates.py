"""Templates: the typical answers of a use case, which count until somebody gives others.

Answers that came from a template are marked (``Answers.assumed``), so that nobody takes them for a
person's. What they say lies in ``templates.toml``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ragft_core.advisor.criteria.answers import Answers
from ragft_core.advisor.criteria.values import Criteria
from ragft_core.errors import AdvisorError
from ragft_core.values import from_dict

FILE = Path(__file__).with_name("templates.toml")


@dataclass(frozen=True)
class Template:
    """A use case in one line, and choice by criterion."""

    title: str
    says: str
    answers: dict[str, str]


@cache
def answer_templates() -> dict[str, Template]:
    """The templates by id, in the file's order."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {key: from_dict(Template, row, f"{FILE.name} {key}") for key, row in data.items()}


def template_title(template_id: str) -> str:
    """What a template is called; its id where it is known no more."""
    found = answer_templates().get(template_id)
    return found.title if found else template_id


def take_template(criteria: Criteria, answers: Answers, template_id: str) -> Answers:
    """Fills the questions that nobody answered; a person's own answers stay.

    Raises:
        AdvisorError: There is no such template.
    """
    found = answer_templates().get(template_id)
    if found is None:
        known = ", ".join(answer_templates())
        raise AdvisorError(f"There is no template {template_id!r}.", f"Choose one of: {known}.")
    # A team's own criteria may have replaced a question or its choices.
    asked = {c.id: {choice.id for choice in c.choices} for c in criteria.criteria}
    own = _own(answers)
    taken = {k: v for k, v in found.answers.items() if k not in own and v in asked.get(k, ())}
    return replace(
        answers, choices={**own, **taken}, prefilled=(), template=template_id, assumed=tuple(taken)
    )


def drop_template(answers: Answers) -> Answers:
    """Takes back every answer that came from a template and was not confirmed."""
    return replace(answers, choices=_own(answers), prefilled=(), template="", assumed=())


def confirm_template(answers: Answers) -> Answers:
    """Makes the template's answers the person's own."""
    kept = {k: v for k, v in answers.choices.items() if k not in answers.prefilled}
    return replace(answers, choices=kept, prefilled=(), template="", assumed=())


def _own(answers: Answers) -> dict[str, str]:
    """What a person answered: neither the template nor the workspace."""
    others = {*answers.assumed, *answers.prefilled}
    return {key: choice for key, choice in answers.choices.items() if key not in others}
