"""What is installed with the product may be used by everybody: no GPL, no AGPL."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
# The LGPL lets a program use a library as it is; the other two reach over to the program.
REFUSED = re.compile(
    r"(?<!lesser )(?<!l)(?:\bA?GPL|affero|(?<!lesser )general public license)", re.IGNORECASE
)


def closure() -> dict[str, str]:
    """Every distribution that requirements.txt brings, with what it says of its licence."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    found: dict[str, str] = {}
    while wanted:
        requirement = wanted.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        marker = requirement.marker
        if name in found or (marker and not marker.evaluate({"extra": ""})):
            continue
        try:
            meta = distribution(name).metadata
        except PackageNotFoundError:
            continue  # for another platform
        said = [meta.get("License-Expression") or "", meta.get("License") or ""]
        said += [c for c in meta.get_all("Classifier") or () if c.startswith("License")]
        found[name] = " | ".join(text.split("\n")[0][:200] for text in said if text)
        wanted += [Requirement(text) for text in distribution(name).requires or ()]
    return found


def test_no_licence_reaches_over_to_the_product() -> None:
    found = closure()
    assert len(found) > 50
    assert {name: said for name, said in found.items() if REFUSED.search(said)} == {}


def test_what_is_refused_would_be_seen() -> None:
    for said in ("AGPL-3.0-only", "GPLv3", "GNU General Public License v3", "GNU Affero"):
        assert REFUSED.search(said), said
    for said in ("LGPL-2.1", "GNU Lesser General Public License", "MIT", "Apache-2.0"):
        assert not REFUSED.search(said), said


def test_the_lock_agrees_with_the_requirements() -> None:
    """Each requirement is pinned to a version that it allows, and every pin has its hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    entries = re.split(r"\n(?=[a-z0-9])", body.strip())
    pins = {}
    for entry in entries:
        name, _, version = entry.split()[0].partition("==")
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), name
        pins.setdefault(name, []).append(version)
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.strip() and not line.startswith("#"):
            wanted = Requirement(line)
            assert any(wanted.specifier.contains(version) for version in pins[wanted.name]), line
