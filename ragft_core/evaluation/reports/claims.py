"""The founding article's seven criteria, each as a claim that a workspace can check.

"RAG Vs Fine-Tuning for Enhancing LLM Performance", GeeksforGeeks, 14 December 2023, in our own
words; what research says about each, with the grade of the source (P: primary text read, S: a
secondary text quotes it, D: our arithmetic from primary data); and what was measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ragft_core.evaluation.reports import claim_checks as checks
from ragft_core.evaluation.reports.claim_checks import Finding
from ragft_core.evaluation.reports.report import EvaluationReport
from ragft_core.evaluation.reports.results import Results


class Holding(StrEnum):
    """Whether a claim holds in this workspace."""

    HOLDS = "holds here"
    FAILS = "does not hold here"
    CLOSE = "too close to call here"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Source:
    """Where a sentence about the literature comes from; ``grade`` is P, S or D."""

    title: str
    where: str
    grade: str


@dataclass(frozen=True)
class Claim:
    """One criterion of the article: what it says of both, and what research says."""

    id: str
    criterion: str
    rag: str
    fine_tuning: str
    literature: str
    sources: tuple[Source, ...]
    check: Callable[[Results, EvaluationReport], Finding]


@dataclass(frozen=True)
class ClaimCheck:
    """A claim with what this workspace measured."""

    claim: Claim
    holding: Holding
    measured: str


OVADIA = Source("Ovadia et al., EMNLP 2024", "arXiv 2312.05934", "P")
SOUDANI = Source("Soudani et al., SIGIR-AP 2024", "arXiv 2403.01432", "P")
GEKHMAN = Source("Gekhman et al., EMNLP 2024", "arXiv 2405.05904", "P")
YANG = Source("Yang, GEM 2026", "arXiv 2601.07054", "P")
QI = Source("Qi et al., 2023", "arXiv 2310.03693", "P")
OPENAI = Source("OpenAI, supervised fine-tuning guide", "developers.openai.com", "P")
MICROSOFT = Source("Microsoft, RAG and fine-tuning guide", "github.com/MicrosoftDocs", "P")
FLOPS = Source("Our arithmetic: training and per-query FLOPs", "6ND against 2N per token", "D")
LEWIS = Source("Lewis et al., 2020 (against BART only)", "arXiv 2005.11401", "S")
BIDERMAN = Source("Biderman et al., TMLR 2024", "arXiv 2405.09673", "S")
MALLEN = Source("Mallen et al., 2023 (PopQA)", "arXiv 2212.10511", "S")
ALGHISI = Source("Alghisi et al., INLG 2024", "arXiv 2406.06399", "P")
SPECIALISTS = Source("Security-document classification, 2026", "arXiv 2605.20368", "S")
END2END = Source("Siriwardhana et al., TACL 2023", "doi 10.1162/tacl_a_00530", "S")

CLAIMS = (
    Claim(
        "task", "Nature of the task",
        "Suits understanding in context with outside knowledge, such as question answering.",
        "Suits adapting to the patterns of a domain, such as classification.",
        "Retrieval beats fine-tuning clearly on facts the model has not seen (.875 against .504 on "
        "current events), and small specialists win tasks with a fixed set of labels by 15 to 20 "
        "points. But supervised fine-tuning had the highest accuracy on multi-hop questions.",
        (OVADIA, SPECIALISTS, YANG), checks.nature_of_task,
    ),
    Claim(
        "data", "Availability of data",
        "Always needs a knowledge base, and is weak where that says little.",
        "Works with limited task data.",
        "First gains are seen from 50 to 100 examples; ten are the least that hosts accept. "
        "Retrieval can hurt where the model knows the answer and the passages do not.",
        (OPENAI, MICROSOFT, MALLEN), checks.data_availability,
    ),
    Claim(
        "compute", "Computational intensity",
        "Heavy, above all while retrieving; real-time use suffers.",
        "Lighter; suits strict latency.",
        "True for each answer, false up front: retrieved passages cost at every question, training "
        "once. With 500 examples and 2,000 retrieved tokens both have cost the same after about "
        "675 questions.",
        (FLOPS, MICROSOFT), checks.computational_intensity,
    ),
    Claim(
        "diversity", "Diversity of the output",
        "Diverse and relevant outputs through retrieval.",
        "Confined to its domain.",
        "The one source compares RAG with BART: more specific, diverse and factual. LoRA keeps "
        "more of the base model's diversity than full fine-tuning does.",
        (LEWIS, BIDERMAN), checks.output_diversity,
    ),
    Claim(
        "source", "Source of knowledge",
        "Depends wholly on outside sources, with their bias and errors.",
        "Said not to be biased, but limited to what training encoded.",
        "That fine-tuning cannot be biased is false: ten examples undo a model's safety. That it "
        "is limited to what training encoded is right, and teaching it unknown facts makes it "
        "hallucinate (-8 points of accuracy at the extreme).",
        (QI, GEKHMAN, OVADIA), checks.knowledge_source,
    ),
    Claim(
        "use", "Use cases",
        "Support chatbots and assistants.",
        "Documents of one field, sentiment in one industry.",
        "No technique is best for all kinds of dialogue; frameworks agree that question answering "
        "over documents starts with retrieval, and fixed labels with fine-tuning.",
        (ALGHISI, MICROSOFT), checks.use_case,
    ),
    Claim(
        "training", "Complexity of training",
        "Training generator and retriever together is complex.",
        "Simpler, with ready models and data sets.",
        "True of the research line that trains both; today's RAG freezes embedder and language "
        "model and trains nothing. For models up to 3 B parameters, tuning on top can help.",
        (END2END, SOUDANI), checks.training_complexity,
    ),
)  # fmt: skip


def check_claims(results: Results, report: EvaluationReport) -> list[ClaimCheck]:
    """Checks every claim against one evaluation."""
    found = []
    for claim in CLAIMS:
        finding = claim.check(results, report)
        found.append(ClaimCheck(claim, _holding(finding), finding.text))
    return found


def _holding(finding: Finding) -> Holding:
    if not finding.measured:
        return Holding.NOT_MEASURED
    if finding.holds is None:
        return Holding.CLOSE
    return Holding.HOLDS if finding.holds else Holding.FAILS
