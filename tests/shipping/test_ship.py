"""Shipped folders run without the lab, and answer what it answered."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from gguf import GGUFReader

from ragft_core.errors import ModelError, SettingsError
from ragft_core.finetuning import save_examples
from ragft_core.knowledge import KnowledgeBase
from ragft_core.samples import open_finished
from ragft_core.settings import Settings
from ragft_core.shipping import ship
from ragft_core.strategies import Lab, add_arm, open_lab
from ragft_core.types import Example, QuestionKind, SearchMode, Split
from tests.serving.conftest import serving

QUESTIONS = (
    "How long is the warranty of the kiln?",
    "How many days does delivery to the island take?",
    "What is E-4031 about?",
    "Which city is red?",
)


@pytest.fixture(autouse=True)
def _questions(request: pytest.FixtureRequest) -> None:
    if "full" in request.fixturenames:
        rows = [
            Example(f"q{n}", text, "24 months", Split.TEST, QuestionKind.DOCUMENT_FACT)
            for n, text in enumerate(QUESTIONS)
        ]
        save_examples(request.getfixturevalue("full"), rows)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a shipped script as its new owner would: in its folder, where the lab cannot be found."""
    hidden = {"PYTHONPATH", "RAGFT_HOME", "RAGFT_MODELS"}
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=env | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def shipped(lab: Lab, arm: str, folder: Path) -> Path:
    done = ship(lab, arm, folder, Settings())
    assert done.n_questions == len(QUESTIONS)
    assert [path.name for path in folder.parent.glob(".*.partial")] == []
    found = run(folder, "-c", "import ragft_core")
    assert "No module named 'ragft_core'" in found.stderr
    return folder


@pytest.mark.parametrize("arm", ["rag", "fine-tuned", "hybrid"])
def test_an_arm_answers_the_same_without_the_lab(lab: Lab, arm: str, tmp_path: Path) -> None:
    folder = shipped(lab, arm, tmp_path / "elsewhere" / arm)
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    assert len({row["answer"] for row in rows}) > 1 or arm == "rag"  # the bare model is random
    done = run(folder, "smoke_test.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUESTIONS)} of {len(QUESTIONS)} answers" in done.stdout
    # The smoke test can fail.
    rows[0]["answer"] += " or so"
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    if arm == "fine-tuned":
        done = run(folder, "smoke_test.py")
        assert done.returncode == 1
        assert "DIFFER" in done.stdout
    assert (folder / "adapter").is_dir() == (arm != "rag")
    assert (folder / "index").is_dir() == (arm != "fine-tuned")
    assert "no evaluation of this arm" in (folder / "README.md").read_text()


def test_a_merged_model_and_a_gguf_file_go_along(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    ship(lab, "fine-tuned", folder, Settings(), form="gguf")
    assert not (folder / "adapter").exists()
    assert "peft" not in (folder / "requirements.txt").read_text()
    done = run(folder, "smoke_test.py")  # no adapter is there: the merged model answers
    assert "answers are the lab's" in done.stdout, done.stderr
    same = int(done.stdout.splitlines()[-1].split()[0])
    assert same >= len(QUESTIONS) - 1, done.stdout  # rounded to 16 bits, a near tie may fall over
    modelfile = (folder / "Modelfile").read_text()
    assert modelfile.startswith("FROM ./model.gguf\n")
    assert "PARAMETER num_predict 12\n" in modelfile
    assert lab.workspace.settings().instruction in modelfile
    reader = GGUFReader(folder / "model.gguf")
    assert reader.fields["general.architecture"].contents() == "llama"
    assert "merged in, 16-bit" in (folder / "README.md").read_text()
    with pytest.raises(SettingsError, match="no adapter"):
        ship(lab, "rag", tmp_path / "a", Settings(), form="merged")
    with pytest.raises(SettingsError, match="no form"):
        ship(lab, "rag", tmp_path / "a", Settings(), form="onnx")


# The hybrid arm has all that the others have; those two run by hand.
@pytest.mark.slow
@pytest.mark.parametrize(
    "arm",
    ["hybrid", *(pytest.param(arm, marks=pytest.mark.long) for arm in ("rag", "fine-tuned"))],
)
def test_the_samples_arms_answer_ten_questions_the_same_elsewhere(
    arm: str, settings: Settings, tmp_path: Path
) -> None:
    """The finished sample, with the bundled model and the adapters that were trained on it."""
    lab = open_lab(open_finished(settings, "knowledge"), settings)
    done = ship(lab, arm, tmp_path / arm, settings)
    lab.close()
    assert done.n_questions == 10
    tried = run(tmp_path / arm, "smoke_test.py")
    assert "10 of 10 answers" in tried.stdout, tried.stdout + tried.stderr
    told = (tmp_path / arm / "README.md").read_text(encoding="utf-8")
    assert ("what is shipped gives the first" in told) == (arm != "fine-tuned")


@pytest.mark.parametrize("mode", list(SearchMode))
def test_passages_are_found_as_in_the_lab(lab: Lab, mode: SearchMode, tmp_path: Path) -> None:
    extra = {
        "codes.md": "# Codes\n\nE 4031 means that the kiln door is open.",
        "more.md": "# More\n\nThe door of the kiln opens after the WHO has left.",
        "days.md": "# Days\n\nOn how many days is the shop closed? On nine.",
    }
    for name, text in extra.items():
        (tmp_path / name).write_text(text)
    lab.knowledge.add_files([(name, tmp_path / name) for name in extra])
    arm = add_arm(lab.workspace, "rag", f"RAG {mode}", search_mode=mode.value, passages=4)
    folder = shipped(lab, arm.id, tmp_path / "elsewhere")
    asked = [*QUESTIONS, "WHO left?", "Was ist die Garantie des Ofens?", "77-0032"]
    script = "import json, retrieve; print(json.dumps([[p['text'] for p in retrieve.find(q, 4)] "
    done = run(folder, "-c", f"{script}for q in {asked!r}]))")
    found = json.loads(done.stdout.splitlines()[-1])
    wanted = [[p.chunk.text for p in lab.knowledge.search(q, mode, 4)] for q in asked]
    assert found == wanted
    assert any(wanted)


def test_an_arm_of_an_endpoint_goes_on_asking_it(lab: Lab, tmp_path: Path) -> None:
    from ragft_core.models import open_generator
    from ragft_core.types import ModelChoice

    with serving(lab) as url:
        choice = ModelChoice("endpoint", lab.generator.name, url)
        lab.workspace.update(model=choice)
        remote = open_generator(choice, Settings(), lambda name: None)
        asking = Lab(lab.workspace, remote, KnowledgeBase(lab.workspace, lab.knowledge.embedder))
        folder = shipped(asking, "rag", tmp_path / "elsewhere")
        remote.close()
        done = run(folder, "smoke_test.py")
        assert done.returncode == 0, done.stdout + done.stderr
    assert not (folder / "model").exists()
    assert url in (folder / "README.md").read_text()


def test_what_cannot_be_shipped_is_said_and_nothing_is_written(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="whole documents"):
        ship(lab, "long-context", tmp_path / "a", Settings())
    with pytest.raises(ModelError, match="no examples"):
        ship(lab, "few-shot-rag", tmp_path / "a", Settings())
    with pytest.raises(SettingsError, match="no arm"):
        ship(lab, "oracle", tmp_path / "a", Settings())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(SettingsError, match="not empty"):
        ship(lab, "rag", tmp_path / "mine", Settings())
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def without_card(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            if name != "card.json":
                target.writestr(name, source.read(name))
    return out.getvalue()
