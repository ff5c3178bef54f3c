"""The shared password: kept as Argon2id makes of it, and asked slowly."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.errors import SettingsError
from ragft_core.files import write_text
from ragft_core.settings import Settings

FILE = "password"
# Where the file lies elsewhere, for instance among a container's secrets.
FILE_VARIABLE = "RAGFT_PASSWORD_FILE"
SHORTEST = 12
# RFC 9106, its second recommendation: 64 MiB, three passes; here one lane.
PASSES, MEMORY_KIB, LANES = 3, 64 * 1024, 1
MOST_WAIT_S = 5.0

_one_by_one = threading.Lock()
_wrong_in_a_row = 0


def set_password(password: str) -> None:
    """Keeps another shared password; whoever signed in with the old one is out at the next click.

    Raises:
        SettingsError: It is too short.
        NotAllowedError: The person who acts does not manage people.
    """
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    rights.require(Right.MANAGE)
    if len(password) < SHORTEST:
        raise SettingsError(
            f"The password has {len(password)} characters.",
            f"Take {SHORTEST} or more: everybody who knows it may do everything.",
        )
    made = Argon2id(
        salt=os.urandom(16), length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB
    )
    file = password_file()
    write_text(file, made.derive_phc_encoded(password.encode()) + "\n")
    file.chmod(0o600)
    rights.note("password changed")


def is_password(text: str) -> bool:
    """Whether a text is the shared password.

    One is tried at a time in the whole server, and after a wrong one the next waits: half a second
    the first time, five in the end.
    """
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    global _wrong_in_a_row
    with _one_by_one:
        try:
            Argon2id.verify_phc_encoded(text.encode(), _kept())
        except (InvalidKey, ValueError):
            _wrong_in_a_row += 1
            time.sleep(min(MOST_WAIT_S, 0.5 * _wrong_in_a_row))
            return False
        _wrong_in_a_row = 0
        return True


def password_stamp() -> str:
    """What changes with the password; empty where none was set."""
    kept = _kept()
    return hashlib.sha256(kept.encode()).hexdigest() if kept else ""


def password_file() -> Path:
    """Where the password's Argon2id is kept."""
    named = os.environ.get(FILE_VARIABLE, "")
    return Path(named).expanduser() if named else Settings().home / FILE


def _kept() -> str:
    try:
        return password_file().read_text(encoding="utf-8").strip()
    except OSError:
        return ""
