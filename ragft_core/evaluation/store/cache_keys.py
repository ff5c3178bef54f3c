"""What an answer depends on, as a key: same key, same answer, so it need not be asked again.

Everything here is read from files; no model is loaded. That is what makes a second run with
nothing changed a matter of seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ragft_core.arms import Reads
from ragft_core.documents import CHUNKER
from ragft_core.finetuning import get_adapter, load_examples
from ragft_core.knowledge import Version, documents, find_version, shelf_of
from ragft_core.knowledge.embedders import in_workspace
from ragft_core.models.prompts import render_messages, with_labels
from ragft_core.models.remote import served_name
from ragft_core.models.weights import FP32, bundled, choose_device
from ragft_core.settings import Settings
from ragft_core.strategies import ArmState, arm_states, search_settings
from ragft_core.strategies.choosing.adaptive import POLICY
from ragft_core.strategies.choosing.selection import EDITION, PROPOSALS, policy_of
from ragft_core.types import Calibration, ModelChoice, Sampling, Split
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, file_digest


def arm_fingerprints(
    workspace: Workspace, settings: Settings, version: Version | None = None
) -> dict[str, str]:
    """A digest per arm id of all that its answers depend on, besides question and sampling.

    ``version`` is what arms read that name none of their own. Two arms that would do the same have the same digest, whatever they are called; so have a named
    version and the present documents where they are the same.

    Arms that cannot run are left out.
    """
    found = {}
    shelf = shelf_of(workspace, version) if version else workspace
    for state in arm_states(workspace, shelf):
        if state.ready:
            own = state.arm.settings.version
            read = find_version(workspace, own) if own else version
            found[state.arm.id] = digest(_parts(workspace, settings, state, read))
    return found


def answer_key(fingerprint: str, question: str, sampling: Sampling) -> str:
    """The key of one answer."""
    decoding = to_dict(sampling)
    for later in ("choices", "forced", "opening", "branch"):
        if not decoding[later]:
            decoding.pop(later)  # as before there was such a field
    return digest({"arm": fingerprint, "question": question, "sampling": decoding})


def digest(data: Any) -> str:
    """A short digest of plain data; 80 bits, so that chance collisions do not happen."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _parts(
    workspace: Workspace,
    settings: Settings,
    state: ArmState,
    version: Version | None,
) -> dict[str, Any]:
    own, arm = workspace.settings(), state.arm
    choice = arm.settings.model or own.model
    instruction = arm.settings.instruction
    parts: dict[str, Any] = {
        "reads": arm.reads.value,
        "model": _model(choice, settings) | _precision(choice, settings),
        "adapter": _adapter(workspace, state.adapter) if state.adapter else None,
        "instruction": with_labels(
            own.instruction if instruction is None else instruction, own.labels, own.label_pattern
        ),
        "renderer": _renderer(),
    }
    embedder = version.embedder if version else own.embedder
    if arm.settings.shots:
        rows = [e for e in load_examples(workspace) if e.split is Split.TRAIN]
        parts |= {"shots": arm.settings.shots, "examples": [(e.question, e.answer) for e in rows]}
        if embedder:  # it chooses the examples; the bundled one was not named before
            parts["chosen by"] = _embedder(workspace, embedder, settings)
    if arm.reads is not Reads.NOTHING:
        shelf = shelf_of(workspace, version) if version else workspace
        index = sorted((d.sha256, d.n_chunks, d.n_tokens) for d in documents(shelf))
        made = _embedder(workspace, embedder, settings)
        parts |= {"documents": index, "chunker": CHUNKER, "embedder": made}
    if arm.retrieves:
        parts["search"] = search_settings(arm, own)
        if own.meaning is not None:
            parts["meaning"] = own.meaning
    if state.writer:
        writer = _adapter(workspace, state.writer)
        parts["selection"] = [EDITION, PROPOSALS, to_dict(policy_of(arm)), writer]
    if arm.adaptive:
        parts["adaptive"] = [POLICY, own.caution, to_dict(own.calibration or Calibration())]
    if arm.reads is Reads.DOCUMENTS:
        parts["long_context_tokens"] = own.long_context_tokens
    return parts


def _model(choice: ModelChoice, settings: Settings) -> dict[str, Any]:
    """The choice and, for files on this machine, what tells that the weights were replaced."""
    plain = {key: value for key, value in to_dict(choice).items() if not key.startswith("price")}
    for later in ("revision", "context_tokens", "thinking"):
        if not plain[later]:
            plain.pop(later)  # as before there was such a field
    if choice.kind == "bundled":
        ready = settings.models / choice.name / bundled.READY
        return plain | {"weights": ready.read_text(encoding="utf-8") if ready.exists() else ""}
    if choice.kind == "folder":
        return plain | {"weights": _files(Path(choice.name))}
    return plain


def _precision(choice: ModelChoice, settings: Settings) -> dict[str, str]:
    """How numbers are kept where answers may differ by it: in fp32 they do not."""
    if choice.kind == "endpoint":
        return {}
    precision = choose_device(settings).precision
    return {} if precision == FP32 else {"precision": precision}


def _embedder(
    workspace: Workspace, choice: ModelChoice | None, settings: Settings
) -> Mapping[str, Any] | str:
    lies = in_workspace(workspace, choice)  # a tuned one is named from the workspace
    if choice is None or lies is None:
        return bundled.EMBEDDER.sha256
    return _model(lies, settings) | {"name": choice.name}


def _adapter(workspace: Workspace, adapter: str) -> list[Any]:
    if served_name(adapter):
        return [adapter]
    found = get_adapter(workspace, adapter)
    return [found.base, found.digest]


def _files(folder: Path) -> list[tuple[str, str]]:
    """The weight files of a folder: small ones by content, large ones by size and time."""
    found = []
    for file in sorted(folder.glob("*.safetensors")):
        stat = file.stat()
        small = stat.st_size < 200_000_000
        stamp = f"{stat.st_size}-{stat.st_mtime_ns}"
        found.append((file.name, _digest_of(file, stamp) if small else stamp))
    return found


@lru_cache(maxsize=16)
def _digest_of(file: Path, stamp: str) -> str:  # noqa: ARG001 - a file that changes is read again
    return file_digest(file)


def _renderer() -> str:
    """Changes when the prompt renderer does: what it makes of one fixed conversation."""
    return digest(to_dict(render_messages("q", instruction="i", passages=[("t", "p"), ("u", "r")])))
