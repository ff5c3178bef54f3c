"""Where things are kept and which models are used, from the environment.

Everything the product writes lies under one folder, ``RAGFT_HOME``; the bundled models, which can
be fetched again at any time, under ``RAGFT_MODELS`` (by default a folder in the former).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from ragft_core.errors import SettingsError


def _home() -> Path:
    return Path(os.environ.get("RAGFT_HOME") or Path.home() / ".ragft").expanduser().resolve()


def _models() -> Path:
    return Path(os.environ.get("RAGFT_MODELS") or _home() / "models").expanduser().resolve()


def _threads() -> int:
    text = os.environ.get("RAGFT_THREADS", "0")
    if not text.isdigit():
        raise SettingsError(f"RAGFT_THREADS is {text!r}, which is not a number of threads.")
    return int(text)


def _device() -> str:
    text = os.environ.get("RAGFT_DEVICE", "auto").strip().lower()
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise SettingsError(
            f"RAGFT_DEVICE is {text[:40]!r}, which is no device.",
            "Set auto, cpu, cuda, cuda:1 or mps.",
        )
    return "" if text == "auto" else text


def _precision() -> str:
    text = os.environ.get("RAGFT_PRECISION", "auto").strip().lower()
    if text not in ("auto", "fp32", "bf16", "fp16", "4bit"):
        raise SettingsError(
            f"RAGFT_PRECISION is {text[:40]!r}, which is none.",
            "Set auto, fp32, bf16, fp16 or 4bit.",
        )
    return "" if text == "auto" else text


def _index_uri() -> str:
    return _uri("RAGFT_INDEX_URI", ("s3", "gs", "az", "db"))


def _store() -> str:
    return _uri("RAGFT_STORE", ("s3", "gs", "az", "file"))


def _uri(name: str, schemes: tuple[str, ...]) -> str:
    text = os.environ.get(name, "").strip().rstrip("/")
    scheme, found, place = text.partition("://")
    if text and (scheme not in schemes or not found or not place or "@" in place):
        raise SettingsError(
            f"{name} is {text[:80]!r}, which is no place of a store.",
            f"Set one as {', '.join(f'{scheme}://...' for scheme in schemes)}; keys go into "
            "variables of their own (docs/deploy.md).",
        )
    return text


def _sign_in() -> str:
    text = os.environ.get("RAGFT_SIGN_IN", "").strip().lower() or "none"
    if text not in ("none", "password", "oidc", "header"):
        raise SettingsError(
            f"RAGFT_SIGN_IN is {text[:40]!r}, which is no way to sign in.",
            "Set none, password, oidc or header.",
        )
    return text


def _ray() -> str:
    text = os.environ.get("RAGFT_RAY", "").strip().rstrip("/")
    if text and not re.fullmatch(r"https?://[^\s/@]+", text):
        raise SettingsError(
            f"RAGFT_RAY is {text[:80]!r}, which is no address of a Ray cluster.",
            "Set that of its dashboard, such as http://head:8265.",
        )
    return text


def _amount(name: str, usual: float) -> float:
    text = os.environ.get(name, "").strip() or str(usual)
    if not re.fullmatch(r"\d{1,4}(\.\d{1,4})?", text):
        raise SettingsError(f"{name} is {text[:40]!r}, which is not a number such as 1 or 0.5.")
    return float(text)


def _workers() -> int:
    text = os.environ.get("RAGFT_RAY_WORKERS", "").strip() or "1"
    if not re.fullmatch(r"[1-9]\d{0,2}", text):
        raise SettingsError(f"RAGFT_RAY_WORKERS is {text[:40]!r}, which is not a number from 1 on.")
    return int(text)


# What the libraries of stores read from the environment; jobs need it as much as the app.
STORE_VARIABLES = re.compile(r"(AWS|AZURE|GOOGLE|LANCEDB)_\w+")


def store_variables() -> tuple[str, ...]:
    """Names of the variables by which a store is reached; none where no store is used."""
    if not (os.environ.get("RAGFT_INDEX_URI") or os.environ.get("RAGFT_STORE")):
        return ()
    return tuple(name for name in os.environ if STORE_VARIABLES.fullmatch(name))


def keep_private() -> None:
    """From here on, what this process writes is its owner's alone: uploads, answers, keys' names."""
    os.umask(0o077)


@dataclass(frozen=True)
class Settings:
    """The product's own settings; a workspace's settings live in its folder."""

    home: Path = field(default_factory=_home, metadata={"help": "Everything the product writes."})
    models: Path = field(default_factory=_models, metadata={"help": "The cache of models."})
    threads: int = field(
        default_factory=_threads, metadata={"help": "CPU threads for models; 0 lets torch decide."}
    )
    device: str = field(
        default_factory=_device, metadata={"help": "cpu, cuda, cuda:1, mps; empty for the best."}
    )
    precision: str = field(
        default_factory=_precision,
        metadata={"help": "fp32, bf16, fp16, 4bit; empty for what suits the device."},
    )
    sign_in: str = field(
        default_factory=_sign_in,
        metadata={"help": "How people sign in: none (this machine only), password, oidc, header."},
    )

    index_uri: str = field(
        default_factory=_index_uri,
        metadata={"help": "Where indices lie; empty for the workspaces' folders."},
    )
    store: str = field(
        default_factory=_store,
        metadata={"help": "Where originals and artefacts are kept, too; empty for nowhere."},
    )
    ray: str = field(
        default_factory=_ray, metadata={"help": "A Ray cluster's dashboard; jobs run there."}
    )
    ray_cpus: float = field(
        default_factory=lambda: _amount("RAGFT_RAY_CPUS", 1.0),
        metadata={"help": "Processors of one worker on the cluster."},
    )
    ray_gpus: float = field(
        default_factory=lambda: _amount("RAGFT_RAY_GPUS", 0.0),
        metadata={"help": "GPUs of a job on the cluster that trains or answers."},
    )
    ray_workers: int = field(
        default_factory=_workers,
        metadata={"help": "Workers on the cluster that share one fine-tuning run."},
    )

    @property
    def workspaces(self) -> Path:
        """The folder that holds the workspaces, one folder each."""
        return self.home / "workspaces"
