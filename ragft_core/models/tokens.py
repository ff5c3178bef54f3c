"""Text to tokens and back: chat rendering, and text that grows one token at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragft_core.errors import ModelError
from ragft_core.types import Message

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase

UNFINISHED = "\ufffd"
# What a model that thinks before it answers may spend on that, beside the answer's own limit.
THOUGHT_TOKENS = 1024
_THOUGHT = re.compile(r"^\s*<(think|thinking|reasoning)>(.*?)(?:</\1>|\Z)\s*", re.DOTALL)
_REST_OF_THOUGHT = re.compile(r"^(.*?)</(?:think|thinking|reasoning)>\s*", re.DOTALL)


def template_options(*, thinking: bool = False) -> dict[str, bool | str]:
    """What chat templates are told; those that do not know it do not see it.

    A model that thinks aloud takes many times longer; a prompt with today's date would give other
    answers tomorrow.
    """
    return {"enable_thinking": thinking, "thinking": thinking, "date_string": "01 Jan 2026"}


def render_chat(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, thinking: bool = False
) -> str:
    """The exact text that a model sees before its answer, by the tokenizer's chat template.

    A template without a system role (Gemma's, for one) gets the system message in front of the
    first user message. With ``thinking`` a model that can is asked to think first.

    Raises:
        ModelError: The template refuses the conversation.
    """
    from jinja2 import TemplateError

    rows = [{"role": m.role, "content": m.content} for m in messages]
    options = template_options(thinking=thinking)
    try:
        return str(
            tokenizer.apply_chat_template(
                rows, tokenize=False, add_generation_prompt=True, **options
            )
        )
    except TemplateError as error:
        if len(messages) > 1 and messages[0].role == "system":
            first = Message(messages[1].role, f"{messages[0].content}\n\n{messages[1].content}")
            return render_chat(tokenizer, (first, *messages[2:]), thinking=thinking)
        raise ModelError(f"The model's chat template refuses this conversation: {error}") from error


def part_thought(text: str) -> tuple[str, str]:
    """The thought that an answer begins with, and the answer without it.

    Some templates open the thought themselves, so that only its end stands in the text.
    """
    found = _THOUGHT.match(text)
    if found:
        return found[2].strip(), text[found.end() :]
    rest = _REST_OF_THOUGHT.match(text)
    return (rest[1].strip(), text[rest.end() :]) if rest else ("", text)


def encode_chat(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokens of a rendered conversation; the template has already set the special ones."""
    return list(tokenizer(text, add_special_tokens=False).input_ids)


def end_tokens(generation: GenerationConfig, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens that end an answer."""
    named = getattr(generation, "eos_token_id", None)
    ends = set(named if isinstance(named, list) else [named])
    ends.add(tokenizer.eos_token_id)
    return frozenset(int(token) for token in ends if token is not None)


class Detokeniser:
    """Turns tokens into text as they come.

    A character may take several tokens, and a token's text depends on the one before it, so a
    short tail is decoded again with each token and shown once it is whole. Text that may become a
    stop text is held back until that is decided.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = tuple(text for text in stop if text)
        self._tail: list[int] = []
        self._shown = 0  # tokens of the tail whose text is already in _whole
        self._whole = ""
        self.stopped = False

    @property
    def text(self) -> str:
        """What can be shown: whole characters, and nothing that may belong to a stop text."""
        held = 0
        if not self.stopped:
            for stop in self._stop:
                for size in range(min(len(stop) - 1, len(self._whole)), held, -1):
                    if self._whole.endswith(stop[:size]):
                        held = size
                        break
        return self._whole[: len(self._whole) - held]

    def add(self, token: int) -> None:
        """Takes the next token; sets ``stopped`` when a stop text is complete."""
        self._tail.append(token)
        before = self._decode(self._tail[: self._shown])
        after = self._decode(self._tail)
        if after.endswith(UNFINISHED):
            return
        start = len(self._whole)
        self._whole += after[len(before) :]
        # The last token stays as context for the next one.
        self._tail, self._shown = self._tail[-1:], 1
        self._cut(start)

    def finish(self) -> str:
        """The whole text, with whatever was held back."""
        if not self.stopped:
            before = self._decode(self._tail[: self._shown])
            self._whole += self._decode(self._tail)[len(before) :]
            self._tail, self._shown = [], 0
            self._cut(0)
        return self._whole

    def _cut(self, start: int) -> None:
        longest = max((len(stop) for stop in self._stop), default=0)
        found = [self._whole.find(stop, max(0, start - longest)) for stop in self._stop]
        places = [place for place in found if place >= 0]
        if places:
            self._whole = self._whole[: min(places)]
            self.stopped = True

    def _decode(self, ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )
