"""Arms of a workspace's own and few-shot arms, through preparation, answering and cache keys."""

from __future__ import annotations

from ragft_core.evaluation.store.cache_keys import arm_fingerprints
from ragft_core.finetuning import save_examples
from ragft_core.knowledge import KnowledgeBase
from ragft_core.settings import Settings
from ragft_core.strategies import Lab, add_arm
from ragft_core.types import Example, ModelChoice, Split
from tests.fakes import ScriptedGenerator
from tests.strategies.test_lab import knowledge, lab_of  # noqa: F401 - a fixture and its helper

EXAMPLES = [
    Example("e1", "How long is the warranty?", "Two years."),
    Example("e2", "What colour are the walls?", "Blue."),
    Example("e3", "How long is the warranty of a test?", "Never shown.", split=Split.TEST),
]


def test_examples_like_the_question_stand_in_the_prompt_the_likest_last(
    knowledge: KnowledgeBase,  # noqa: F811
) -> None:
    save_examples(knowledge.workspace, EXAMPLES)
    lab = lab_of(knowledge, ScriptedGenerator())
    (answer,) = [p.answer() for p in lab.ask("How long is the warranty?", ["few-shot-prompt"])]
    assert not answer.error
    prompt = answer.prompt
    assert "Never shown." not in prompt
    assert prompt.index("Blue.") < prompt.index("Two years.") < prompt.rindex("How long is")


def test_two_retrieving_arms_with_other_settings_read_other_passages(
    knowledge: KnowledgeBase,  # noqa: F811
) -> None:
    one = add_arm(knowledge.workspace, "rag", "One passage", passages=1)
    lab = lab_of(knowledge, ScriptedGenerator())
    few, usual = [p.answer() for p in lab.ask("How long is the warranty?", [one.id, "rag"])]
    assert len(few.passages) == 1 < len(usual.passages)
    assert few.arm == one.id


def test_a_better_prompt_is_an_arm_whose_instruction_reaches_the_model(
    knowledge: KnowledgeBase,  # noqa: F811
) -> None:
    workspace = knowledge.workspace
    better = add_arm(workspace, "prompt", "Better prompt", instruction="Answer like a pirate.")
    lab = lab_of(knowledge, ScriptedGenerator())
    own, usual = [p.answer() for p in lab.ask("How long is the warranty?", [better.id, "prompt"])]
    assert "Answer like a pirate." in own.prompt
    assert workspace.settings().instruction not in own.prompt
    assert workspace.settings().instruction in usual.prompt
    keys = arm_fingerprints(workspace, Settings())
    assert keys[better.id] != keys["prompt"]  # an evaluation asks it anew


def test_arms_that_do_the_same_share_their_answers(knowledge: KnowledgeBase) -> None:  # noqa: F811
    workspace = knowledge.workspace
    same = add_arm(workspace, "rag", "The same", passages=workspace.settings().top_k)
    other = add_arm(workspace, "rag", "Another", passages=1)
    keys = arm_fingerprints(workspace, Settings())
    assert keys[same.id] == keys["rag"] != keys[other.id]


def test_an_arm_may_name_its_own_model(knowledge: KnowledgeBase) -> None:  # noqa: F811
    choice = ModelChoice("folder", "elsewhere")
    arm = add_arm(knowledge.workspace, "prompt", "Elsewhere", model=choice)
    opened = []

    def open_model(wanted: ModelChoice) -> ScriptedGenerator:
        opened.append(wanted)
        return ScriptedGenerator()

    lab = Lab(knowledge.workspace, ScriptedGenerator(), knowledge, open_model)
    for _ in range(2):
        assert not lab.ask("Why?", [arm.id])[0].answer().error
    assert opened == [choice]
