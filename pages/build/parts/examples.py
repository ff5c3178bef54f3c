"""How examples are drawn: the import with its preview, the table, the text that is trained."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.build.parts.documents import lines
from pages.ui import components, resources, state
from pages.ui.errors import plain, show_errors
from ragft_core.errors import TrainingDataError
from ragft_core.finetuning import (
    ImportReport,
    assign_splits,
    guess_mapping,
    import_examples,
    load_examples,
    preview_import,
    read_table,
    rendered_example,
)
from ragft_core.finetuning.examples import (
    FEWEST,
    FORMATS,
    OPTIONAL,
    REQUIRED,
    Table,
    by_fact,
    changing_examples,
    divide,
    example_id,
    label_counts,
)
from ragft_core.knowledge import documents
from ragft_core.models import with_labels
from ragft_core.strategies import training_passages
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.workspace import Workspace

TEMPLATE = (
    "question,answer,split,fact\n"
    '"How long is the warranty on a kiln?","three years",train,kiln warranty\n'
    '"For how many years is a kiln covered?","three years",train,kiln warranty\n'
)
FIELD_HELP = {
    "question": "What is asked.",
    "answer": "What the model should say, word for word.",
    "split": "train, validation or test. Without it, a fifth of 100 rows or more is held out for "
    "testing, and all of fewer rows are trained on.",
    "kind": "What the question probes. Guessed when left out.",
    "fact": "A name that wordings of the same fact share.",
    "document_id": "File name of the document that holds the answer.",
    "evidence": "The sentence that holds the answer.",
    "alternatives": "Other right answers, separated by |.",
}
FACTS_HELP = (
    "Rows with one answer and alike questions are taken as wordings of one fact. Where that is "
    "wrong, part or join them in the view Facts."
)
NONE = "(none)"
EDITOR = "examples.editor"  # the key of the table that was drawn last
EDITED = ("question", "answer", "split", "kind", "fact", "document_id", "evidence")


def counts(examples: Sequence[Example]) -> None:
    """How many examples there are, and what a run will make of them."""
    by_split = Counter(example.split for example in examples)
    untrained: tuple[str, ...] = ()
    try:
        division = divide(examples)
        train, watched = len(division.train), len(division.validation)
        note = "new wordings of trained facts" if division.rewordings else "rows held out"
        untrained = division.untrained
    except TrainingDataError:
        train, watched, note = by_split[Split.TRAIN], by_split[Split.VALIDATION], "none yet"
    row = st.grid(
        4, min_column_width=140
    )  # four in a row; two on a phone, where columns would stack
    row.metric("Trained on", train, border=True)
    row.metric("Watched while training", watched, border=True, help=f"Validation: {note}.")
    row.metric("Kept for testing", by_split[Split.TEST], border=True)
    balance = label_counts(examples)
    if balance:
        shown = ", ".join(f"{plain(label)} {n}" for label, n in list(balance.items())[:12])
        row.metric("Labels", len(balance), border=True, help=shown)
        st.caption(f"Rows a label: {shown}{' and others' if len(balance) > 12 else ''}.")
    else:
        row.metric("Facts", len(by_fact(examples)), border=True, help=FACTS_HELP)
    if untrained:
        st.warning(
            f"No trained row has the label {plain(', '.join(untrained))}: the model cannot learn "
            "it. Move a row of it to the training split, or add one."
        )


def import_section(workspace: Workspace) -> None:
    """From a file to examples: columns, preview, what is left out, and the button."""
    turn = state.get("examples.import.turn", 0)
    upload = st.file_uploader(
        "A table with questions and answers",
        type=list(FORMATS),
        key=f"examples.file.{turn}",
        help="CSV, TSV, Excel, JSON, or JSON lines; chat rows with messages are understood too.",
    )
    if upload is None:
        st.caption("One row per example, with a column for the question and one for the answer.")
        st.download_button("A small example table", TEMPLATE, "examples.csv", "text/csv")
        return
    with show_errors():
        table = read_table(upload.name, upload.getvalue())
        mapping = _mapping(table, turn)
        report = preview_import(table, mapping, load_examples(workspace))
        _preview(report)
        label = f"Add {len(report.examples)} examples"
        if st.button(label, type="primary", disabled=not report.examples, key="examples.add"):
            added = import_examples(workspace, table, mapping)
            state.put("examples.import.turn", turn + 1)
            state.put("examples.added", True)
            state.notify(f"{len(added.examples)} examples were added.")
            st.rerun()


def _mapping(table: Table, turn: int) -> dict[str, str]:
    """Lets people say which column is which; what the names tell is chosen already."""
    guessed = guess_mapping(table)
    mapping: dict[str, str] = {}
    columns = st.columns(2)
    for place, field in zip(columns, REQUIRED, strict=True):
        with place:
            mapping[field] = _column(field, table, guessed, turn)
    with st.expander("More columns", icon=":material/view_column:"):
        for place, field in zip(st.columns(3) * 2, OPTIONAL, strict=True):
            with place:
                mapping[field] = _column(field, table, guessed, turn)
    return {field: column for field, column in mapping.items() if column != NONE}


def _column(field: str, table: Table, guessed: dict[str, str], turn: int) -> str:
    options = [NONE, *table.columns]
    return st.selectbox(
        field.replace("_id", "").capitalize(),
        options,
        index=options.index(guessed.get(field, NONE)),
        key=f"examples.column.{field}.{turn}.{table.name}",
        help=FIELD_HELP[field],
    )


def _preview(report: ImportReport) -> None:
    st.markdown(f"**{report.summary}**")
    for warning in report.warnings:
        st.caption(f":orange[:material/warning:] {plain(warning)}")
    if report.examples:
        st.dataframe(
            [
                {"Question": e.question, "Answer": e.answer, "Split": e.split, "Kind": e.kind}
                for e in report.examples[:50]
            ],
            width="stretch",
            height=min(240, 38 + 35 * len(report.examples)),
            alt="The first rows as they would be added",
        )
    if report.rejected:
        st.markdown(f":orange[:material/warning:] **Left out ({len(report.rejected)})**")
        st.dataframe(
            [{"Row": b.row, "Why": f"It {b.reason}.", "Text": b.text} for b in report.rejected],
            hide_index=True,
            width="stretch",
            alt="Rows that cannot be used, with the reason",
        )


def edit_section(workspace: Workspace, examples: list[Example]) -> None:
    """The examples as a table to edit, with rows to add and to delete."""
    import pandas as pd

    last = state.get(EDITOR)
    changed = bool(last) and any(state.get(last, {}).values())  # and not saved yet
    with st.container(horizontal=True):
        wanted = st.text_input(
            "Find", key="examples.find", placeholder="A word of the question", disabled=changed
        )
        split = st.segmented_control(
            "Split", [s.value for s in Split], key="examples.split", selection_mode="single",
            disabled=changed,
        )  # fmt: skip
    shown = [
        e
        for e in examples
        if (not split or e.split == split)
        and wanted.lower() in f"{e.question} {e.answer} {e.fact}".lower()
    ]
    # The id is a hidden column, not the index: with an index of its own no row could be added.
    names = ["id", *EDITED]
    key = editor_key(workspace, shown)
    state.put(EDITOR, key)
    if changed and key != last:
        st.error(
            "Make them once more.",
            title="The examples were changed elsewhere, and your changes to the table were not saved.",
        )
    frame = pd.DataFrame([{n: str(getattr(e, n)) for n in names} for e in shown], columns=names)
    edited = st.data_editor(
        frame,
        num_rows="dynamic",
        hide_index=True,
        width="stretch",
        height=440,
        key=key,
        column_config=_columns(),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        save = st.button("Save changes", type="primary", icon=":material/save:")
        if save and not (changed and key != last):
            with show_errors():
                with changing_examples(workspace) as kept:
                    kept[:] = _merged(kept, shown, edited)
                state.drop(EDITOR)
                state.notify(f"{len(kept)} examples are saved.")
                st.rerun()
        if changed:
            st.caption("Save your changes before you look for other rows.")
        else:
            _split_again(workspace)
        st.caption(f"{len(shown)} of {len(examples)} shown. New rows go at the end of the table.")


def _columns() -> dict[str, Any]:
    text = st.column_config.TextColumn
    return {
        "id": None,
        "question": text("Question", width="large"),
        "answer": text("Answer", width="medium"),
        "split": st.column_config.SelectboxColumn("Split", options=[s.value for s in Split]),
        "kind": st.column_config.SelectboxColumn("Kind", options=[k.value for k in QuestionKind]),
        "fact": text("Fact", help=FIELD_HELP["fact"]),
        "document_id": text("Document", help=FIELD_HELP["document_id"]),
        "evidence": text("Evidence", help=FIELD_HELP["evidence"]),
    }


def editor_key(workspace: Workspace, shown: Sequence[Example]) -> str:
    """Changes with the rows, so that edits of other rows are not applied to these."""
    digest = hashlib.sha256(repr(shown).encode()).hexdigest()[:12]
    return f"examples.editor.{workspace.id}.{digest}"


def _merged(examples: list[Example], shown: list[Example], edited: Any) -> list[Example]:
    """The examples with the table's changes.

    Raises:
        TrainingDataError: A row lacks its question or its answer.
    """
    from ragft_core.evaluation.equivalence import equivalent  # heavy, and needed by few

    before = {e.id: e for e in shown}
    rows: dict[str, Example] = {}
    for number, row in enumerate(edited.to_dict("records"), start=1):
        values = {name: _cell(row[name]) for name in EDITED}
        if not any(values.values()):
            continue
        if not values["question"] or not values["answer"]:
            missing = "answer" if values["question"] else "question"
            raise TrainingDataError(f"Row {number} of the table has no {missing}.", "Fill it in.")
        old = before.get(_cell(row["id"]))
        example = old or Example(example_id(values["question"], values["answer"]), "", "")
        rows[example.id] = dataclasses.replace(
            example,
            **values
            | {
                "split": Split(values["split"] or Split.TRAIN),
                "kind": QuestionKind(values["kind"] or QuestionKind.TRAINED_FACT),
                # Other forms of an answer that is corrected are none of the new one.
                "alternatives": tuple(
                    form for form in example.alternatives
                    if values["answer"] == example.answer or equivalent(form, values["answer"])
                ),
            },
        )  # fmt: skip
    kept = [rows.get(e.id, e) for e in examples if e.id not in before or e.id in rows]
    known = {e.id for e in kept}
    return [*kept, *(e for e in rows.values() if e.id not in known)]


def _cell(value: Any) -> str:
    """An empty cell is None or NaN, depending on how it came to be empty."""
    return value.strip() if isinstance(value, str) else ""


def _split_again(workspace: Workspace) -> None:
    with st.popover("Split again", icon=":material/call_split:"):
        st.caption(
            "Holds a fifth of the rows out for testing. Half of them are new wordings of trained "
            "facts: they show what was learned. The others are facts that are not trained at all: "
            "no adapter can know them, only documents can. The splits you have now are replaced."
        )
        if st.button("Replace the splits", key="examples.resplit"):
            with changing_examples(workspace) as examples:
                examples[:] = assign_splits(examples, fewest=FEWEST)
            state.notify("The examples are split again.")
            st.rerun()


def rendered_section(workspace: Workspace, examples: list[Example]) -> None:
    """The exact text that one example is trained as."""
    by_id = {e.id: e for e in examples if e.split is not Split.TEST}
    if not by_id:
        st.caption("Every example is kept for testing; none is trained.")
        return
    chosen = st.selectbox(
        "Example",
        list(by_id),
        format_func=components.distinct({key: row.question for key, row in by_id.items()}),
        key="examples.rendered",
    )
    has_documents = bool(documents(workspace))
    with_passages = st.toggle(
        "With retrieved passages, as for the hybrid arm",
        key="examples.passages",
        disabled=not has_documents,
        help=None if has_documents else "There are no documents to retrieve from.",
    )
    example = by_id[chosen]
    with show_errors():
        passages: list[tuple[str, str]] = []
        if with_passages:
            found = training_passages(workspace, resources.knowledge(workspace))(example)
            passages = found[: workspace.settings().top_k]
        settings = workspace.settings()
        instruction = with_labels(settings.instruction, settings.labels, settings.label_pattern)
        tokenizer = resources.tokenizer(workspace)
        rendered = rendered_example(tokenizer, example, instruction, passages)
        read, learned = rendered.prompt_tokens, rendered.answer_tokens
        with st.container(border=True):
            st.caption(f"Read, not trained: {read} tokens")
            st.markdown(lines(rendered.prompt))
            st.caption(f"Trained: {learned} tokens")
            st.markdown(f":green-background[{plain(rendered.answer)}]")
        st.caption("The loss is taken from the marked tokens alone, the end token among them.")
