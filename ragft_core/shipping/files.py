"""The files of a shipped arm: what it needs, copied, and every choice as settings."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ragft_core.errors import ModelError
from ragft_core.finetuning import get_adapter
from ragft_core.knowledge import KnowledgeBase, codes, retrievers
from ragft_core.models.prompts import GROUNDING, with_labels
from ragft_core.models.remote import served_name
from ragft_core.models.remote.chat_api import chat_url
from ragft_core.models.tokens import THOUGHT_TOKENS, end_tokens, template_options
from ragft_core.models.weights import choose_device
from ragft_core.models.weights.folders import CONTEXT_KEYS, weight_files
from ragft_core.models.weights.loading import FALLBACK_TEMPLATE, text_config
from ragft_core.settings import Settings
from ragft_core.strategies import ArmState, search_settings
from ragft_core.types import ModelChoice, SearchMode
from ragft_core.workspace import Workspace, write_json

TEMPLATES = Path(__file__).parent / "template"
# Of a model's folder, what transformers reads.
MODEL_FILES = ("*.json", "*.jinja", "*.model", "*.txt", "LICENSE*")
SPARE_BYTES = 200_000_000
LIBRARIES = {
    "reads": ("lancedb", "numpy", "sentence-transformers"),
    "local": ("torch", "transformers", "safetensors", "accelerate"),
    "adapter": ("peft",),
    "endpoint": ("httpx",),
}


def write_scripts(folder: Path, *, reads: bool, endpoint: bool, adapter: bool) -> None:
    """The scripts that this arm needs, and the versions of the libraries that it was measured with."""
    names = {"answer.py": "answer.py.txt", "smoke_test.py": "smoke_test.py.txt"}
    names["model.py"] = "model_endpoint.py.txt" if endpoint else "model_local.py.txt"
    if reads:
        names["retrieve.py"] = "retrieve.py.txt"
        shutil.copyfile(codes.__file__, folder / "codes.py")
    for name, template in names.items():
        shutil.copyfile(TEMPLATES / template, folder / name)
    parts = {"reads": reads, "local": not endpoint, "adapter": adapter, "endpoint": endpoint}
    needed = [library for part, wanted in parts.items() if wanted for library in LIBRARIES[part]]
    # "+cpu" names a build, which another machine's index may not have.
    pins = [f"{library}=={version(library).partition('+')[0]}" for library in needed]
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")


def write_knowledge(folder: Path, knowledge: KnowledgeBase) -> None:
    """The index as it lies, the documents' titles, and the embedder.

    Raises:
        ModelError: There is not enough room on the disk.
    """
    index, embedder = knowledge.workspace.path / "index", knowledge.embedder.folder
    check_room(folder, [*index.rglob("*"), *embedder.rglob("*")])
    knowledge.place.copy(folder / "index")
    shutil.copytree(embedder, folder / "embedder", ignore=shutil.ignore_patterns("READY", ".*"))
    write_json(folder / "titles.json", {item.id: item.title for item in knowledge.documents()})


def write_model(folder: Path, source: Path) -> None:
    """The base model's configuration, tokenizer and safetensors.

    Raises:
        ModelError: There is not enough room on the disk.
    """
    small = [path for pattern in MODEL_FILES for path in source.glob(pattern)]
    files = [*(path for path in small if not path.name.startswith(".")), *weight_files(source)]
    check_room(folder, files)
    (folder / "model").mkdir()
    for file in files:
        shutil.copyfile(file, folder / "model" / file.name)


def write_adapter(folder: Path, workspace: Workspace, adapter_id: str) -> None:
    """The adapter in PEFT's format, with its run card."""
    source = Path(get_adapter(workspace, adapter_id).path)
    (folder / "adapter").mkdir()
    for file in source.glob("*"):
        if file.suffix in (".json", ".safetensors"):
            shutil.copyfile(file, folder / "adapter" / file.name)


def write_modelfile(folder: Path, chosen: dict[str, Any]) -> None:
    """What Ollama needs to know of ``model.gguf``; its template stands in the file itself."""
    lines = [
        "FROM ./model.gguf",
        "PARAMETER temperature 0",
        f"PARAMETER num_predict {chosen['max_new_tokens']}",
        f"PARAMETER num_ctx {chosen['context_tokens']}",
        f'SYSTEM """{chosen["instruction"]}"""',
    ]
    (folder / "Modelfile").write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_room(folder: Path, files: list[Path]) -> None:
    """Refuses what does not fit on the disk, before anything is written.

    Raises:
        ModelError: It does not fit.
    """
    needed = sum(file.stat().st_size for file in files if file.is_file()) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ModelError(
            f"The folder needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free there.",
            "Choose another disk, or make room.",
        )


def arm_settings(
    state: ArmState, choice: ModelChoice, workspace: Workspace, base: Path | None
) -> dict[str, Any]:
    """``settings.json``: every choice that the scripts act by."""
    own, arm = workspace.settings(), state.arm
    instruction = own.instruction if arm.settings.instruction is None else arm.settings.instruction
    mode, passages, _ = search_settings(arm, own)
    trained_here = bool(state.adapter) and not served_name(state.adapter)
    thinks = choice.thinking == "on" and not trained_here
    rows = {
        "arm": arm.id,
        "instruction": with_labels(instruction, own.labels, own.label_pattern),
        "grounding": GROUNDING,
        "passages": passages if arm.retrieves else 0,
        "max_new_tokens": own.max_new_tokens + (THOUGHT_TOKENS if thinks else 0),
        "template_options": template_options(thinking=thinks),
        "model": served_name(state.adapter) or choice.name,
    }
    return (
        rows
        | (_of_folder(base, choice) if base else _of_endpoint(choice))
        | _search(mode, own.meaning)
    )


def _search(mode: SearchMode, meaning: float | None) -> dict[str, Any]:
    return {
        "search": {
            "mode": mode.value,
            "table": "",
            "meaning": meaning,
            "most": retrievers.MOST_MEANING,
            "least": retrievers.LEAST_MEANING,
            "whole": retrievers.WHOLE,
            "per_piece": retrievers.PER_PIECE,
            "unread": retrievers.UNREAD,
        }
    }


def _of_endpoint(choice: ModelChoice) -> dict[str, Any]:
    from ragft_core.models.remote.endpoints import CONTEXT_TOKENS

    return {
        "url": chat_url(choice),
        "key_variable": choice.key_variable,
        "thinking": choice.thinking,
        "context_tokens": choice.context_tokens or CONTEXT_TOKENS,
    }


def _of_folder(base: Path, choice: ModelChoice) -> dict[str, Any]:
    """What the scripts need to know of a model on this machine; numbers are kept as they were here."""
    from transformers import AutoTokenizer, GenerationConfig

    options = {"local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(str(base), trust_remote_code=False, **options)
    config = text_config(base)
    try:
        generation = GenerationConfig.from_pretrained(str(base), **options)
    except OSError:
        generation = GenerationConfig.from_model_config(config)
    ends = end_tokens(generation, tokenizer)
    return {
        "dtype": str(choose_device(Settings()).dtype).removeprefix("torch."),
        "revision": base.name if choice.kind == "hub" else "",
        "context_tokens": next((n for k in CONTEXT_KEYS if (n := getattr(config, k, None))), 2048),
        "end_tokens": sorted(ends),
        "chat_template": FALLBACK_TEMPLATE,
    }
