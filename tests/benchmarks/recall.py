"""How much of what is trained can be asked for: facts in a wording that was not trained.

    python -m tests.benchmarks.recall [--data tests/benchmarks/tramway] [--arms fine-tuned hybrid]
                                      [--preset quick] [--seed 0] [--set learning_rate=5e-4]

The set holds facts, each in two wordings to train on and a third to ask, questions that its
documents do not answer, and the documents. The run is the product's own, in the background; the
arms are asked by the product's lab. Told are right answers, facts wrongly declined, unanswerable
questions declined, and general knowledge (40 questions, without documents) before and after; and
how long the product said that the run would take beside how long it took (on a quiet machine).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ragft_core.evaluation.equivalence import equivalent
from ragft_core.evaluation.text import is_abstention
from ragft_core.finetuning import (
    estimate_run,
    load_examples,
    preset_config,
    save_examples,
    start_run,
    with_passages,
)
from ragft_core.finetuning.config import with_settings
from ragft_core.knowledge import texts_of
from ragft_core.overlap import normalise
from ragft_core.settings import Settings
from ragft_core.strategies import open_lab, training_passages
from ragft_core.strategies.lab import Lab
from ragft_core.types import Example
from ragft_core.workspace import create_workspace

HERE = Path(__file__).parent
GENERAL = HERE / "general_knowledge.jsonl"


def read(path: Path) -> list[dict]:
    """The rows of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ask(lab: Lab, arm: str, questions: Sequence[str]) -> list[str]:
    """The arm's answers, all questions in one batch."""
    pending = [lab.ask(question, [arm])[0] for question in questions]
    return [one.answer().text for one in pending]


def measure(lab: Lab, arm: str, rows: Sequence[dict]) -> str:
    """One line of the table; the answers that are wrong follow it."""
    facts = [row for row in rows if row["answer"]]
    told = ask(lab, arm, [row["asked"] for row in facts])
    open_ended = ask(lab, arm, [row["asked"] for row in rows if not row["answer"]])
    general = read(GENERAL)
    known = ask(lab, arm, [row["question"] for row in general])
    right = [
        not is_abstention(text) and equivalent(text, row["answer"], row["asked"])
        for text, row in zip(told, facts, strict=True)
    ]
    kept = [
        any(normalise(answer) in normalise(text) for answer in row["answers"])
        for text, row in zip(known, general, strict=True)
    ]
    line = (
        f"{arm:11} {sum(right)} of {len(facts)} right, "
        f"{sum(map(is_abstention, told))} wrongly declined, "
        f"{sum(map(is_abstention, open_ended))} of {len(open_ended)} rightly declined, "
        f"general knowledge {sum(kept)} of {len(general)}"
    )
    wrong = [
        f"    {row['asked']} {text!r} for {row['answer']!r}"
        for text, row, good in zip(told, facts, right, strict=True)
        if not good
    ]
    return "\n".join([line, *wrong])


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, asks and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--data", type=Path, default=HERE / "tramway")
    parser.add_argument("--arms", nargs="+", default=["fine-tuned", "hybrid"])
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="changes", action="append", default=[])
    options = parser.parse_args(argv)
    rows = read(options.data / "questions.jsonl")
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        workspace = create_workspace(settings, "Recall", Path(folder) / "recall")
        save_examples(
            workspace,
            [
                Example(f"{n}-{k}", question, row["answer"], document_id=row["document"])
                for n, row in enumerate(rows)
                for k, question in enumerate(row["trained"])
            ],
        )
        lab = open_lab(workspace, settings)
        lab.knowledge.add_files([(path.name, path) for path in sorted(options.data.glob("*.md"))])
        for arm in ("prompt", "rag"):
            print(measure(lab, arm, rows), flush=True)
        config = with_settings(
            preset_config(options.preset), [f"seed={options.seed}", *options.changes]
        )
        for arm in options.arms:
            hybrid = arm == "hybrid"
            passages = training_passages(workspace, lab.knowledge) if hybrid else None
            wanted = with_passages(config) if hybrid else config
            time.sleep(1)  # the engine's threads spin for a moment after their last answer
            estimate = estimate_run(workspace, wanted, load_examples(workspace), settings)
            began = time.monotonic()
            job = start_run(workspace, wanted, passages, texts_of(workspace))
            status = job.wait(3600)
            seconds = time.monotonic() - began
            card = next(iter(workspace.path.glob(f"adapters/{job.id}/card.json")), None)
            if card is None:
                raise SystemExit(f"{status}\n{job.log_tail()}")
            told = json.loads(card.read_text(encoding="utf-8"))
            print(
                f"{arm}, {options.preset}, seed {options.seed}: {seconds:.0f} s in all, "
                f"{told['steps']} + {told['refit_steps']} steps, {told['counts']}, validation loss "
                f"{told['first_val_loss']:.2f} to {told['val_loss']:.2f} {told['warning']}\n"
                f"told before: {estimate.seconds:.0f} s ({estimate.seconds / seconds:.2f} of it; "
                f"{estimate.basis}, busy {estimate.busy:.2f})"
            )
            print(measure(lab, arm, rows), flush=True)
        lab.close()


if __name__ == "__main__":
    main()
