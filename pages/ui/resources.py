"""The only caches: models, index handles and what was worked out, shared by all sessions of the server."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Callable, Sequence
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from pages.ui import state
from ragft_core.approval import require_approval
from ragft_core.types import Example, ModelChoice
from ragft_core.workspace import Workspace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ragft_core.evaluation import EvaluationReport, Results
    from ragft_core.finetuning.examples import Finding
    from ragft_core.knowledge import Embedder, KnowledgeBase, TextEmbedder, Version
    from ragft_core.models import Generator, HubModel
    from ragft_core.strategies import Lab

T = TypeVar("T")

_spared = 0  # modules that were loaded when the collector was last relieved of them


def relieve_collector() -> None:
    """Leaves what libraries hold for good out of garbage collection.

    Streamlit collects garbage after every run of a script and of a fragment. With torch, lancedb and
    plotly loaded that takes half a second of a processor, every other second where a page watches a
    job. Done again when more libraries have come in.
    """
    global _spared  # one collector for the whole server
    if len(sys.modules) > _spared + 100:
        gc.collect()
        gc.freeze()
        _spared = len(sys.modules)


@st.cache_resource(show_spinner="Loading the embedding model")
def _embedder() -> Embedder:
    from ragft_core.strategies import open_embedder

    return open_embedder(state.settings())


def _retire(generator: Generator) -> None:
    """Frees a model that the cache gave up, once it has answered whoever still waits."""
    Thread(target=generator.close, kwargs={"wait": True}, daemon=True).start()


@st.cache_resource(max_entries=2, show_spinner="Loading the language model", on_release=_retire)
def _generator(choice: ModelChoice) -> Generator:
    """One base for all workspaces and sessions of the server."""
    from ragft_core.strategies import open_shared_generator

    return open_shared_generator(choice, state.settings())


@st.cache_data(max_entries=32, ttl=600, show_spinner="Asking the hub")
def hub_search(text: str) -> list[HubModel]:
    """Models on the hub whose names match."""
    from ragft_core.models import search_hub

    return search_hub(text)


@st.cache_resource(max_entries=2, show_spinner="Loading the embedding model")
def _index_embedder(choice: ModelChoice) -> TextEmbedder:
    from ragft_core.knowledge import open_embedder

    return open_embedder(choice, state.settings())


@st.cache_resource(max_entries=8, show_spinner=False)
def _knowledge(path: str, choice: ModelChoice | None) -> KnowledgeBase:
    from ragft_core.knowledge import KnowledgeBase

    return KnowledgeBase(_at(path), _index_embedder(choice) if choice else _embedder())


@st.cache_resource(max_entries=4, show_spinner=False)
def _version(path: str, version: Version) -> KnowledgeBase:
    from ragft_core.knowledge import open_version

    def opened(choice: ModelChoice | None) -> TextEmbedder:
        return _index_embedder(choice) if choice else _embedder()

    return open_version(_at(path), version, state.settings(), opened)


def embedder() -> Embedder:
    """The bundled embedding model."""
    return _embedder()


def knowledge(workspace: Workspace) -> KnowledgeBase:
    """The workspace's knowledge base, with the embedding model that it has chosen."""
    from ragft_core.knowledge import chosen_embedder

    return _knowledge(str(workspace.path), chosen_embedder(workspace))


def lab(workspace: Workspace) -> Lab:
    """The workspace with its generator and its knowledge base, ready to answer."""
    from ragft_core.strategies import Lab, WorkspaceGenerator

    def open_model(choice: ModelChoice) -> Generator:
        require_approval(workspace, choice)
        return WorkspaceGenerator(_generator(choice), workspace)

    def open_base(version: Version) -> KnowledgeBase:
        return _version(str(workspace.path), version)

    generator = open_model(workspace.settings().model)
    return Lab(workspace, generator, knowledge(workspace), open_model, open_base)


@st.cache_resource(max_entries=4, show_spinner="Loading the tokenizer")
def _tokenizer(path: str, choice: ModelChoice) -> PreTrainedTokenizerBase:
    from ragft_core.finetuning.training import load_tokenizer, present_folder

    return load_tokenizer(present_folder(choice, state.settings()))


def tokenizer(workspace: Workspace) -> PreTrainedTokenizerBase:
    """The tokenizer of the workspace's model, without the model."""
    choice = workspace.settings().model
    require_approval(workspace, choice)
    return _tokenizer(str(workspace.path), choice)


@st.cache_resource(max_entries=4, show_spinner="Working out the tables")
def _evaluation(path: str, evaluation_id: str, stamp: str) -> tuple[Results, EvaluationReport]:
    from ragft_core.evaluation import load_results, make_report

    results = load_results(_at(path), evaluation_id)
    return results, make_report(results)


def evaluation(workspace: Workspace, evaluation_id: str) -> tuple[Results, EvaluationReport]:
    """A run's scored answers and its report, worked out anew when its files have changed."""
    from ragft_core.evaluation import version_of

    stamp = version_of(workspace, evaluation_id)
    return _evaluation(str(workspace.path), evaluation_id, stamp)


@st.cache_resource(max_entries=16, show_spinner=False)
def _findings(path: str, stamp: str) -> tuple[Finding, ...]:
    from ragft_core.evaluation.equivalence import equivalent
    from ragft_core.finetuning import load_examples
    from ragft_core.finetuning.training import look_over

    workspace = _at(path)
    return look_over(workspace, load_examples(workspace), state.settings(), equivalent)


def findings(workspace: Workspace, examples: Sequence[Example]) -> tuple[Finding, ...]:
    """What is wrong with a workspace's examples, looked for once a change."""
    told = repr((examples, workspace.settings())).encode()
    return _findings(str(workspace.path), hashlib.sha256(told).hexdigest())


@st.cache_resource(max_entries=64, show_spinner=False)
def _worked_out(key: str, _work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work gives
    return _work()


def worked_out(work: Callable[..., T], *given: object, **named: object) -> T:
    """What a pure function makes of values, worked out anew when one of them has changed.

    Args:
        work: Depends on nothing but what it is given; its result is not to be changed.
        given: Values whose ``repr`` tells all that is in them.
        named: The same, by name.
    """
    told = repr((work.__module__, work.__qualname__, given, named)).encode()
    found: T = _worked_out(hashlib.sha256(told).hexdigest(), lambda: work(*given, **named))
    return found


def _at(path: str) -> Workspace:
    from pathlib import Path

    return Workspace(Path(path))
