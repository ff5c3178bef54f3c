"""From a workspace's choice of model to a generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ragft_core.errors import ModelError
from ragft_core.models.generator import Generator
from ragft_core.models.weights import bundled
from ragft_core.models.weights.hub import hub_folder
from ragft_core.settings import Settings
from ragft_core.threads import one_thread, usual_threads
from ragft_core.types import Adapter, ModelChoice

if TYPE_CHECKING:
    from ragft_core.models.engine.engine import LocalGenerator
    from ragft_core.models.engine.linear import Product


def open_generator(
    choice: ModelChoice, settings: Settings, adapters: Callable[[str], Adapter]
) -> Generator:
    """Opens the generator that a workspace uses.

    Args:
        choice: Which model.
        settings: Where models are cached, and how many threads they may use.
        adapters: Finds an adapter by its id; called when a request first names it. May raise
            ``ModelError``.

    Raises:
        ModelError: The model is missing, refused, or does not fit into memory.
    """
    if choice.kind == "endpoint":
        from ragft_core.models.remote.endpoints import EndpointGenerator

        return EndpointGenerator(choice)
    name, thinking = Path(choice.name).name, choice.thinking == "on"
    return open_folder(model_folder(choice, settings), settings, adapters, name, thinking)


def model_folder(choice: ModelChoice, settings: Settings) -> Path:
    """Where the weights of a local choice lie; they are fetched when missing.

    Raises:
        ModelError: They cannot be had, or the choice is an endpoint.
    """
    if choice.kind == "bundled":
        return bundled.fetch(bundled.GENERATOR, settings.models)
    if choice.kind == "folder":
        return Path(choice.name).expanduser()
    if choice.kind == "hub":
        folder = hub_folder(choice.name, settings, choice.revision)
        assert folder is not None  # it was fetched, or an error was raised
        return folder
    if choice.kind == "endpoint":
        raise ModelError(
            f"{choice.name} is an endpoint: its weights are not on this machine.",
            "Choose a local model to train on.",
        )
    raise ModelError(f"There is no kind of model called {choice.kind!r}.")


def open_folder(
    folder: Path,
    settings: Settings,
    adapters: Callable[[str], Adapter],
    name: str = "",
    thinking: bool = False,
) -> LocalGenerator:
    """Opens a model folder as a generator on this machine's device.

    Raises:
        ModelError: The folder is refused, or the model does not fit into memory.
    """
    from ragft_core.models.engine.engine import LocalGenerator
    from ragft_core.models.engine.generic import GenericDecoder
    from ragft_core.models.engine.llama import try_llama
    from ragft_core.models.weights.device import choose_device
    from ragft_core.models.weights.loading import load_base, weights_digest

    threads = usual_threads(settings.threads)
    device = choose_device(settings)
    with one_thread():
        digest = weights_digest(folder)
        model, tokenizer = load_base(folder, device)
        packed = settings.models / "packed" / f"{digest[:32]}.safetensors"
        own = try_llama(model, lambda products: _pack(products, packed))
        decoder = own or GenericDecoder(model)
    return LocalGenerator(
        name or folder.name, digest, model, tokenizer, decoder, adapters,
        threads=threads, device=device, thinking=thinking,
    )  # fmt: skip


def _pack(products: dict[str, Product], file: Path) -> None:
    """Gives products the packed form of their weights, where kernels and weights allow it."""
    from ragft_core.models.kernels.llvm import can_compile
    from ragft_core.models.kernels.matmul import compile_kernels
    from ragft_core.models.kernels.quantized import pack_all

    first = next(iter(products.values())).weight
    if first.device.type != "cpu" or first.dtype.itemsize != 4 or not can_compile():
        return
    packed = pack_all({name: product.weight for name, product in products.items()}, file)
    kinds = {item.kind for item in packed.values()}
    kernels = compile_kernels(tuple(sorted(kinds | {"fp32"}))) if kinds else None
    if kernels is None:
        return
    for name, item in packed.items():
        products[name].use(item, kernels)
