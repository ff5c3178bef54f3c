"""Arms: strategies made runnable on a workspace, as values. The only place that lists them.

What an arm reads, which adapter it uses, how it is called and drawn is said here and asked of the
value everywhere else. A workspace may hold arms of its own: a copy of one of these under another
name, with some settings changed (``Arm.copy``).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ragft_core.errors import SettingsError
from ragft_core.types import ModelChoice, SearchMode, Strategy

MOST_SHOTS = 16
MOST_PASSAGES = 20


class Reads(StrEnum):
    """What an arm's prompt holds besides the question."""

    NOTHING = "nothing"
    DOCUMENTS = "documents"
    PASSAGES = "passages"


class AdapterKind(StrEnum):
    """Which adapter an arm uses. ``READER`` is the bundled one, where it is on and fits."""

    NONE = "none"
    READER = "reader"
    TRAINED = "trained"


@dataclass(frozen=True)
class ArmSettings:
    """What an arm does otherwise than its workspace; None takes the workspace's setting.

    ``shots`` is the number of training examples shown in the prompt; ``adapter`` an adapter's id;
    ``version`` the name of a named version whose documents and index are read.
    """

    passages: int | None = None
    search_mode: SearchMode | None = None
    reranker: str | None = None
    reader: bool | None = None
    select: bool | None = None
    adapter: str | None = None
    instruction: str | None = None
    shots: int = 0
    model: ModelChoice | None = None
    version: str | None = None


@dataclass(frozen=True)
class Arm:
    """A strategy made runnable.

    ``base`` is the id of the arm that this one is a copy of, empty for the ready-made. ``chosen``
    says that it takes part unless somebody decides otherwise. ``adaptive`` says that it is asked with
    passages and without, and the likelier answer given. ``icon`` is a Material symbol,
    ``badge`` a Streamlit colour, ``symbol`` a Plotly marker.
    """

    id: str
    name: str
    strategy: Strategy
    reads: Reads
    adapter: AdapterKind
    says: str
    icon: str
    badge: str
    colour: str
    symbol: str
    chosen: bool = True
    base: str = ""
    settings: ArmSettings = ArmSettings()
    adaptive: bool = False

    @property
    def retrieves(self) -> bool:
        """Whether passages are searched for its prompt."""
        return self.reads is Reads.PASSAGES

    @property
    def is_trained(self) -> bool:
        """Whether it needs an adapter trained on the workspace's examples."""
        return self.adapter is AdapterKind.TRAINED

    @property
    def in_text(self) -> str:
        """The name inside a sentence: ``prompt only``, but ``RAG``."""
        own = self.base or self.name[1:2].isupper()
        return self.name if own else self.name[0].lower() + self.name[1:]

    def copy(self, name: str, taken: Iterable[str], **settings: Any) -> Arm:  # noqa: ANN401
        """An arm of a workspace's own: this one under another name, with other settings.

        Args:
            name: What people call it, 1 to 40 characters.
            taken: The ids of the arms that exist already.
            settings: Fields of ``ArmSettings`` that differ.

        Raises:
            SettingsError: The name is taken or empty, or a setting is out of its range.
        """
        name = " ".join(name.split())
        taken = list(taken)
        arm_id = "-".join(re.findall(r"\w+", name.lower()))
        if not arm_id or len(name) > 40:
            raise SettingsError(
                f"An arm cannot be called {name[:60]!r}.", "Use 1 to 40 characters with a letter."
            )
        if arm_id in taken:
            raise SettingsError(f"There is already an arm {name!r}.", "Choose another name.")
        place = len([other for other in taken if other not in BY_ID]) % len(OWN_LOOKS)
        colour, symbol = OWN_LOOKS[place]
        return dataclasses.replace(
            self,
            id=arm_id,
            name=name,
            base=self.base or self.id,
            chosen=True,
            colour=colour,
            symbol=symbol,
            settings=_checked(self, dataclasses.replace(self.settings, **settings)),
        )


def _checked(arm: Arm, settings: ArmSettings) -> ArmSettings:
    """Refuses settings that mean nothing for the arm, or lie out of range."""
    if not 0 <= settings.shots <= MOST_SHOTS:
        raise SettingsError(
            f"{settings.shots} examples in the prompt are not possible.", f"0 to {MOST_SHOTS} are."
        )
    if settings.passages is not None and not 1 <= settings.passages <= MOST_PASSAGES:
        raise SettingsError(
            f"{settings.passages} passages are not possible.", f"1 to {MOST_PASSAGES} are."
        )
    searching = (settings.passages, settings.search_mode, settings.reranker)
    if not arm.retrieves and any(value is not None for value in searching):
        raise SettingsError(
            f"{arm.name} retrieves no passages, so it has no settings for them.",
            "Copy an arm that retrieves.",
        )
    if settings.version and arm.reads is Reads.NOTHING:
        raise SettingsError(
            f"{arm.name} reads no documents, so none of a named version either.",
            "Copy an arm that reads.",
        )
    if settings.adapter and not arm.is_trained:
        raise SettingsError(
            f"{arm.name} uses no adapter of yours.", "Copy the fine-tuned or the hybrid arm."
        )
    return settings


# Chart colours after Okabe and Ito, told apart by people with any kind of colour vision, and
# legible on both themes' backgrounds.
ARMS: tuple[Arm, ...] = (
    Arm(
        "prompt", "Prompt only", Strategy.PROMPT, Reads.NOTHING, AdapterKind.NONE,
        "the bare model", ":material/chat:", "gray", "#7a8599", "circle",
    ),
    Arm(
        "long-context", "Long context", Strategy.LONG_CONTEXT, Reads.DOCUMENTS, AdapterKind.NONE,
        "whole documents", ":material/menu_book:", "violet", "#a376d6", "square", chosen=False,
    ),
    Arm(
        "rag", "RAG", Strategy.RAG, Reads.PASSAGES, AdapterKind.READER,
        "retrieved passages", ":material/search:", "blue", "#1f88d2", "diamond",
    ),
    Arm(
        "fine-tuned", "Fine-tuned", Strategy.FINE_TUNED, Reads.NOTHING, AdapterKind.TRAINED,
        "an adapter", ":material/model_training:", "orange", "#dd6b16", "triangle-up",
    ),
    Arm(
        "hybrid", "Hybrid", Strategy.HYBRID, Reads.PASSAGES, AdapterKind.TRAINED,
        "passages and an adapter", ":material/merge:", "green", "#11a37f", "star",
    ),
    Arm(
        "few-shot-prompt", "Few-shot prompt", Strategy.PROMPT, Reads.NOTHING, AdapterKind.NONE,
        "your examples in the prompt", ":material/chat_add_on:", "gray", "#9aa1ac", "circle-open",
        chosen=False, settings=ArmSettings(shots=5),
    ),
    Arm(
        "few-shot-rag", "Few-shot RAG", Strategy.RAG, Reads.PASSAGES, AdapterKind.NONE,
        "passages and your examples in the prompt", ":material/quick_reference_all:", "blue",
        "#6db3e8", "diamond-open", chosen=False, settings=ArmSettings(shots=3),
    ),
    Arm(
        "adaptive", "Adaptive", Strategy.RAG, Reads.PASSAGES, AdapterKind.READER,
        "passages, memory or no answer", ":material/alt_route:", "blue", "#4aa3a2", "triangle-down",
        chosen=False, adaptive=True,
    ),
)  # fmt: skip
BY_ID = {arm.id: arm for arm in ARMS}
# Colours and markers of a workspace's own arms, in turn.
OWN_LOOKS = (
    ("#c29a0c", "cross"),
    ("#cc5c86", "x"),
    ("#4f9d5d", "pentagon"),
    ("#8c6d46", "hexagon"),
    ("#3c6fb0", "bowtie"),
    ("#b0477a", "hourglass"),
)
# The arm that stands for a strategy where nobody chose one, and the strategy's name as a choice.
STANDARD = {arm.strategy: arm for arm in reversed(ARMS)}
STRATEGY_NAMES = dict(
    zip(Strategy, ("better prompt", "long context", "RAG", "fine-tuning", "hybrid"), strict=True)
)


def find_arm(arms: Iterable[Arm], arm_id: str) -> Arm:
    """The arm with this id.

    Raises:
        SettingsError: There is none; the message lists those that are.
    """
    known = {arm.id: arm for arm in arms}
    if arm_id not in known:
        raise SettingsError(f"There is no arm {arm_id!r}.", f"The arms are: {', '.join(known)}.")
    return known[arm_id]
