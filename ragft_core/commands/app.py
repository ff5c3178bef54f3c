"""The application that the commands register with, and the order in which help lists them."""

from __future__ import annotations

import typer

from ragft_core.commands import (
    build,
    compare,
    decide,
    deliver,
    evaluations,
    examples,
    operate,
    questionnaire,
    retrieval,
    training,
)

app = typer.Typer(
    help="The strategy lab: prompt, RAG, fine-tuning or both, measured on your own documents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    build.init,
    build.workspaces,
    operate.accounts,
    operate.share,
    build.status,
    build.doctor,
    build.model,
    build.add,
    build.documents,
    retrieval.reread,
    retrieval.remove,
    retrieval.versions,
    build.rebuild,
    build.search,
    retrieval.retrieve,
    retrieval.embedder,
    retrieval.change,
    examples.examples,
    training.classify,
    training.train,
    training.sweep,
    training.runs,
    training.adapters,
    training.stop,
    training.resume,
    compare.arms,
    compare.ask,
    compare.evaluate,
    evaluations.evaluations,
    evaluations.adaptive,
    questionnaire.answers,
    questionnaire.people,
    decide.advise,
    decide.costs,
    decide.steps,
    decide.report,
    decide.portfolio,
    deliver.serve,
    deliver.ship,
    deliver.export,
    operate.move_index,
    operate.backup,
    operate.restore,
):
    app.command()(command)
