"""A pick is asked once before it is used: what cannot answer is told now, not in an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.errors import ModelError
from ragft_core.models.factory import model_folder, open_generator
from ragft_core.models.weights.hub import hub_folder
from ragft_core.settings import Settings
from ragft_core.types import Adapter, Message, ModelChoice, Request, Sampling

QUESTION = "Which colour is grass? Answer with one word."
MOST_TOKENS = 16
PATIENCE_S = 300.0
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Trial:
    """What a model answered; ``context_tokens`` is what its server says that fits, 0 where unsaid."""

    answer: str
    seconds: float
    context_tokens: int = 0

    @property
    def text(self) -> str:
        """In a sentence."""
        said = f"{self.answer[:60]!r}" if self.answer else "with a thought only"
        room = f" {self.context_tokens:,} tokens fit there." if self.context_tokens else ""
        return f"Asked once, it answered {said} in {self.seconds:.1f} s.{room}"


def try_model(
    choice: ModelChoice, settings: Settings, progress: Progress = lambda share, text: None
) -> Trial:
    """Fetches a pick where it must be, loads it and asks it one question.

    Args:
        choice: Which model, at the commit that was found.
        settings: Where models lie, and where they run.
        progress: Called with a share between 0 and 1 and what is being done.

    Raises:
        ModelError: It cannot be had, loaded or asked, or is to think and cannot.
        NotAllowedError: The person who acts may not look beyond what the lab brings.
    """
    if choice.kind != "bundled":
        rights.require(Right.REACH)
    if choice.kind == "hub":
        hub_folder(choice.name, settings, choice.revision, progress=progress)
    if choice.thinking == "on" and choice.kind != "endpoint" and not _can_think(choice, settings):
        raise ModelError(
            f"{choice.name} cannot think before it answers: its chat template knows nothing of it.",
            "Leave thinking off, or choose a model such as Qwen3.",
        )
    progress(1.0, f"Asking {choice.name} once")
    generator = open_generator(choice, settings, _no_adapter)
    try:
        request = Request(
            (Message("user", QUESTION),), sampling=Sampling(max_new_tokens=MOST_TOKENS)
        )
        done = generator.submit(request).result(PATIENCE_S)
    finally:
        generator.close()
    if not done.completion_tokens:
        raise ModelError(f"{choice.name} answers nothing.", "Choose another model.")
    fits = 0
    if choice.kind == "endpoint":
        from ragft_core.models.remote.connection import context_of_server

        fits = context_of_server(choice)  # asked now, when the model is loaded there
    return Trial(done.text.strip(), done.total_s, fits)


def _can_think(choice: ModelChoice, settings: Settings) -> bool:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        str(model_folder(choice, settings)), local_files_only=True, trust_remote_code=False
    )
    return "think" in str(tokenizer.chat_template)


def _no_adapter(name: str) -> Adapter:
    raise ModelError(f"There is no adapter {name!r} here.")
