"""Taking adapters home and bringing them in: PEFT's own folder, as a zip.

What comes out loads with ``peft.AutoPeftModelForCausalLM`` where the base is known to the hub. What
comes in is unpacked by name, never by path, holds safetensors only, and must fit the base's layers.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from ragft_core.approval import require_approval
from ragft_core.errors import ModelError
from ragft_core.finetuning.adapters import (
    BUNDLED,
    CARD,
    CONFIG,
    WEIGHTS,
    check_adapter,
    checked_card,
    get_adapter,
    weights_digest,
)
from ragft_core.models.engine.lora import load_lora
from ragft_core.models.factory import model_folder
from ragft_core.models.weights.bundled import GENERATOR
from ragft_core.models.weights.loading import empty_model
from ragft_core.models.weights.loading import weights_digest as base_digest
from ragft_core.settings import Settings
from ragft_core.storage import artefacts
from ragft_core.types import Adapter
from ragft_core.workspace import Workspace, new_id, now, write_json

HUB_NAMES = {GENERATOR.name: f"HuggingFaceTB/{GENERATOR.name}"}
LARGEST_BYTES = 2 << 30
_KEPT = (CONFIG, WEIGHTS, CARD)


def export_adapter(workspace: Workspace, adapter_id: str) -> bytes:
    """An adapter as a zip of PEFT's files and the run card.

    Raises:
        ModelError: There is none, or it is damaged.
    """
    folder = Path(get_adapter(workspace, adapter_id).path)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    base = str(config.get("base_model_name_or_path") or "")
    config["base_model_name_or_path"] = HUB_NAMES.get(base, base)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CONFIG, json.dumps(config, indent=2))
        archive.write(folder / WEIGHTS, WEIGHTS)
        if (folder / CARD).exists():
            archive.write(folder / CARD, CARD)
    return file.getvalue()


def import_adapter(
    workspace: Workspace, name: str, data: bytes, settings: Settings, *, with_context: bool = False
) -> Adapter:
    """Brings in an adapter that was made elsewhere, for the workspace's model.

    Args:
        workspace: Where it goes.
        name: What people call it.
        data: A zip with PEFT's ``adapter_config.json`` and ``adapter_model.safetensors``, at its top
            or in one folder; whatever else is in it is left out.
        settings: Where models lie.
        with_context: Whether it was trained with passages, so that it belongs to the hybrid arm. A
            card of the lab's own says so itself.

    Raises:
        ModelError: It is no such zip, holds pickled weights only, or does not fit the base.
    """
    files = _unpacked(name, data)
    choice = workspace.settings().model
    require_approval(workspace, choice)
    base_folder = model_folder(choice, settings)
    digest = base_digest(base_folder)
    card = _card(files.get(CARD, b""))
    if card.get("base") and card["base"] != digest:
        raise ModelError(
            f"The adapter {name} belongs to the weights {str(card['base'])[:12]}, and "
            f"{choice.name} has {digest[:12]}.",
            "Choose the model that it was trained on first.",
        )
    adapter_id = new_id("adapter")
    scratch = workspace.folder("adapters", f".{adapter_id}.partial")
    try:
        for kept in (CONFIG, WEIGHTS):
            (scratch / kept).write_bytes(files[kept])
        check_adapter(scratch)
        load_lora(name, scratch, empty_model(base_folder))
        config = json.loads((scratch / CONFIG).read_text(encoding="utf-8"))
        known = {
            "id": adapter_id, "name": name, "base": digest, "base_name": choice.name,
            "rank": int(config["r"]), "created_at": now(), "imported": True,
            "with_context": bool(card.get("with_context", with_context)),
            "sha256": weights_digest(scratch),
        }  # fmt: skip
        write_json(scratch / CARD, card | known)
        scratch.replace(workspace.path / "adapters" / adapter_id)
        artefacts.keep(workspace, f"adapters/{adapter_id}")
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return get_adapter(workspace, adapter_id)


def rename_adapter(workspace: Workspace, adapter_id: str, name: str, notes: str = "") -> None:
    """Gives one of the workspace's adapters another name and notes; its weights stay as they are.

    Raises:
        ModelError: There is none, it came with the product, or the name is empty.
    """
    name = " ".join(name.split())[:80]
    adapter = get_adapter(workspace, adapter_id)
    if not name or adapter_id.startswith(BUNDLED):
        raise ModelError(f"The adapter {adapter_id} cannot be called {name!r}.")
    write_json(Path(adapter.path) / CARD, adapter.card | {"name": name, "notes": notes.strip()})
    artefacts.keep(workspace, f"adapters/{adapter_id}", (CARD,))


def _unpacked(name: str, data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = {Path(info.filename).name: info for info in archive.infolist()}
            if sum(infos[kept].file_size for kept in _KEPT if kept in infos) > LARGEST_BYTES:
                raise ModelError(f"{name} is larger than {LARGEST_BYTES >> 30} GB unpacked.")
            found = {kept: archive.read(infos[kept]) for kept in _KEPT if kept in infos}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ModelError(
            f"{name} is no zip that can be read: {error}.", "Bring PEFT's folder as a zip."
        ) from None
    missing = [kept for kept in (CONFIG, WEIGHTS) if kept not in found]
    if missing:
        pickled = [file for file in infos if file.endswith((".bin", ".pt", ".pth", ".pkl"))]
        why = f"; pickled weights ({pickled[0]}) are never loaded" if pickled else ""
        raise ModelError(
            f"{name} holds no {' and no '.join(missing)}{why}.",
            "Save it with PEFT's save_pretrained, which writes both.",
        )
    return found


def _card(data: bytes) -> dict[str, Any]:
    """The run card of an adapter that came from a lab; empty for any other."""
    try:
        return checked_card(json.loads(data))
    except (ValueError, RecursionError):
        return {}
