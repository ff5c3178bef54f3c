"""Arms as values: what each says of itself, and the copies that a workspace may hold."""

from __future__ import annotations

import pytest

from ragft_core.arms import ARMS, BY_ID, STANDARD, Arm, Reads, find_arm
from ragft_core.errors import ModelError, SettingsError
from ragft_core.strategies import Need, add_arm, arm_states, remove_arm, workspace_arms
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace

TAKEN = list(BY_ID)


def test_every_strategy_has_a_standard_arm_and_ids_and_colours_are_told_apart() -> None:
    assert set(STANDARD) == set(Strategy)
    assert [STANDARD[s].id for s in Strategy] == [s.value for s in Strategy]
    for values in ([a.id for a in ARMS], [a.colour for a in ARMS], [a.name for a in ARMS]):
        assert len(set(values)) == len(ARMS)


def test_few_shot_arms_are_offered_but_not_chosen() -> None:
    shots = [arm for arm in ARMS if arm.settings.shots]
    assert {arm.strategy for arm in shots} == {Strategy.PROMPT, Strategy.RAG}
    assert not any(arm.chosen for arm in shots)


def test_a_copy_differs_in_its_settings_only() -> None:
    copy = BY_ID["rag"].copy("RAG, 8 passages", TAKEN, passages=8)
    assert (copy.id, copy.base, copy.settings.passages) == ("rag-8-passages", "rag", 8)
    assert (copy.strategy, copy.reads) == (Strategy.RAG, Reads.PASSAGES)
    assert copy.colour not in {arm.colour for arm in ARMS}
    assert copy.in_text == "RAG, 8 passages"


@pytest.mark.parametrize(
    ("base", "name", "changes", "match"),
    [
        ("rag", "RAG", {}, "already an arm"),
        ("rag", "  ", {}, "cannot be called"),
        ("rag", "x" * 41, {}, "cannot be called"),
        ("rag", "Deep", {"passages": 0}, "0 passages"),
        ("rag", "Deep", {"shots": 99}, "99 examples"),
        ("prompt", "Deep", {"passages": 3}, "retrieves no passages"),
        ("rag", "Deep", {"adapter": "run-1"}, "uses no adapter of yours"),
    ],
)
def test_a_copy_that_means_nothing_is_refused(
    base: str, name: str, changes: dict[str, object], match: str
) -> None:
    with pytest.raises(SettingsError, match=match):
        BY_ID[base].copy(name, TAKEN, **changes)


def test_an_unknown_arm_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match="few-shot-rag"):
        find_arm(ARMS, "graph-rag")


def test_a_workspace_keeps_arms_of_its_own(workspace: Workspace) -> None:
    first = add_arm(workspace, "rag", "Words only", search_mode="text")
    second = add_arm(workspace, first.id, "Words, deep", passages=9)
    assert second.base == "rag"
    assert (second.settings.search_mode, second.settings.passages) == ("text", 9)
    assert second.colour != first.colour
    assert workspace_arms(workspace)[len(ARMS) :] == (first, second)
    remove_arm(workspace, first.id)
    assert workspace_arms(workspace)[len(ARMS) :] == (second,)
    with pytest.raises(SettingsError, match="There is no arm"):
        remove_arm(workspace, "rag")


def test_settings_that_name_nothing_are_refused(workspace: Workspace) -> None:
    with pytest.raises(SettingsError, match="search mode 'fuzzy'"):
        add_arm(workspace, "rag", "Fuzzy", search_mode="fuzzy")
    with pytest.raises(ModelError, match="There is no adapter"):
        add_arm(workspace, "fine-tuned", "Old run", adapter="train-1")
    assert workspace_arms(workspace) == ARMS


def test_a_few_shot_arm_waits_for_examples(workspace: Workspace) -> None:
    states = {state.arm.id: state for state in arm_states(workspace)}
    assert states["few-shot-prompt"].need is Need.EXAMPLES
    assert states["few-shot-rag"].need is Need.DOCUMENTS


def test_names_inside_a_sentence() -> None:
    said = {arm.id: arm.in_text for arm in ARMS}
    assert said["prompt"] == "prompt only"
    assert said["rag"] == "RAG"
    assert isinstance(BY_ID["rag"], Arm)
