"""Adapters taken home and brought in: the same answers, and nothing that could be somebody's trick."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from ragft_core.errors import ModelError
from ragft_core.finetuning import (
    export_adapter,
    get_adapter,
    import_adapter,
    list_adapters,
    rename_adapter,
)
from ragft_core.models.factory import open_folder
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace, create_workspace
from tests.models.helpers import ask, make_adapter


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture
def made(tiny_model: Path, tmp_path: Path) -> dict[str, bytes]:
    """PEFT's files, as somebody else's script wrote them."""
    make_adapter(tiny_model, tmp_path / "peft", 7)
    files = {path.name: path.read_bytes() for path in (tmp_path / "peft").iterdir()}
    files.pop("card.json", None)
    return files


@pytest.fixture
def tiny(workspace: Workspace, tiny_model: Path) -> Workspace:
    workspace.update(model=ModelChoice("folder", str(tiny_model)))
    return workspace


def test_brought_in_taken_home_and_brought_in_again(
    tiny: Workspace, settings: Settings, tiny_model: Path, made: dict[str, bytes]
) -> None:
    nested = zipped({f"my-lora/{name}": data for name, data in made.items()})
    first = import_adapter(tiny, "From a colleague", nested, settings)
    assert (first.name, first.with_context, first.rank) == ("From a colleague", False, first.rank)
    other = create_workspace(settings, "Other")
    other.update(model=ModelChoice("folder", str(tiny_model)))
    second = import_adapter(other, "Again", export_adapter(tiny, first.id), settings)
    assert second.digest == first.digest
    found = {"one": first, "two": second}
    engine = open_folder(tiny_model, settings, found.__getitem__)
    one, two = (engine.submit(ask("how many days", name, n=12)).result(60).text for name in found)
    plain = engine.submit(ask("how many days", n=12)).result(60).text
    engine.close()
    assert one == two != plain


def test_what_is_taken_home_loads_with_peft(
    tiny: Workspace, settings: Settings, tiny_model: Path, made: dict[str, bytes], tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = import_adapter(tiny, "Home", zipped(made), settings)
    with zipfile.ZipFile(io.BytesIO(export_adapter(tiny, adapter.id))) as archive:
        archive.extractall(tmp_path / "home")
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    PeftModel.from_pretrained(base, tmp_path / "home")


def test_the_bundled_base_is_named_as_the_hub_knows_it(workspace: Workspace) -> None:
    with zipfile.ZipFile(io.BytesIO(export_adapter(workspace, "bundled:reader"))) as archive:
        config = json.loads(archive.read("adapter_config.json"))
    assert config["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no adapter_config"),
        ({"adapter_config.json": b"{}", "adapter_model.bin": b"\x80\x04."}, "never loaded"),
        ({"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"}, "not plain LoRA"),
    ],
)
def test_what_is_no_adapter_is_refused(
    tiny: Workspace, settings: Settings, files: dict[str, bytes], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        import_adapter(tiny, "bad", zipped(files), settings)
    assert [item for item in list_adapters(tiny) if not item.bundled] == []
    assert not any((tiny.path / "adapters").glob("*"))


def test_an_adapter_of_another_base_is_refused(
    workspace: Workspace, settings: Settings, made: dict[str, bytes], generator_folder: Path
) -> None:
    with pytest.raises(ModelError, match="does not fit"):
        import_adapter(workspace, "tiny", zipped(made), settings)
    card = json.dumps({"base": "another"}).encode()
    with pytest.raises(ModelError, match="belongs to the weights another"):
        import_adapter(workspace, "tiny", zipped({**made, "card.json": card}), settings)


@pytest.mark.parametrize("card", [b'{"seconds": "fast"}', b"[]", b"not JSON"])
def test_a_card_of_another_tool_is_left_out(
    tiny: Workspace, settings: Settings, made: dict[str, bytes], card: bytes
) -> None:
    adapter = import_adapter(tiny, "tiny", zipped({**made, "card.json": card}), settings)
    assert adapter in list_adapters(tiny)
    assert "seconds" not in adapter.card


def test_paths_in_the_zip_lead_nowhere(
    tiny: Workspace, settings: Settings, made: dict[str, bytes]
) -> None:
    files = {f"../../{name}": data for name, data in made.items()} | {"../evil.py": b"boom"}
    adapter = import_adapter(tiny, "paths", zipped(files), settings)
    names = {path.name for path in Path(adapter.path).iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "card.json"}
    assert not list(settings.home.rglob("evil.py"))


def test_a_name_and_notes_of_its_own(
    tiny: Workspace, settings: Settings, made: dict[str, bytes]
) -> None:
    adapter = import_adapter(tiny, "old", zipped(made), settings)
    rename_adapter(tiny, adapter.id, "  New   name ", "second try")
    found = get_adapter(tiny, adapter.id)
    assert (found.name, found.card["notes"], found.digest) == (
        "New name", "second try", adapter.digest,
    )  # fmt: skip
    with pytest.raises(ModelError):
        rename_adapter(tiny, "bundled:reader", "Mine")
