"""The base with an adapter merged into its weights, written as a model folder or a GGUF file.

Nothing is handed over unchecked: what was written is loaded again, by transformers, and asked; its
answers and its scores of the next token are compared with those of the adapter as the lab runs it.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.access.rights import require_write
from ragft_core.approval import require_approval
from ragft_core.errors import ModelError
from ragft_core.finetuning.adapters import get_adapter
from ragft_core.finetuning.exporting.gguf_file import check_shape, write_gguf
from ragft_core.models.factory import model_folder
from ragft_core.models.prompts import render_messages
from ragft_core.models.tokens import encode_chat, render_chat
from ragft_core.models.weights.loading import load_base, weights_digest
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, read_jsonl

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MERGED, GGUF = "merged", "gguf"
FORMATS = (MERGED, GGUF)
# Questions that are asked of both, how long the answers are, and how far scores may lie apart.
QUESTIONS, ANSWER_TOKENS = 4, 24
LARGEST_DIFFERENCE = 0.25
FALLBACK_QUESTIONS = ("What is the capital of France?", "How many days has a week?")


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how it compares with the adapter as the lab runs it.

    ``agreeing`` of ``asked`` greedy answers are the same; ``difference`` is the largest between the
    logits of a next token.
    """

    path: str
    bytes: int
    asked: int
    agreeing: int
    difference: float


def export_model(
    workspace: Workspace, adapter_id: str, kind: str, target: Path, settings: Settings
) -> ExportReport:
    """Writes the base with an adapter merged in, and checks it.

    Weights are written as 16-bit floats; norms of a GGUF stay 32-bit.

    Args:
        workspace: Whose adapter and whose model.
        adapter_id: The adapter.
        kind: ``merged`` for a model folder as transformers reads it, ``gguf`` for one file.
        target: The folder or file to write; a folder that is there must be empty.
        settings: Where models lie.

    Raises:
        ModelError: The adapter is another model's, the model's family cannot be written, there is
            something at the target, or what was written does not answer as the adapter does.
        NotAllowedError: The target lies where the person who acts may not write.
    """
    require_write(target)
    if kind not in FORMATS:
        raise ModelError(f"There is no format {kind!r}.", f"Choose peft, {' or '.join(FORMATS)}.")
    if target.is_file() or (target.is_dir() and (kind == GGUF or any(target.iterdir()))):
        raise ModelError(f"There is something at {target.name} already.", "Choose another name.")
    choice = workspace.settings().model
    require_approval(workspace, choice)
    adapter = get_adapter(workspace, adapter_id)
    folder = model_folder(choice, settings)
    if adapter.base and adapter.base != weights_digest(folder):
        raise ModelError(
            f"The adapter {adapter.name} belongs to another model than {folder.name}.",
            "Choose the model that it was trained on for this workspace first.",
        )
    if kind == GGUF:
        check_shape(folder)
    model, tokenizer = load_base(folder)
    prompts = _prompts(workspace, tokenizer)
    live = _with_adapter(model, adapter.path)
    wanted = _behaviour(live, tokenizer, prompts)
    merged = live.merge_and_unload().half()
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.partial")
    try:
        if kind == GGUF:
            write_gguf(merged, tokenizer, folder, scratch, adapter.name)
        else:
            merged.save_pretrained(str(scratch))
            tokenizer.save_pretrained(str(scratch))
        del live, merged, model
        gc.collect()
        found = _behaviour(_load(scratch), tokenizer, prompts)
        agreeing = sum(a == b for (a, _), (b, _) in zip(wanted, found, strict=True))
        difference = max(
            float((a - b).abs().max()) for (_, a), (_, b) in zip(wanted, found, strict=True)
        )
        if not difference <= LARGEST_DIFFERENCE:
            raise ModelError(
                f"What was written does not answer as the adapter does: logits differ by "
                f"{difference:.2f}, and {agreeing} of {len(prompts)} answers are the same.",
                "It was thrown away. Take PEFT's files instead.",
            )
        scratch.replace(target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.unlink(missing_ok=True) if scratch.is_file() else None
        raise
    return ExportReport(str(target), _size(target), len(prompts), agreeing, difference)


def _with_adapter(model: PreTrainedModel, path: str) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(model, path).eval()


def _load(path: Path) -> PreTrainedModel:
    """What was written, as somebody else would load it."""
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": torch.float32, "trust_remote_code": False}
    place = path if path.is_dir() else path.parent
    if not path.is_dir():
        options["gguf_file"] = path.name
    try:
        return AutoModelForCausalLM.from_pretrained(str(place), **options).eval()
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise ModelError(
            f"What was written cannot be loaded again: {str(error).splitlines()[0]}",
            "It was thrown away. Take PEFT's files instead.",
        ) from error


def _prompts(workspace: Workspace, tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """A few of the workspace's own questions as the model reads them."""
    rows = list(read_jsonl(workspace.path / "examples.jsonl"))[:QUESTIONS]
    questions = [str(row.get("question", "")) for row in rows] or list(FALLBACK_QUESTIONS)
    instruction = workspace.settings().instruction
    return [
        list(
            encode_chat(
                tokenizer,
                render_chat(tokenizer, render_messages(question, instruction=instruction)),
            )
        )
        for question in questions
    ]


def _behaviour(
    model: Any, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Sequence[int]]
) -> list[tuple[list[int], torch.Tensor]]:
    """Each prompt's greedy answer, and the logits of the token after the prompt."""
    import torch
    from transformers import GenerationConfig

    end: Any = tokenizer.eos_token_id
    greedy = GenerationConfig(
        do_sample=False, max_new_tokens=ANSWER_TOKENS, eos_token_id=end, pad_token_id=end
    )
    found = []
    with torch.no_grad():
        for prompt in prompts:
            ids = torch.tensor([list(prompt)])
            mask = torch.ones_like(ids)
            answer = model.generate(input_ids=ids, attention_mask=mask, generation_config=greedy)[
                0, len(prompt) :
            ]
            found.append((answer.tolist(), model(input_ids=ids).logits[0, -1].float()))
    return found


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
