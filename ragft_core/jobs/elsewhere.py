"""What of a workspace was computed on another machine, so that nobody takes it for measured here."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from ragft_core.types import ModelChoice
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, read_json, write_json

FILE = "made-elsewhere.json"
CPU_FACTS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class MadeElsewhere:
    """Where and when adapters, evaluations and records of a workspace were made, by their ids.

    ``weights`` is the SHA-256 of the base model's weights, ``choice`` how a workspace names that
    model, ``lab`` the product's version there.
    """

    machine: str
    made_at: str
    model: str
    weights: str
    lab: str = ""
    adapters: tuple[str, ...] = ()
    evaluations: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    choice: ModelChoice = field(default_factory=ModelChoice)

    @property
    def text(self) -> str:
        """One sentence: on which machine, when, with which model."""
        return (
            f"Made elsewhere: on {self.machine}, {self.made_at[:10]}, with {self.model} "
            f"(weights {self.weights[:12]})."
        )

    def covers(self, thing: str) -> bool:
        """Whether the adapter, evaluation or record of this id is one of those."""
        return thing in (*self.adapters, *self.evaluations, *self.records)


def made_elsewhere(workspace: Workspace) -> MadeElsewhere | None:
    """What the workspace says of itself; None where all was made here.

    Raises:
        InvalidValueError: The file is damaged.
    """
    file = workspace.path / FILE
    return from_dict(MadeElsewhere, read_json(file), FILE) if file.exists() else None


def keep_origin(workspace: Workspace, origin: MadeElsewhere) -> None:
    """Writes it into the workspace."""
    write_json(workspace.path / FILE, to_dict(origin))


def this_machine() -> str:
    """This machine in words, without its name: system, processor, how many of them."""
    name = platform.processor()
    if CPU_FACTS.exists():
        lines = CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = found[0] if found else name
    kind = " ".join(filter(None, (platform.system(), platform.machine())))
    return f"{kind}, {os.cpu_count()} processors" + (f" ({name})" if name else "")
