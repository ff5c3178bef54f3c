"""Which names a workspace is served under, and how each starts an answer."""

from __future__ import annotations

from typing import Any

from ragft_core.errors import RagftError
from ragft_core.finetuning import list_adapters
from ragft_core.serving.protocol import ApiError, ChatRequest
from ragft_core.strategies import Lab, PendingAnswer
from ragft_core.strategies.prepare import Prepared
from ragft_core.types import Adapter, Answer, Request

INSTRUCTED = (
    "The system message was left out: this arm asks with the instruction it was measured with."
)


def served_models(lab: Lab) -> list[dict[str, Any]]:
    """The names, as ``GET /v1/models`` lists them: arms that can run, the base, its adapters."""
    arms = [
        {
            "id": state.arm.id,
            "owned_by": "ragft-arm",
            "ragft": {
                "name": state.arm.name,
                "strategy": state.arm.strategy.value,
                "says": state.arm.says,
                "adapter": state.adapter,
            },
        }
        for state in lab.arms()
        if state.ready
    ]
    base = lab.generator.name
    plain = [{"id": base, "owned_by": "ragft-model", "root": base, "parent": None}]
    tuned = [
        {"id": adapter.id, "owned_by": "ragft-adapter", "root": adapter.id, "parent": base}
        for adapter in _adapters(lab)
    ]
    taken = {row["id"] for row in arms}
    rows = arms + [row for row in plain + tuned if row["id"] not in taken]
    # vLLM's name for it; clients of that kind cut their prompts by it.
    fits = {"max_model_len": lab.generator.context_tokens}
    return [{"object": "model", "created": 0, **fits, **row} for row in rows]


def _adapters(lab: Lab) -> list[Adapter]:
    """The workspace's adapters that its model can use."""
    if not lab.generator.supports_adapters:
        return []
    fitting = list_adapters(lab.workspace)
    return [adapter for adapter in fitting if adapter.base == lab.generator.weights]


class Asker:
    """Starts answers. An arm asks as it does everywhere; a plain model sees the messages as sent."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def start(self, wanted: ChatRequest) -> tuple[PendingAnswer, str]:
        """Starts the answer, and says what the client has to know about it.

        Raises:
            ApiError: There is no such model, or the request cannot be served.
        """
        names = {row["id"]: row["owned_by"] for row in served_models(self.lab)}
        owner = names.get(wanted.model)
        if owner is None:
            raise ApiError(
                404,
                f"There is no model {wanted.model[:80]!r} here, or it cannot run yet. "
                f"There are: {', '.join(names)}.",
                "model",
                "model_not_found",
            )
        if owner != "ragft-arm":
            return self._plain(wanted, None if owner == "ragft-model" else wanted.model), ""
        (pending,) = self.lab.ask(
            wanted.question,
            [wanted.model],
            {wanted.model: wanted.history},
            sampling=wanted.sampling,
        )
        return pending, INSTRUCTED if wanted.instructed else ""

    def _plain(self, wanted: ChatRequest, adapter: str | None) -> PendingAnswer:
        generator = self.lab.generator
        request = Request(wanted.messages, adapter, wanted.sampling)
        try:
            generation = generator.submit(request)
        except RagftError as error:
            raise ApiError(400, str(error), "messages") from None
        base = Answer(
            wanted.model,
            wanted.question,
            model=generator.name,
            weights=generator.weights,
            adapter=adapter,
        )
        return PendingAnswer(base, Prepared(request), generation)
