"""A run as a table that can be taken elsewhere: one row per question and arm.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and answers
are written by a model: such texts get an apostrophe in front (OWASP, CSV Injection).
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np

from ragft_core.evaluation.reports.report import EvaluationReport
from ragft_core.evaluation.reports.results import Results, Slice
from ragft_core.evaluation.scoring.catalogue import SCORERS
from ragft_core.values import to_dict

FORMATS = {"csv": "text/csv", "json": "application/json", "parquet": "application/octet-stream"}
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def answer_rows(results: Results, part: Slice | None = None) -> list[dict[str, Any]]:
    """One row per question and arm with the answer, its provenance and every score.

    Scores that do not apply are None.
    """
    rows = []
    for place, question in enumerate(results.ranked):
        for arm in results.arms if part is None or part.mask[place] else ():
            stored = results.answer(arm, question.id)
            if stored is None:
                continue
            answer = stored.answer
            row: dict[str, Any] = {
                "question_id": question.id,
                "kind": question.kind.value,
                "document": results.titles.get(question.document_id, question.document_id),
                "question": question.text,
                "gold": " | ".join(question.golds),
                "arm": arm,
                "answer": answer.text,
                "error": answer.error,
                "model": answer.model,
                "weights": answer.weights,
                "adapter": answer.adapter or "",
                "index_version": answer.index_version,
                "named_version": answer.named_version,
                "retrieval_s": answer.retrieval_s,
                "passages": " | ".join(passage.chunk.id for passage in answer.passages),
            }
            for scorer in SCORERS:
                value = float(results.row(scorer.name, arm)[place])
                row[scorer.name] = None if np.isnan(value) else value
            rows.append(row)
    return rows


def export_answers(results: Results, form: str, part: Slice | None = None) -> bytes:
    """The rows as a file.

    Args:
        results: The run.
        form: One of ``FORMATS``.
        part: Only these questions; all of them when None.
    """
    rows = answer_rows(results, part)
    if form == "csv":
        return to_csv(rows)
    if form == "json":
        return json.dumps(rows, ensure_ascii=False, indent=1).encode()
    return _to_parquet(rows)


def export_report(report: EvaluationReport) -> bytes:
    """The whole report as JSON."""
    return json.dumps(to_dict(report), ensure_ascii=False, indent=1).encode()


def to_csv(rows: list[dict[str, Any]]) -> bytes:
    """CSV in UTF-8 with a mark, so that Excel reads it; texts cannot become formulas."""
    sink = io.StringIO()
    columns = list(rows[0]) if rows else ["question_id"]
    writer = csv.DictWriter(sink, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: _safe(value) for key, value in row.items()} for row in rows)
    return sink.getvalue().encode("utf-8-sig")


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_DANGEROUS) else value


def _to_parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()
