"""The words of the product as values.

Frozen dataclasses without behaviour beyond small derived properties: identity is a string, where
a value is stored is somebody else's business. ``ragft_core.values`` turns them into JSON and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Strategy(StrEnum):
    """What the user picks in the end."""

    PROMPT = "prompt"
    LONG_CONTEXT = "long-context"
    RAG = "rag"
    FINE_TUNED = "fine-tuned"
    HYBRID = "hybrid"


class SearchMode(StrEnum):
    """How passages are found: by meaning, by words, or by both."""

    HYBRID = "hybrid"
    DENSE = "dense"
    TEXT = "text"


class QuestionKind(StrEnum):
    """What a test question probes: the four kinds of law 6, and labelling."""

    TRAINED_FACT = "trained-fact"
    DOCUMENT_FACT = "document-fact"
    UNANSWERABLE = "unanswerable"
    GENERAL = "general"
    LABEL = "label"


class Split(StrEnum):
    """Which part of the examples a row belongs to."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Document:
    """One file that was taken into the knowledge base.

    ``warnings`` are sentences about what its reader left out or guessed. ``encoding`` is the one that
    a person has chosen, empty where the file says it or it was guessed. ``folder`` is where it lay
    inside what was added, with ``/`` between, and empty where nobody knows; it is shown and compared,
    never opened. ``came_as`` is the name that its file had, where another document has that name.
    """

    id: str
    title: str
    file_name: str
    format: str
    sha256: str
    size_bytes: int
    n_pages: int | None
    n_characters: int
    n_chunks: int
    n_tokens: int
    added_at: str
    warnings: tuple[str, ...] = ()
    encoding: str = ""
    folder: str = ""
    came_as: str = ""


@dataclass(frozen=True)
class Chunk:
    """A stretch of a document's text; ``start`` and ``end`` are character offsets into it."""

    id: str
    document_id: str
    number: int
    text: str
    start: int
    end: int
    heading: str = ""
    page: int | None = None


@dataclass(frozen=True)
class Passage:
    """A retrieved chunk. ``score`` is comparable within one search only; higher is better."""

    chunk: Chunk
    document_title: str
    score: float
    rank: int
    found_by: str = ""
    similarity: float | None = None
    text_score: float | None = None


@dataclass(frozen=True)
class Example:
    """A question with its answer, for training or testing.

    ``fact`` names what is asked about: rows that share it are wordings of one fact, and are
    never split between training and validation. ``document_id`` is the file name or id of the
    document that holds the answer, empty where none does.
    """

    id: str
    question: str
    answer: str
    split: Split = Split.TRAIN
    kind: QuestionKind = QuestionKind.TRAINED_FACT
    document_id: str = ""
    fact: str = ""
    evidence: str = ""
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True)
class Sampling:
    """How an answer is decoded. ``temperature`` 0 is greedy; ``stop`` are texts that end it.

    Where the model runs on this machine: ``choices`` are the only texts that may be answered;
    ``forced`` is a text that is answered whatever the model would say, so that its probability is
    told (forced decoding); ``opening`` is one that the answer begins with, and goes on from; ``branch`` n
    begins with the token that is n places behind the likeliest.
    """

    max_new_tokens: int = 96
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    forced: str = ""
    opening: str = ""
    branch: int = 0


@dataclass(frozen=True)
class Request:
    """One thing to generate: messages, the adapter to use (its id, or none) and how to decode."""

    messages: tuple[Message, ...]
    adapter: str | None = None
    sampling: Sampling = Sampling()


@dataclass(frozen=True)
class Completion:
    """What a generator gave back. Times are seconds from submission; counts are tokens.

    ``finish`` is ``stop`` (the model ended it), ``length``, ``cancelled`` or ``error``.
    ``thought`` is what a thinking model said to itself before; ``text`` is without it.
    ``cost`` is in the currency of the endpoint's price list, 0 on this machine. ``memory_bytes`` is
    what it held besides the base model: keys and values, and its adapter; 0 where not known.
    ``confidence`` is the geometric mean of its tokens' probabilities, None where the model tells none.
    ``weighed`` lists the answers among which it was selected.
    """

    text: str
    prompt: str
    prompt_tokens: int
    completion_tokens: int
    first_token_s: float
    total_s: float
    finish: str
    cached_tokens: int = 0
    cost: float = 0.0
    memory_bytes: int = 0
    thought: str = ""
    confidence: float | None = None
    weighed: str = ""

    @property
    def tokens_per_s(self) -> float:
        """Decoding speed after the first token; 0 where it cannot be told."""
        decoding = self.total_s - self.first_token_s
        return (self.completion_tokens - 1) / decoding if decoding > 0 else 0.0


@dataclass(frozen=True)
class Citation:
    """A passage that supports the answer: 1-based rank and the share of words it covers."""

    rank: int
    support: float


@dataclass(frozen=True)
class Answer:
    """An arm's answer with its provenance (law 3).

    ``arm`` is its id; ``error`` is set where it failed. ``named_version`` is the one whose documents
    were read, empty where they were the workspace's own.
    """

    arm: str
    question: str
    text: str = ""
    passages: tuple[Passage, ...] = ()
    citations: tuple[Citation, ...] = ()
    prompt: str = ""
    model: str = ""
    weights: str = ""
    adapter: str | None = None
    index_version: int | None = None
    named_version: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retrieval_s: float = 0.0
    first_token_s: float = 0.0
    total_s: float = 0.0
    finish: str = "stop"
    cost: float = 0.0
    memory_bytes: int = 0
    note: str = ""
    error: str = ""
    thought: str = ""
    confidence: float | None = None
    weighed: str = ""


@dataclass(frozen=True)
class Calibration:
    """What turns the adaptive arm's scores into chances of being right: intercepts and slopes.

    ``n`` questions of the evaluation ``source`` decided them; 0 leaves the scores as they are.
    """

    passages: tuple[float, float] = (0.0, 1.0)
    memory: tuple[float, float] = (0.0, 1.0)
    n: int = 0
    source: str = ""


Thinking = Literal["", "on", "off"]


@dataclass(frozen=True)
class ModelChoice:
    """Which generator a workspace uses.

    ``kind`` is ``bundled``, ``folder``, ``hub`` or ``endpoint``; ``name`` the folder, the hub id
    or the endpoint's model name. An endpoint's key is read from the environment variable named
    ``key_variable``, never stored. Prices are per million tokens. ``revision`` is the commit of a model
    of the hub: what ``main`` means there may change, an answer's origin may not. ``context_tokens`` is what an endpoint said
    that fits, 0 where it did not. ``thinking`` is ``on`` or ``off`` for models that can think before they
    answer; empty is off on this machine, and at an endpoint as the server has it.
    """

    kind: str = "bundled"
    name: str = "SmolLM2-135M-Instruct"
    url: str = ""
    key_variable: str = ""
    price_in: float = 0.0
    price_out: float = 0.0
    revision: str = ""
    context_tokens: int = 0
    thinking: Thinking = ""


@dataclass(frozen=True)
class Adapter:
    """A trained LoRA adapter: where its weights lie and which base they belong to.

    ``digest`` is the SHA-256 of its weights, by which it is told from another; ``base`` the weights
    digest of the base model. ``with_context`` says that it was trained on
    prompts with retrieved passages, so that it belongs to the hybrid arm.
    """

    id: str
    name: str
    base: str
    path: str
    rank: int
    with_context: bool = False
    bundled: bool = False
    created_at: str = ""
    digest: str = ""
    card: dict[str, Any] = field(default_factory=dict)
