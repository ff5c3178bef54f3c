"""How a workspace finds passages: its embedding model, and ways of searching compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragft_core.commands.output import (
    Json,
    Name,
    Wait,
    finish,
    knowledge_of,
    name_damage,
    named_document,
    note,
    opened,
    show,
    table,
)
from ragft_core.errors import DocumentError, EvaluationError
from ragft_core.settings import Settings
from ragft_core.types import SearchMode
from ragft_core.values import to_dict

if TYPE_CHECKING:
    from ragft_core.strategies import Change


def embedder(
    w: Name,
    name: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="Folder, hub id, or 'bundled'; none shows it.")
    ] = "",
    tune: Annotated[
        bool, typer.Option("--tune", help="Tune it on the examples; tells whether that helps.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Use the one tuned last, where it finds better.")
    ] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Shows the embedding model, tunes it, or embeds all documents anew with another one."""
    from ragft_core.evaluation import retrieval
    from ragft_core.knowledge import SUGGESTED_EMBEDDERS, embedder_choice, start_embedding

    workspace = opened(w)
    if tune:
        finish(retrieval.start_tuning(workspace), wait, as_json)
    tuned = retrieval.last_tuning(workspace)
    if (tune or adopt) and tuned is not None:
        note(tuned.verdict)
    if adopt:
        if tuned is None:
            raise EvaluationError("No tuning has ended here yet.", "Run it: embedder W --tune.")
        finish(retrieval.adopt_tuned(workspace, tuned), wait, as_json)
    if tune or adopt:
        return
    if not name:
        now = workspace.settings().embedder
        rows = {"now": now.name if now else "bundled", "suggested": SUGGESTED_EMBEDDERS}
        show(rows, as_json, _embedders)
        return
    finish(start_embedding(workspace, embedder_choice(name)), wait, as_json)


def reread(
    w: Name,
    doc: Annotated[str, typer.Argument(metavar="DOC", help="Its id, file name or title.")],
    encoding: Annotated[
        str, typer.Option(help="In which encoding; 'guess' takes what the file says, or a guess.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Reads a text document again in another encoding; without one shows how it reads in each."""
    from ragft_core.knowledge import readings_of

    base = knowledge_of(opened(w))
    document = named_document(base, doc)
    if not encoding:
        found = [
            {"encoding": k, "line": v} for k, v in readings_of(base.workspace, document.id).items()
        ]
        columns = {"encoding": "encoding", "line": "how a line of it reads"}
        show(found, as_json, lambda rows: table(rows, columns, "It says its own encoding."))
        return
    again = base.reread(document.id, "" if encoding == "guess" else encoding)
    show(
        again, as_json, lambda row: f"{row['file_name']}: {' '.join(row['warnings'])}".rstrip(": ")
    )


def remove(
    w: Name,
    doc: Annotated[str, typer.Argument(metavar="DOC")],
    purge: Annotated[
        bool, typer.Option("--purge", help="Also write the index anew, without a trace of it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Removes a document, named by its id, its file name or its title."""
    from ragft_core.knowledge import held_in_words, purge_index, versions_holding

    base = knowledge_of(opened(w))
    document = named_document(base, doc)
    holding = versions_holding(base.workspace, document)
    base.remove(document.id)
    if purge:
        purge_index(base)
    told = to_dict(document) | {"purged": purge, "held_by": [one.name for one in holding]}
    show(
        told,
        as_json,
        lambda row: f"Removed {row['file_name']}. {held_in_words(holding)}".rstrip(),
    )


def versions(
    w: Name,
    name: Annotated[
        str, typer.Option("--name", help="Keep the present documents and index under this name.")
    ] = "",
    restore: Annotated[
        str, typer.Option("--restore", help="Make documents and index what they were then.")
    ] = "",
    delete: Annotated[str, typer.Option("--delete", help="Delete this version.")] = "",
    as_json: Json = False,
) -> None:
    """Lists the named versions of documents and index; names the present one, restores, deletes."""
    from ragft_core import knowledge, strategies

    workspace = opened(w)
    if delete:
        gone = knowledge.find_version(workspace, delete)
        knowledge.delete_version(workspace, gone)
        for arm in strategies.arms_on(workspace, gone):
            note(f"{arm.name} read it and cannot be asked any more: arms W --remove {arm.id}")
    if restore:
        version = knowledge.find_version(workspace, restore)
        restored = knowledge.restore_version(
            knowledge_of(workspace), version, lambda file, stage, _: note(f"{file}: {stage}")
        )
        show(restored, as_json, _restored)
        return
    if name:
        knowledge.name_version(knowledge_of(workspace), name, lambda _, text: note(text))
    name_damage(workspace, "versions/")
    columns = {"name": "name", "at": "of", "n_documents": "documents", "n_chunks": "chunks"}
    rows = knowledge.list_versions(workspace)
    show(rows, as_json, lambda found: table(found, columns, "No versions yet: --name NAME."))


def _restored(row: dict[str, Any]) -> str:
    came, went = (", ".join(row[key]) or "nothing" for key in ("came", "went"))
    before = row["before"]
    kept = f"\nThe state before is kept as {before['name']!r}." if before else ""
    return f"Restored {row['version']['name']!r}. Came back: {came}. Went: {went}.{kept}"


def _embedders(row: dict[str, Any]) -> str:
    columns = {"name": "suggested", "licence": "licence", "note": "reads"}
    return f"Now: {row['now']}\n\n" + table(row["suggested"], columns, "")


def retrieve(
    w: Name,
    compare: Annotated[
        bool, typer.Option("--compare", help="Try every way of searching on the examples.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="With --compare: use the best where it is better.")
    ] = False,
    mode: Annotated[SearchMode | None, typer.Option(help="Use this way of searching.")] = None,
    meaning: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of meaning against words; none follows language."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Shows, changes or compares how the workspace searches."""
    from ragft_core.evaluation import retrieval

    workspace = opened(w)
    if compare:
        base = knowledge_of(workspace)
        questions = retrieval.questions_with_source(workspace)
        note(f"Asking {len(questions)} questions.")
        in_use, k = retrieval.way_in_use(workspace), workspace.settings().top_k
        found = retrieval.ask_each_way(base, questions, in_use, k)
        retrieval.keep(workspace, found)
        if adopt and found.is_better:
            retrieval.adopt(workspace, found.best.way)
        show({**to_dict(found), "verdict": found.verdict}, as_json, _comparison)
        return
    if mode is not None or meaning is not None:
        chosen = retrieval.Way(mode or SearchMode.HYBRID, meaning)
        retrieval.adopt(workspace, chosen)
    way = retrieval.way_in_use(workspace)
    show({**to_dict(way), "words": way.words}, as_json, lambda row: f"Search: {row['words']}")


def _comparison(found: dict[str, Any]) -> str:
    from ragft_core.evaluation.retrieval import Way

    rows = [
        {
            "way": Way(SearchMode(row["way"]["mode"]), row["way"]["meaning"]).words,
            **{name: _cell(row[name]) for name in ("hit", "mrr", "ndcg")},
            "ms": f"{row['median_ms']:.0f}",
            "missed": len(row["missed"]),
        }
        for row in found["rows"]
    ]
    columns = {"way": "way", "hit": f"hit@{found['k']}", "mrr": "MRR@10", "ndcg": "nDCG@10"}
    columns |= {"ms": "ms", "missed": "missed"}
    return f"{table(rows, columns, '')}\n\n{found['n']} questions. {found['verdict']}"


def _cell(score: dict[str, float]) -> str:
    return f"{score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f})"


def change(
    w: Name,
    doc: Annotated[str, typer.Argument(metavar="[DOC]", help="Its file name, id or title.")] = "",
    ask: Annotated[
        str, typer.Option("--ask", help="What every arm is asked before and after.")
    ] = "",
    old: Annotated[str, typer.Option(help="Text that stands in the document.")] = "",
    new: Annotated[str | None, typer.Option(help="What shall stand there instead.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the whole document.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the newest change.")] = False,
    as_json: Json = False,
) -> None:
    """Changes a fact in a document and shows which arms follow; without a document, lists changes."""
    from ragft_core import strategies

    workspace = opened(w)
    made = strategies.list_changes(workspace)
    if undo:
        standing = next((one for one in made if not one.undone), None)
        if standing is None:
            raise DocumentError("No change is left to be undone.")
        undone = strategies.undo(knowledge_of(workspace), standing)
        show(_change_row(undone), as_json, _change)
        return
    if not doc:
        rows = list(map(_change_row, made))
        show(rows, as_json, lambda rows: "\n\n".join(map(_change, rows)) or "No changes yet.")
        return
    if not ask or (new is None) != delete:
        raise DocumentError(
            "Not everything is said that a change needs.",
            "Give --ask with a question, and either --old and --new or --delete.",
        )
    lab = strategies.open_lab(workspace, Settings())
    named = [d for d in lab.knowledge.documents() if doc in (d.id, d.file_name, d.title)]
    document = named[0] if named else lab.knowledge.document(doc)
    changed = strategies.change_and_ask(lab, document.id, ask, old, new)
    lab.close()
    show(_change_row(changed), as_json, _change)


def _change(row: dict[str, Any]) -> str:
    what = "deleted" if row["new"] is None else f"{row['old']!r} became {row['new']!r}"
    state = " (undone)" if row["undone"] else ""
    head = f"{row['at'][:16]} {row['document']}: {what}{state}\n{row['question']}"
    columns = {"arm": "arm", "before": "before", "after": "after", "now": "says now"}
    rows = [{**told, "now": told["error"] or told["now"]} for told in row["answers"]]
    return f"{head}\n{table(rows, columns, '')}"


def _change_row(change: Change) -> dict[str, Any]:
    told = [{**to_dict(one), "now": change.says_now(one)} for one in change.answers]
    return {**to_dict(change), "answers": told}
