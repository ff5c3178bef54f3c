"""What limits the result of a run, in sentences that stand beside the verdict."""

from __future__ import annotations

import statistics
from dataclasses import replace

from ragft_core.evaluation.reports.classifier import ClassifierReport, classifier_note
from ragft_core.evaluation.reports.results import Results, ScoreTable
from ragft_core.evaluation.reports.reviewing import review_cases
from ragft_core.evaluation.reports.verdicts import capital
from ragft_core.finetuning import list_adapters
from ragft_core.types import QuestionKind

# From this share of answers on that ended at the limit, the report says so first.
CUT_SHORT = 0.05
# From docs/equivalence.md; said wherever a share rests on the score.
KNOWN_ERROR = (
    "“Right answers” is worked out by rules and, for long answers, by meaning. Against people's "
    "labels of 2,400 public answers it finds 84 % of the right ones, and 91 % of what it calls "
    "right is."
)


def notes(
    results: Results, robust: ScoreTable, classifier: ClassifierReport | None = None
) -> list[str]:
    """What limits the result, most important first."""
    found = [results.questions.caveat] if results.questions.caveat else []
    version = results.plan.version
    if version is not None:
        found.append(
            f"Asked on the named version “{version.name}” of {version.at[:10]}, not on the documents "
            "that are there now."
        )
    found += [
        f"{capital(results.plan.names[arm])} was asked on the named version “{name}”, whatever the "
        "other arms read."
        for arm, name in results.plan.on_versions.items()
    ]
    found += _failures(results)
    if classifier is not None:
        found.append(classifier_note(classifier, results.plan.names))
    cases = review_cases(results)
    near = sum(case.settled is None and case.group.startswith("near") for case in cases)
    if set(results.questions.kinds) - {QuestionKind.LABEL, QuestionKind.UNANSWERABLE}:
        found.append(KNOWN_ERROR)
    if near:
        found.append(
            f"{near} answers stand near the threshold between right and wrong: check them by hand "
            "under Review."
        )
    found[:0] = filter(None, [cut_short(results), _looked(results)])
    left = len(results.ranked) - robust.n
    if left:
        found.append(
            f"Questions of general knowledge ({left}) stay out of the ranking: they show forgetting, "
            "and arms that read are told to decline what the documents do not say."
        )
    names = {q.document_id for q in results.ranked if q.document_id}
    if robust.unit == "question" and len(names) > 1:
        found.append(
            f"The questions are about {len(names)} documents, too few to resample: a winner must "
            "also lead across them, by a t test of the documents."
        )
    if len(robust.differences) > 1:
        found.append(
            f"{len(robust.differences)} pairs were compared; p values are Holm-corrected for it."
        )
    found += _seeds(results, robust)
    same = same_passages(results)
    if same is not None and same < 1:
        found.append(
            f"Arms that retrieve were given the same passages on {100 * same:.0f} % of the questions only."
        )
    return found


def _seeds(results: Results, robust: ScoreTable) -> list[str]:
    """How far arms lie apart whose adapters differ by the seed of their training alone."""
    configs = {a.id: a.card.get("config") for a in list_adapters(results.workspace)}
    groups: dict[str, list[str]] = {}
    for record in results.records:
        config = configs.get(record.adapter or "")
        mean = robust.summaries.get(record.arm)
        if isinstance(config, dict) and mean is not None and mean.mean is not None:
            same = {key: value for key, value in config.items() if key not in ("name", "seed")}
            arm = results.plan.arm(record.arm)
            how = replace(arm.settings, adapter=None)
            groups.setdefault(repr((arm.base or arm.id, how, sorted(same.items()))), []).append(
                record.arm
            )
    told = []
    for arms in groups.values():
        used = {record.adapter for record in results.records if record.arm in arms}
        if len(used) > 1:
            means = [m for arm in arms if (m := robust.summaries[arm].mean) is not None]
            names = [results.plan.names[arm] for arm in arms]
            told.append(
                f"{capital(', '.join(names))} differ by the seed of their training alone: "
                f"{100 * min(means):.0f} to {100 * max(means):.0f} % right, standard deviation "
                f"{100 * statistics.stdev(means):.0f} points. A lead no larger than that may be chance."
            )
    return told


def _looked(results: Results) -> str:
    """What looking at a run on its way does to what it shows; empty where nobody looked."""
    if not results.plan.stop_early:
        return ""
    text = (
        "This run was looked at on its way; p values and intervals are widened so that they hold "
        "over all planned looks (Pocock 1977)."
    )
    if results.looks.ended:
        text += (
            " A lead that ends a run early is overstated on average: trust the interval more than "
            "the mean."
        )
    return text


def _failures(results: Results) -> list[str]:
    """What arms did not answer."""
    found = []
    for record in results.records:
        name = capital(results.plan.names[record.arm])
        if record.failed and not record.ranked:
            found.append(
                f"{name} is not ranked: it failed on {record.failed} of {record.asked} questions "
                f"({record.error})."
            )
        elif record.failed:
            found.append(
                f"{name} failed on {record.failed} of {record.asked} questions; they are left out "
                "of its means and of its pairs."
            )
        if record.missing:
            found.append(f"{name} has not answered {record.missing} of {record.asked} questions.")
    return found


def cut_short(results: Results) -> str:
    """Says of arms that more than 5 % of their answers ended at the limit; empty for none."""
    told = []
    for arm in results.arms:
        rows = [results.answer(arm, question.id) for question in results.ranked]
        ends = [row.answer.finish for row in rows if row and not row.answer.error]
        share = ends.count("length") / len(ends) if ends else 0.0
        if share > CUT_SHORT:
            told.append(f"{100 * share:.0f} % of the answers of {results.plan.names[arm]}")
    if not told:
        return ""
    return (
        f"Cut at the limit of tokens: {', '.join(told)}. What is right may stand behind the cut; "
        "raise the longest answer in the workspace's settings."
    )


def same_passages(results: Results) -> float | None:
    """The share of questions on which all retrieving arms read the same; None unless two ran.

    Arms that were made to search otherwise are left out.
    """
    alike = [
        entrant.name
        for entrant in results.plan.entrants
        if entrant.arm.retrieves and not entrant.arm.base
    ]
    same = []
    for question in results.ranked:
        rows = [results.answer(arm, question.id) for arm in alike]
        read = [
            tuple(p.chunk.id for p in row.answer.passages)
            for row in rows
            if row and not row.answer.error
        ]
        if len(read) > 1:
            same.append(len(set(read)) == 1)
    return sum(same) / len(same) if same else None
