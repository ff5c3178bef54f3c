"""Adapters on disk: written once by a run, listed, checked, chosen, deleted.

    adapters/<id>/  adapter_config.json          as PEFT writes it, without paths
                    adapter_model.safetensors
                    card.json                    the run card

Weights are safetensors only; the configuration is checked before anything is loaded.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import ragft_core
from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.errors import ModelError
from ragft_core.storage import artefacts
from ragft_core.types import Adapter
from ragft_core.values import InvalidValueError, from_dict, to_dict
from ragft_core.workspace import Workspace, file_digest

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
CARD = "card.json"
BUNDLED = "bundled:"
READER = f"{BUNDLED}reader"
WRITER = f"{BUNDLED}writer"
BUNDLED_FOLDER = Path(ragft_core.__file__).parent / "models" / "adapters"


@dataclass(frozen=True)
class Card:
    """What is read of a run card, beside what is only shown; see ``training.card``."""

    name: str = ""
    base: str = ""
    base_name: str = ""
    rank: int = 0
    with_context: bool = False
    created_at: str = ""
    notes: str = ""
    warning: str = ""
    best_step: int | None = None
    first_val_loss: float | None = None
    val_loss: float | None = None
    seconds: float | None = None
    tokens: float | None = None
    sha256: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)


def list_adapters(workspace: Workspace) -> list[Adapter]:
    """The bundled adapters, then the workspace's own, oldest first. Damaged ones are left out."""
    own = [f.parent for f in workspace.path.glob(f"adapters/*/{CARD}") if _complete(f.parent)]
    adapters = sorted((_own(folder) for folder in own), key=lambda a: (a.created_at, a.id))
    shipped = sorted(f.parent for f in BUNDLED_FOLDER.glob(f"*/{CONFIG}") if _complete(f.parent))
    return [*(_bundled(folder) for folder in shipped), *adapters]


def get_adapter(workspace: Workspace, adapter_id: str) -> Adapter:
    """Finds an adapter by its id, and makes sure that it is whole.

    Raises:
        ModelError: There is none, it is damaged, or it holds more than LoRA weights.
    """
    folder = _folder(workspace, adapter_id)
    if folder is not None and not (folder / WEIGHTS).is_file() and folder.parent != BUNDLED_FOLDER:
        artefacts.bring(workspace, f"adapters/{folder.name}")
    if folder is None or not folder.is_dir():
        raise ModelError(
            f"There is no adapter {adapter_id!r} in this workspace.",
            "Fine-tune one, or choose another.",
        )
    check_adapter(folder)
    return _bundled(folder) if adapter_id.startswith(BUNDLED) else _own(folder)


def delete_adapter(workspace: Workspace, adapter_id: str) -> None:
    """Removes one of the workspace's adapters and takes it out of its settings.

    Raises:
        ModelError: There is none, or it came with the product.
    """
    folder = _folder(workspace, adapter_id)
    if adapter_id.startswith(BUNDLED) or folder is None or not folder.is_dir():
        raise ModelError(f"There is no adapter {adapter_id!r} that could be deleted.")
    rights.require(Right.CHANGE, workspace.path)
    settings = workspace.settings()
    cleared = {
        name: "" for name in ("adapter", "hybrid_adapter") if getattr(settings, name) == adapter_id
    }
    if cleared:
        workspace.update(**cleared)
    artefacts.forget(workspace, f"adapters/{folder.name}")
    shutil.rmtree(folder)
    rights.note("adapter deleted", workspace.path, adapter_id)


def choose_adapter(workspace: Workspace, adapter_id: str) -> None:
    """Makes an adapter the one that its arm uses: hybrid if trained with passages.

    Raises:
        ModelError: There is no such adapter.
    """
    adapter = get_adapter(workspace, adapter_id)
    workspace.update(**{setting_of(adapter.with_context): adapter_id})


def check_adapter(folder: Path) -> None:
    """Checks an adapter's files without loading them.

    Raises:
        ModelError: A file is missing, changed, or not what an adapter consists of.
    """
    name = folder.name
    config = _read(folder / CONFIG)
    known = (str, int, float, bool, type(None), list, dict)
    if config.get("peft_type") != "LORA" or "auto_mapping" in config and config["auto_mapping"]:
        raise ModelError(f"The adapter {name} is not plain LoRA.", "Train it again.")
    if not isinstance(config.get("r"), int) or not all(
        isinstance(v, known) for v in config.values()
    ):
        raise ModelError(f"The settings of the adapter {name} are damaged.", "Train it again.")
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"The adapter {name} has no {WEIGHTS}.", "Train it again.")
    card = folder / CARD
    expected = _read_card(folder).get("sha256") if card.exists() else None
    if expected and weights_digest(folder) != expected:
        raise ModelError(
            f"The weights of the adapter {name} are damaged: they have changed since training.",
            "Restore the file from a copy of the workspace, or train again.",
        )


def checked_card(data: object) -> dict[str, Any]:
    """A run card with its known fields checked; the others are as they are.

    A field that is empty in a card counts as not there, as one of another adapter's may be.

    Raises:
        InvalidValueError: It is no card, or a field does not fit.
    """
    if not isinstance(data, dict):
        raise InvalidValueError(f"{CARD} holds no fields.")
    known = {f.name: data[f.name] for f in fields(Card) if data.get(f.name) is not None}
    checked = to_dict(from_dict(Card, known, CARD))
    return data | {name: checked[name] for name in known}


def weights_digest(folder: Path) -> str:
    """The SHA-256 of an adapter's weights, read again when the file has changed."""
    weights = folder / WEIGHTS
    stat = weights.stat()
    return _digest(weights, stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=256)
def _digest(weights: Path, *_: int) -> str:
    return file_digest(weights)


def setting_of(with_context: bool) -> str:
    """The workspace setting that names the adapter of this kind."""
    return "hybrid_adapter" if with_context else "adapter"


def _folder(workspace: Workspace, adapter_id: str) -> Path | None:
    """Where an adapter would lie; nothing for an id that would lead elsewhere."""
    name = adapter_id.removeprefix(BUNDLED)
    if not name or name.startswith(".") or "/" in name or "\\" in name or "\x00" in name:
        return None
    return (
        BUNDLED_FOLDER if adapter_id.startswith(BUNDLED) else workspace.path / "adapters"
    ) / name


def _complete(folder: Path) -> bool:
    """Whether an adapter's files are there; a folder half copied is none."""
    if folder.name.startswith(".") or not (folder / WEIGHTS).is_file():
        return False
    try:
        _read(folder / CONFIG)
        if (folder / CARD).exists():
            _read_card(folder)
    except ModelError:
        return False
    return True


def _own(folder: Path) -> Adapter:
    card = _read_card(folder)
    return Adapter(
        id=folder.name,
        name=str(card.get("name") or folder.name),
        base=str(card.get("base", "")),
        path=str(folder),
        rank=int(card.get("rank", 0)),
        with_context=bool(card.get("with_context")),
        created_at=str(card.get("created_at", "")),
        digest=weights_digest(folder),
        card=card,
    )


def _bundled(folder: Path) -> Adapter:
    from ragft_core.models.weights.bundled import GENERATOR

    card = _read(folder / CARD) if (folder / CARD).exists() else {}
    return Adapter(
        id=f"{BUNDLED}{folder.name}",
        name=str(card.get("name") or folder.name.capitalize()),
        base=str(card.get("base") or GENERATOR.sha256),
        path=str(folder),
        rank=int(_read(folder / CONFIG).get("r", 0)),
        with_context=folder.name == "reader",
        bundled=True,
        created_at=str(card.get("created_at", "")),
        digest=weights_digest(folder),
        card=card,
    )


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        return checked_card(_read(folder / CARD))
    except InvalidValueError as error:
        raise ModelError(
            f"The run card of the adapter {folder.name} is damaged: {error.message}",
            "Train it again, or restore the file.",
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path.name} of the adapter {path.parent.name} cannot be read: "
            f"{type(error).__name__}.",
            "Train it again, or restore the file.",
        ) from None
    if not isinstance(data, dict):
        raise ModelError(f"{path.name} of the adapter {path.parent.name} holds no settings.")
    return data
