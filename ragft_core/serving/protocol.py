"""The chat completions protocol as a server reads and writes it.

After OpenAI's API reference. What the lab cannot do is refused by name, never left out in silence.
``ragft`` is the extension field: passages, citations, the adapter and what has to be said besides.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ragft_core.types import Answer, Message, Sampling
from ragft_core.values import to_dict

MOST_TOKENS = 8192
MOST_STOPS = 4
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
# What would change the answer, and what leaves it as it is.
NOT_HERE = ("tools", "functions", "response_format", "logprobs", "logit_bias", "audio")


class ApiError(Exception):
    """A request that is refused, with the status and the parameter that it is about."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code

    def body(self) -> dict[str, Any]:
        """What is sent, in OpenAI's form."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        about = {"message": str(self), "type": kind, "param": self.param, "code": self.code or None}
        return {"error": about}


@dataclass(frozen=True)
class ChatRequest:
    """What a client wants. ``messages`` are as sent; ``stream_usage`` asks for a last count."""

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling
    stream: bool = False
    stream_usage: bool = False

    @property
    def question(self) -> str:
        """The last thing that the user said."""
        return self.messages[-1].content

    @property
    def history(self) -> tuple[Message, ...]:
        """The turns before the question, without instructions."""
        return tuple(message for message in self.messages[:-1] if message.role != "system")

    @property
    def instructed(self) -> bool:
        """Whether the client sent an instruction of its own."""
        return any(message.role == "system" for message in self.messages)


def read_request(body: object, usual_tokens: int) -> ChatRequest:
    """Reads the body of a request.

    Args:
        body: The parsed JSON.
        usual_tokens: An answer's limit where the client names none.

    Raises:
        ApiError: It is not of the protocol's form, or wants what is not there.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "The body is not a JSON object.")
    for name in NOT_HERE:
        if body.get(name) and body[name] != {"type": "text"}:
            raise ApiError(400, f"The parameter {name} is not supported here.", name)
    if body.get("n") not in (None, 1):
        raise ApiError(400, "One answer is given at a time: n is 1.", "n")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise ApiError(400, "The model's name is missing; GET /v1/models lists them.", "model")
    options = body.get("stream_options")
    return ChatRequest(
        model,
        _messages(body.get("messages")),
        _sampling(body, usual_tokens),
        stream=body.get("stream") is True,
        stream_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )


def _messages(rows: object) -> tuple[Message, ...]:
    if not isinstance(rows, list) or not rows:
        raise ApiError(400, "The messages are missing.", "messages")
    messages = tuple(_message(row, f"messages[{place}]") for place, row in enumerate(rows))
    if messages[-1].role != "user" or not messages[-1].content.strip():
        raise ApiError(400, "The last message has to be the user's question.", "messages")
    return messages


def _message(row: object, where: str) -> Message:
    role = ROLES.get(str(row.get("role"))) if isinstance(row, dict) else None
    if role is None or not isinstance(row, dict):
        raise ApiError(400, f"{where} needs a role out of {', '.join(ROLES)}.", where)
    content = row.get("content")
    if isinstance(content, list):
        content = "\n".join(_part(part, where) for part in content)
    if not isinstance(content, str):
        raise ApiError(400, f"The content of {where} is no text.", where)
    return Message(role, content)


def _part(part: object, where: str) -> str:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    raise ApiError(400, f"{where} holds something else than text, which no arm can read.", where)


def _sampling(body: dict[str, Any], usual_tokens: int) -> Sampling:
    limit = "max_completion_tokens" if body.get("max_completion_tokens") else "max_tokens"
    stop = body.get("stop") or []
    choices = body.get("guided_choice") or []
    return Sampling(
        max_new_tokens=int(_number(body, limit, usual_tokens, 1, MOST_TOKENS, int)),
        temperature=float(_number(body, "temperature", 0.0, 0, 2)),
        top_p=float(_number(body, "top_p", 1.0, 0, 1)),
        seed=int(_number(body, "seed", 0, -(2**63), 2**63 - 1, int)),
        stop=_texts([stop] if isinstance(stop, str) else stop, "stop", MOST_STOPS),
        choices=_texts(choices, "guided_choice", 1000),
    )


def _number(
    body: dict[str, Any],
    name: str,
    usual: float,
    least: float,
    most: float,
    kind: type | tuple[type, ...] = (int, float),
) -> float:
    value = body.get(name)
    if value is None:
        return usual
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if not fits or not least <= value <= most:
        raise ApiError(400, f"{name} has to be a number from {least} to {most}.", name)
    return float(value)


def _texts(value: object, name: str, most: int) -> tuple[str, ...]:
    if isinstance(value, list) and len(value) <= most and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise ApiError(400, f"{name} has to be at most {most} texts.", name)


def extension(answer: Answer, note: str = "") -> dict[str, Any]:
    """What an answer carries besides its text: law 3 holds through the API, too."""
    row = to_dict(answer)
    kept = (
        "citations", "adapter", "weights", "index_version", "named_version", "retrieval_s", "total_s",
        "cost",
    )  # fmt: skip
    passages = [
        {
            "rank": passage.rank,
            "title": passage.document_title,
            "text": passage.chunk.text,
            "document": passage.chunk.document_id,
            "page": passage.chunk.page,
            "score": passage.score,
        }
        for passage in answer.passages
    ]
    notes = " ".join(text for text in (answer.note, note) if text)
    return {"passages": passages, **{name: row[name] for name in kept}, "note": notes}


def finish_reason(answer: Answer) -> str:
    """Why an answer ended, in the protocol's words."""
    return "length" if answer.finish == "length" else "stop"


def usage(answer: Answer) -> dict[str, int]:
    """The token counts of an answer."""
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def whole(identity: str, model: str, answer: Answer, note: str) -> dict[str, Any]:
    """A complete answer."""
    said = {"role": "assistant", "content": answer.text}
    if answer.thought:
        said["reasoning_content"] = answer.thought
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": finish_reason(answer)}
    return {
        "id": identity,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": usage(answer),
        "ragft": extension(answer, note),
    }


def piece(
    identity: str, model: str, delta: dict[str, Any] | None, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    """A piece of a streamed answer; without a delta it is the last one, with the counts."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": identity,
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "choices": choices,
        **more,
    }
