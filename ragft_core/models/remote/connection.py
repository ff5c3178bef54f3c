"""What a server offers besides the model that was named: its list of models, tuned ones among them.

A tuned model that a server holds (an adapter of vLLM's or SGLang's, a hosted service's ``ft:`` name,
a model of Ollama's or llama.cpp's) is used like an adapter: its id here is ``served:`` and its name
there. Which weights answer under that name, and that neither changes the other, is the server's word.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.approval import read_key
from ragft_core.errors import ModelError
from ragft_core.models.remote.chat_api import (
    BROKEN,
    CONNECT_S,
    ChatClient,
    PassingError,
    chat_url,
)
from ragft_core.types import ModelChoice

SERVED = "served:"
MOST_MODELS = 1000
NO_MODEL = "ragft-no-such-model"
LARGEST_BYTES = 4 << 20


@dataclass(frozen=True)
class Preset:
    """A kind of server: its usual address, and how it names a tuned model."""

    name: str
    url: str
    tuned: str
    key: bool = False


PRESETS = (
    Preset("Ollama", "http://127.0.0.1:11434/v1", "a model made with ADAPTER in its Modelfile"),
    Preset("LM Studio", "http://127.0.0.1:1234/v1", "another loaded model"),
    Preset("vLLM", "http://127.0.0.1:8000/v1", "a name of --lora-modules"),
    Preset("llama.cpp", "http://127.0.0.1:8080/v1", "the model of a second server"),
    Preset("This lab (serve W)", "http://127.0.0.1:8765/v1", "an adapter's id"),
    Preset("OpenAI", "https://api.openai.com/v1", "a name that begins with ft:", key=True),
)


@dataclass(frozen=True)
class ServedModel:
    """A model by its name at the server; ``base`` is the one it says this was tuned from."""

    name: str
    base: str = ""


def served_name(adapter: str | None) -> str:
    """The name at the server of a tuned model that is served; empty for any other adapter."""
    return (adapter or "").removeprefix(SERVED) if (adapter or "").startswith(SERVED) else ""


def served_models(choice: ModelChoice) -> list[ServedModel]:
    """The models that a server lists.

    Raises:
        ModelError: It cannot be reached, refuses, or answers in another form.
        NotAllowedError: The person who acts may not look beyond what the lab brings.
    """
    import httpx

    rights.require(Right.REACH)
    url = chat_url(choice).removesuffix("/chat/completions") + "/models"
    try:
        code, body = _fetch(url, choice.key_variable)
    except httpx.HTTPError as error:
        raise ModelError(
            f"No server answers at {url} ({type(error).__name__}).",
            "Start it, or check the address and the port.",
        ) from None
    if len(body) > LARGEST_BYTES:
        raise ModelError(f"The list of models at {url} has no end.", BROKEN)
    if code in (401, 403):
        raise ModelError(
            f"The server refuses to list its models ({code}).",
            "Check the key in the environment variable of the model's settings.",
        )
    if code != 200:
        raise ModelError(f"The server at {url} answered {code}.", BROKEN)
    return _read(body, url)


def context_of_server(choice: ModelChoice) -> int:
    """How many tokens a server lets prompt and answer take together; 0 where it does not say.

    vLLM, SGLang and this lab tell it with their list of models, llama.cpp with its properties, Ollama
    with what it runs (there a prompt beyond it is cut in silence), LM Studio with its own list.
    """
    root = chat_url(choice).removesuffix("/chat/completions")
    outer = root.removesuffix("/v1")
    for url in (f"{root}/models", f"{outer}/props", f"{outer}/api/ps", f"{outer}/api/v0/models"):
        found = _context_in(_get(url, choice.key_variable), choice.name)
        if found:
            return found
    return 0


def _get(url: str, key_variable: str) -> Any:
    """The JSON at an address that a server may not have; None where it has none."""
    import httpx

    try:
        code, body = _fetch(url, key_variable)
        return json.loads(body) if code == 200 and len(body) <= LARGEST_BYTES else None
    except (httpx.HTTPError, ValueError):
        return None


def _fetch(url: str, key_variable: str) -> tuple[int, bytes]:
    """Status and body of a GET with the endpoint's key; a body without end is cut behind its limit."""
    import httpx

    key = read_key(key_variable)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.stream("GET", url, headers=headers, timeout=CONNECT_S) as response:
        body = b""
        for piece in response.iter_bytes():
            body += piece
            if len(body) > LARGEST_BYTES:
                break
        return response.status_code, body


def _context_in(said: Any, name: str) -> int:
    """The context that an answer names for a model, under any of the names that servers use."""
    if not isinstance(said, dict):
        return 0
    rows = [row for row in said.get("data") or said.get("models") or [] if isinstance(row, dict)]
    named = [row for row in rows if name in (row.get("id"), row.get("name"), row.get("model"))]
    places = [*named, said.get("default_generation_settings")]
    for place in places:
        for key in ("max_model_len", "loaded_context_length", "context_length", "n_ctx"):
            value = place.get(key) if isinstance(place, dict) else None
            if isinstance(value, int) and value > 0:
                return value
    return 0


def _tells_apart(choice: ModelChoice, name: str) -> bool:
    """Whether a server answers under a name that it does not list, and not under any name at all.

    llama.cpp, for one, answers as the model that it holds, whatever the name.
    """
    return _answers(choice, name) and not _answers(choice, NO_MODEL)


def _answers(choice: ModelChoice, name: str) -> bool:
    client = ChatClient(choice)
    body = {
        "model": name, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1,
        "stream": True,
    }  # fmt: skip
    try:
        for attempt in range(3):  # a refused parameter is left out the next time
            try:
                return bool(list(client.stream(body)))
            except PassingError:
                if attempt == 2:
                    raise
    except (ModelError, PassingError):
        return False
    finally:
        client.close()
    return False


def _read(body: bytes, url: str) -> list[ServedModel]:
    try:
        rows = json.loads(body)["data"]
        return [_model(row) for row in rows[:MOST_MODELS]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{url} is no list of models in OpenAI's form.", BROKEN) from None


def _model(row: dict[str, Any]) -> ServedModel:
    """One row; vLLM and SGLang name the base of an adapter as its parent."""
    return ServedModel(str(row["id"])[:200], str(row.get("parent") or "")[:200])


def check_served(choice: ModelChoice, tuned: str) -> str:
    """Asks the server about a tuned model, and says in a sentence what it claims.

    Raises:
        ModelError: It cannot be asked, or does not list the name.
    """
    try:
        found = {model.name: model for model in served_models(choice)}
    except ModelError:
        if not _tells_apart(choice, tuned):
            raise
        found = {}  # transformers' server lists nothing where it has no cache
    found |= {name.removesuffix(":latest"): model for name, model in found.items()}  # Ollama's
    if tuned not in found and not _tells_apart(choice, tuned):
        raise ModelError(
            f"The server lists no model {tuned!r}, and does not answer as it alone.",
            f"It lists: {', '.join(list(found)[:12]) or 'none'}.",
        )
    if tuned not in found:
        return (
            f"The server does not list {tuned}, answers as it and refuses names that it does not "
            "know. What it was tuned from, and that the base answers as if it were not there, is the "
            "server's word."
        )
    base = found[tuned].base
    claim = f"as tuned from {base}" if base else "without saying what it was tuned from"
    other = f", and not from {choice.name}" if base and base != choice.name else ""
    return (
        f"The server lists {tuned} {claim}{other}. That the base answers as if it were not there "
        "is the server's word."
    )
