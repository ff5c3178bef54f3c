"""What a person on this machine has agreed to: the models a workspace may use, the keys it may send.

A workspace is a folder that may come from elsewhere, and its choice of model says where questions,
passages and a key are sent, or what is loaded. So a choice that is made here is signed with a
secret of this home, and one without a good signature is asked about before its first use. Only
variables that are meant to hold keys for the lab can be named by a choice at all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from ragft_core.arms import Arm
from ragft_core.errors import ConsentError, ModelError
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice

SECRET = "secret"
KEY_PREFIX = "RAGFT_KEY_"
# Names of further variables that may hold keys, parted by commas.
FURTHER_KEYS = "RAGFT_KEYS"
# What the hub's client reads for models that are only given to some.
HUB_KEY = "HF_TOKEN"
_VARIABLE = re.compile(rf"{KEY_PREFIX}\w+")


class Named(Protocol):
    """Settings that name models, and the signatures of those that were agreed to."""

    @property
    def model(self) -> ModelChoice:
        """The model of every arm."""

    @property
    def judge(self) -> ModelChoice | None:
        """The judge's."""

    @property
    def embedder(self) -> ModelChoice | None:
        """The index's; None is the bundled one."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Arms that may name models of their own."""

    @property
    def approved(self) -> tuple[str, ...]:
        """Signatures by ``sign``."""


class Owner(Protocol):
    """A workspace, as far as it matters here."""

    def settings(self) -> Named:
        """Its settings."""

    def update(self, **changes: Any) -> Named:  # noqa: ANN401 - fields differ in type
        """Changes fields of its settings."""


def choices(settings: Named) -> Iterator[ModelChoice]:
    """Every model that settings name: the workspace's, the judge's, the index's, the arms'."""
    yield settings.model
    if settings.judge is not None:
        yield settings.judge
    if settings.embedder is not None:
        yield settings.embedder
    for arm in settings.arms:
        if arm.settings.model is not None:
            yield arm.settings.model


def sign(choice: ModelChoice) -> str:
    """The signature of a choice with this home's secret; prices are not part of it."""
    said = [choice.kind, choice.name, choice.url, choice.key_variable]
    said += [choice.revision] if choice.revision else []
    return hmac.new(_secret(), json.dumps(said).encode(), hashlib.sha256).hexdigest()


def signatures(before: Named | None, after: Named) -> tuple[str, ...]:
    """The signatures of settings that were changed here.

    What the change brings in was chosen here; what was there before stays as it was, agreed to or
    not. ``before`` is None for a workspace that is made here.
    """
    known = set(choices(before)) if before else set()
    agreed = set(before.approved) if before else set()
    outside = {choice for choice in choices(after) if choice.kind != "bundled"}
    made = {sign(choice) for choice in outside if choice not in known}
    return tuple(sorted(made | agreed))


def is_approved(workspace: Owner, choice: ModelChoice) -> bool:
    """Whether a person on this machine has chosen or allowed this model for the workspace."""
    if choice.kind == "bundled":
        return True
    signature = sign(choice)
    return any(hmac.compare_digest(signature, one) for one in workspace.settings().approved)


def unapproved(workspace: Owner, further: Iterable[ModelChoice] = ()) -> list[ModelChoice]:
    """The models that the workspace names and nobody here has agreed to.

    ``further`` are those that stand in other files of it than its settings.
    """
    named = dict.fromkeys([*choices(workspace.settings()), *further])
    return [choice for choice in named if not is_approved(workspace, choice)]


def approve(workspace: Owner, choice: ModelChoice) -> None:
    """Notes that a person agreed to the use of a model."""
    if choice.kind != "bundled" and not is_approved(workspace, choice):
        workspace.update(approved=(*workspace.settings().approved, sign(choice)))


def require_approval(workspace: Owner, choice: ModelChoice) -> None:
    """Ends what would use a model that nobody here has agreed to.

    Raises:
        ConsentError: Somebody has to be asked first.
    """
    if not is_approved(workspace, choice):
        raise ConsentError(
            f"This workspace was not set up here, and it {what_for(choice)}.",
            "Allow it on Home, or with 'model W --allow', if you trust where it came from.",
        )


def what_for(choice: ModelChoice) -> str:
    """What the use of a model means, as the end of a sentence about a workspace."""
    if choice.kind == "endpoint":
        key = f", with the key in {choice.key_variable}" if choice.key_variable else ""
        return f"sends questions and passages to {choice.url}{key}"
    place = "folder" if choice.kind == "folder" else "hub"
    commit = f" at commit {choice.revision[:10]}" if choice.revision else ""
    return f"loads the model {choice.name} from the {place}{commit}"


def may_hold_key(variable: str) -> bool:
    """Whether an environment variable is one that holds keys for the lab."""
    further = os.environ.get(FURTHER_KEYS, "").split(",")
    return bool(_VARIABLE.fullmatch(variable)) or variable in {name.strip() for name in further}


def read_key(variable: str) -> str:
    """The key in an environment variable; empty without a variable.

    Raises:
        ModelError: The variable is none that holds keys for the lab, or it is not set.
    """
    if not variable:
        return ""
    if not may_hold_key(variable):
        raise ModelError(
            f"The variable {variable[:80]} is not sent to endpoints: keys for them are in "
            f"variables whose names begin with {KEY_PREFIX}.",
            f"Put the key into {KEY_PREFIX}..., or add the name to {FURTHER_KEYS}, and start the "
            "application again.",
        )
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ModelError(
            f"The environment variable {variable}, which should hold the key, is not set.",
            f"Set {variable} and start the application again.",
        )
    return key


def key_variables(workspace: Owner) -> tuple[str, ...]:
    """The variables whose keys the workspace's agreed models need; the hub's own for one of the hub."""
    named = [c for c in choices(workspace.settings()) if is_approved(workspace, c)]
    keys = {c.key_variable for c in named if c.key_variable and may_hold_key(c.key_variable)}
    return tuple(sorted(keys | ({HUB_KEY} if any(c.kind == "hub" for c in named) else set())))


def _secret() -> bytes:
    """This home's secret, made when it is needed first; readable by its owner only."""
    file = Settings().home / SECRET
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_name(f".{SECRET}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            out.write(secrets.token_bytes(32))
        try:
            os.link(scratch, file)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    return file.read_bytes()
