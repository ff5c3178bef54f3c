"""The parser child: ``python -m ragft_core.documents.worker``, one request a line.

A request is ``{"path": ..., "name": ..., "encoding": ...}``; the answer, one line as well, is the parsed document
or what is wrong with the file. The process gives itself limits first, so that a hostile file can
cost a bounded amount of memory and time, and an audit hook takes away what no parser needs:
sockets, other programs and writing. The hook stops accidents and ordinary exploits of a parser's
features (a remote picture, an external entity); it is no prison for native code.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ragft_core.documents.limits import PARSER_CPU_S
from ragft_core.documents.ocr import memory_bytes

_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork")


def limit_process() -> None:
    """Caps the address space and denies network, programs and writing, from here on."""
    if sys.platform != "win32":
        import resource

        _limit(resource.RLIMIT_AS, memory_bytes(), memory_bytes(), "memory")
        _limit(resource.RLIMIT_CORE, 0, 0, "core dumps")
    sys.addaudithook(_audit)


def _limit(kind: int, soft: int, hard: int, what: str) -> None:
    """Sets a limit where the system takes it: macOS refuses one of the address space.

    Without it a file is still read; the parent's clock ends what takes too long.
    """
    import resource

    try:
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"This system sets no limit of {what} for the parser: {error}.\n")


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"a parser may not use {event}")
    if event == "open":
        path, _, flags = args
        # An integer is a descriptor that is open already: the pipe of the answers.
        if not isinstance(path, int) and flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(f"a parser may not write {path!r}")


def allow_cpu_time(seconds: int) -> None:
    """Lets the process use this much more CPU time; beyond it, the system ends the process."""
    if sys.platform != "win32":
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime) + seconds + 1
        _limit(resource.RLIMIT_CPU, soft, resource.RLIM_INFINITY, "computing time")


def answer(request: dict[str, str]) -> dict[str, Any]:
    """Parses one file; what is wrong with it comes back as data."""
    from ragft_core.documents.parse import read_document
    from ragft_core.errors import DocumentError
    from ragft_core.values import to_dict

    name, path = request["name"], Path(request["path"])
    try:
        return {"document": to_dict(read_document(path, name, request["encoding"]))}
    except DocumentError as error:
        return {"message": error.message, "remedy": error.remedy}
    except RecursionError:
        return {"message": f"{name} is nested too deeply to be read.", "remedy": "Simplify it."}
    except MemoryError:
        return {
            "message": f"{name} needs more than {memory_bytes() // 2**20} MB of memory to be read.",
            "remedy": "Split it into parts.",
        }


def main() -> None:
    """Answers requests from standard input until it ends."""
    limit_process()
    # Parsers may print; only answers belong on the pipe.
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr
    for line in sys.stdin:
        allow_cpu_time(PARSER_CPU_S)
        pipe.write(json.dumps(answer(json.loads(line))) + "\n")
        pipe.flush()


if __name__ == "__main__":
    main()
