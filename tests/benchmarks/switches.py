"""The same answers and the same verdict on the sample with each switch as on the laptop.

    python -m tests.benchmarks.switches [QUESTIONS [WAY ...]]

Ways are ``store`` (index and originals in an S3 store, moto, by RAGFT_INDEX_URI and RAGFT_STORE), ``ray``
(a cluster of two nodes, by RAGFT_RAY) and ``served`` (the bundled model behind transformers serve, which
has no reading adapter and does not select: it is held against the laptop without both); without any, all
are held against the laptop's default. Each way has a home of its own, takes the sample's documents in by
a job, and asks so many questions (20) of the arms prompt and RAG. One thread everywhere: sums in
another order would be other numbers.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from ragft_core.evaluation import list_plans, load_report, load_results
from ragft_core.finetuning import save_examples
from ragft_core.jobs import JobState
from ragft_core.knowledge import ingest_state, start_ingest
from ragft_core.models.weights.bundled import EMBEDDER, GENERATOR, fetch
from ragft_core.samples.load import read_sample, sample_documents, sample_examples
from ragft_core.settings import Settings
from ragft_core.workspace import create_workspace
from tests.benchmarks.served import told, transformers_server
from tests.cluster import ray_cluster
from tests.storage.conftest import empty, serve

ARMS = ("prompt", "rag")


@dataclass(frozen=True)
class Found:
    """What a way gave: answers by question and arm, the documents' chunks, and the verdict."""

    answers: dict[tuple[str, str], str]
    passages: dict[tuple[str, str], tuple[str, ...]]
    chunks: int
    verdict: str


@contextmanager
def way(name: str) -> Iterator[dict[str, str]]:
    """The variables of a switch, with its engine at work."""
    if name == "ray":
        with ray_cluster() as cluster:
            yield cluster.variables
    elif name == "store":
        server = serve()
        empty(server)
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        place = {"AWS_ENDPOINT_URL": server.address, "AWS_REGION": "us-east-1"}
        switches = {"RAGFT_INDEX_URI": "s3://lab/index", "RAGFT_STORE": "s3://lab/store"}
        try:
            yield keys | place | switches
        finally:
            server.stop()
    else:
        yield {}


def measured(name: str, n: int, *, reader: bool = True) -> Found:
    """What a way gives; ``reader`` says whether RAG has its reading adapter, and selects."""
    began = time.monotonic()
    models = {"RAGFT_MODELS": str(Settings().models), "HF_HUB_OFFLINE": "1", "RAGFT_THREADS": "1"}
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, models), way(name) as switch:
        with patch.dict(os.environ, switch | {"RAGFT_HOME": home}), ExitStack() as stack:
            sample = read_sample("knowledge")
            workspace = create_workspace(Settings(), "demo")
            workspace.update(
                sample=sample.name,
                instruction=sample.instruction,
                max_new_tokens=sample.max_new_tokens,
                reader=sample.reader and reader,
                select=reader,
            )
            if name == "served":
                model = str(fetch(GENERATOR, Settings().models))
                address = stack.enter_context(transformers_server(home))
                told("model", "demo", "--kind", "endpoint", "--name", model, "--url", address)
            save_examples(workspace, sample_examples(sample))
            job = start_ingest(workspace, [(path.name, path) for path in sample_documents(sample)])
            assert job.wait().state is JobState.SUCCEEDED, job.log_tail()
            arms = [word for arm in ARMS for word in ("--arm", arm)]
            told("evaluate", "demo", "--limit", str(n), "--wait", *arms)
            (plan,) = list_plans(workspace)
            rows = load_results(workspace, plan.id).answers.values()
            found = Found(
                {(row.question_id, row.arm): row.answer.text for row in rows},
                {
                    (row.question_id, row.arm): tuple(p.chunk.text for p in row.answer.passages)
                    for row in rows
                },
                ingest_state(job).n_chunks,
                str(load_report(workspace, plan.id).verdict),
            )
    seconds = time.monotonic() - began
    print(f"{name}: {found.chunks} chunks, {len(found.answers)} answers in {seconds:.0f} s")
    print(f"  {found.verdict}", flush=True)
    return found


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for model in (EMBEDDER, GENERATOR):
        fetch(model, Settings().models)
    laptop: dict[bool, Found] = {}
    for name in sys.argv[2:] or ("store", "ray", "served"):
        reader = name != "served"
        if reader not in laptop:
            laptop[reader] = measured("laptop", n, reader=reader)
        here, there = laptop[reader], measured(name, n, reader=reader)
        assert there.answers.keys() == here.answers.keys()
        answers = sum(there.answers[key] == text for key, text in here.answers.items())
        passages = sum(there.passages[key] == ids for key, ids in here.passages.items())
        print(
            f"{name}: {answers} of {len(here.answers)} answers are the laptop's letter for letter, "
            f"{passages} passages; the verdict is {'the same' * (there.verdict == here.verdict)}"
            f"{'another' * (there.verdict != here.verdict)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
