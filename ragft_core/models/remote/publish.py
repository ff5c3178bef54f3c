"""Giving an adapter of this lab to a server that holds many: vLLM's own route for it.

The server reads the adapter's folder itself, so it must see it, under the path that it is told. vLLM
has the route only where VLLM_ALLOW_RUNTIME_LORA_UPDATING is set, and calls it no secure operation:
whoever reaches the server may then have it load any folder.
"""

from __future__ import annotations

import re
from pathlib import Path

from ragft_core.approval import read_key
from ragft_core.errors import ModelError
from ragft_core.models.remote.chat_api import chat_url
from ragft_core.models.remote.connection import served_models
from ragft_core.types import ModelChoice

# The weights are read before the answer comes.
LOAD_S = 120.0
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,79}")


def publish_adapter(choice: ModelChoice, name: str, folder: Path, seen_as: str = "") -> str:
    """Has a server load an adapter, and says in a sentence what it lists then.

    Args:
        choice: The server, and the name there of the base that the adapter was trained on.
        name: What the adapter is called there.
        folder: PEFT's files.
        seen_as: The folder's path at the server, where that is another.

    Raises:
        ModelError: The server cannot be reached, does not allow it, or does not find or take the
            adapter; the remedy says how it is given to the server by hand.
    """
    import httpx

    if not NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} is no name for a model on a server.", "Use letters, digits, - _ and dots."
        )
    url = chat_url(choice).removesuffix("/chat/completions") + "/load_lora_adapter"
    path = seen_as or str(folder.resolve())
    by_hand = by_hand_text(name, path)
    key = read_key(choice.key_variable)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    order = {"lora_name": name, "lora_path": path}
    try:
        answer = httpx.post(url, json=order, headers=headers, timeout=LOAD_S)
    except httpx.HTTPError as error:
        raise ModelError(
            f"No server answers at {url} ({type(error).__name__}).", f"Start it. {by_hand}"
        ) from None
    said = answer.text[:300].replace(key, "***") if key else answer.text[:300]
    if answer.status_code in (401, 403):
        raise ModelError(
            f"The server refuses the key ({answer.status_code}).",
            "Check the key in the environment variable that is named.",
        )
    if answer.status_code == 404 and "no adapter found" not in said.lower():
        raise ModelError(
            "The server does not let adapters be loaded while it runs (404).",
            f"vLLM does with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and --enable-lora. {by_hand}",
        )
    if answer.status_code == 404:
        raise ModelError(
            f"The server finds no adapter at {path}.",
            "It reads the folder itself: share it with the server, and name its path there. "
            + by_hand,
        )
    already = answer.status_code == 400 and "already" in said.lower()
    if answer.status_code != 200 and not already:
        raise ModelError(
            f"The server did not take the adapter ({answer.status_code}): {said}",
            "Its base must be the one that the adapter was trained on, and --max-lora-rank at least "
            "its rank.",
        )
    base = {model.name: model.base for model in served_models(choice)}.get(name)
    if base is None:
        raise ModelError(
            f"The server said yes and does not list {name!r}.", "Look into the server's log."
        )
    done = "had an adapter of this name already" if already else "has loaded the adapter"
    return f"The server {done} and lists it as {name}" + (f", tuned from {base}." if base else ".")


def by_hand_text(name: str, path: str) -> str:
    """How a server gets the adapter at its start."""
    return f"Or start vLLM with --enable-lora --lora-modules {name}={path}"
