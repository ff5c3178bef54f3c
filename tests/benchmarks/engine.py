"""How fast the engine is against transformers one after the other, in one run on one machine.

    python -m tests.benchmarks.engine [--tokens 64] [--rounds 3] [--threads 0] [--only arms,single]

Contenders take turns, round by round, so that a busy machine slows all of them; what counts are
the ratios. Both sides produce exactly the asked number of tokens: ends of answers are ignored.
Adapters are random LoRAs of rank 16 on all linear layers: speed does not depend on the values.
Where llama-cpp-python is installed and RAGFT_GGUF names the same weights as GGUF, it takes part.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ragft_core.models.engine.engine import LocalGenerator
from ragft_core.models.engine.kv_cache import PrefixCache
from ragft_core.models.factory import open_folder
from ragft_core.models.prompts import render_messages
from ragft_core.models.weights import bundled
from ragft_core.settings import Settings
from ragft_core.types import Adapter, Request, Sampling
from tests.benchmarks.peers import llama_cpp_peer, transformers_peer
from tests.models.helpers import finder, make_adapter

FACT = "Section {n}: the {thing} of depot {n} is checked every {n} days and costs {n}0 euros. "
THINGS = ("boiler", "crane", "gate", "lift", "pump", "scale", "truck", "valve")


def passage(tokens: int, start: int = 0) -> tuple[str, str]:
    """A passage of about so many tokens."""
    rows = [FACT.format(n=start + i, thing=THINGS[i % 8]) for i in range(tokens // 23)]
    return "Depots", "".join(rows)


def request(n: int, tokens: int, adapter: str | None = None, reading: int = 0) -> Request:
    """Question number ``n``, with about ``reading`` tokens of passages."""
    passages = [passage(reading // 3, 40 * (n % 7) + 9 * i) for i in range(3)] if reading else []
    question = f"How often is the {THINGS[n % 8]} of depot {n} checked, and what does it cost?"
    messages = render_messages(question, passages=passages)
    return Request(messages, adapter, Sampling(max_new_tokens=tokens))


class Bench:
    """The engine and plain transformers on the same weights and adapters."""

    def __init__(self, arguments: argparse.Namespace, home: Path) -> None:
        self.tokens, self.rounds = arguments.tokens, arguments.rounds
        settings = Settings(threads=arguments.threads)
        self.folder = bundled.fetch(bundled.GENERATOR, settings.models)
        self.adapters: dict[str, Adapter] = {
            name: make_adapter(self.folder, home / name, seed, rank=16, std=0.01)
            for seed, name in enumerate(("reader", "tuned", "third"))
        }
        self.engine: LocalGenerator = open_folder(self.folder, settings, finder(self.adapters))
        self.engine._ends = frozenset()
        self.peer = transformers_peer(self.folder, self.adapters, arguments.threads)
        self.llama = llama_cpp_peer(arguments.threads)
        self.results: dict[str, object] = {}

    def plain(self, asked: Request) -> float:
        """Seconds of one plain ``generate`` call."""
        return self.peer(asked, "fp32")

    def ours(self, asked: list[Request], priority: int = 0) -> tuple[float, list[float]]:
        """Seconds for all requests at once, with nothing cached before, and first-token times."""
        self.engine._prefixes = PrefixCache(400_000_000)
        began = time.perf_counter()
        running = [self.engine.submit(one, priority=priority) for one in asked]
        firsts = [generation.result().first_token_s for generation in running]
        return time.perf_counter() - began, firsts

    def close(self) -> None:
        """Ends the engine and its peers."""
        self.engine.close()
        self.peer.close()
        if self.llama:
            self.llama.close()

    def note(self, name: str, **values: object) -> None:
        """Prints a result and keeps it."""
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in values.items()}
        self.results[name] = rounded
        print(f"{name:28s}", "  ".join(f"{k} {v}" for k, v in rounded.items()), flush=True)

    def turns(self, *contenders: Callable[[], float]) -> list[float]:
        """The median seconds of each contender, taken in turns after a warm-up."""
        times: list[list[float]] = [[] for _ in contenders]
        for _ in range(self.rounds):
            for kept, contender in zip(times, contenders, strict=True):
                kept.append(contender())
        return [statistics.median(kept) for kept in times]

    def single(self) -> None:
        """One answer alone: a short prompt, and one that reads."""
        for name, reading in (("single short", 0), ("single reading", 600)):
            one = request(1, self.tokens, reading=reading)
            few = request(1, 1, reading=reading)
            contenders = [lambda q=one: self.plain(q), lambda q=one: self.ours([q])[0]]
            prefill = [lambda q=few: self.plain(q), lambda q=few: self.ours([q])[0]]
            plain, ours, plain_first, ours_first = self.turns(*contenders, *prefill)
            speed = [
                (self.tokens - 1) / (plain - plain_first),
                (self.tokens - 1) / (ours - ours_first),
            ]
            if self.llama:
                prompt = self.engine.render(one.messages)
                llama, first = self.turns(
                    lambda p=prompt: self.llama(p, self.tokens), lambda p=prompt: self.llama(p, 1)
                )
                tokens_s = (self.tokens - 1) / (llama - first)
                self.note(f"llama.cpp, {name}", its_s=llama, first_s=first, tokens_s=tokens_s)
            self.note(
                name,
                plain_s=plain,
                ours_s=ours,
                ratio=ours / plain,
                plain_first_s=plain_first,
                ours_first_s=ours_first,
                plain_tokens_s=speed[0],
                ours_tokens_s=speed[1],
                decoding_times=speed[1] / speed[0],
            )

    def arms(self) -> None:
        """Four arms on one question, two of them with passages, each with its own adapter."""
        four = [
            request(1, self.tokens),
            request(1, self.tokens, "reader", 600),
            request(1, self.tokens, "tuned"),
            request(1, self.tokens, "third", 600),
        ]
        contenders = [lambda: sum(self.plain(q) for q in four), lambda: self.ours(four)[0]]
        if llama := self.llama:
            contenders.append(
                lambda: sum(llama(self.engine.render(q.messages), self.tokens) for q in four)
            )
        plain, ours, *other = self.turns(*contenders)
        self.note("four arms", plain_s=plain, ours_s=ours, ratio=ours / plain)
        if other:
            self.note("llama.cpp, in turn", its_s=other[0], ratio=ours / other[0])

    def evaluation(self) -> None:
        """Questions over passages: plain one at a time, ours one at a time, ours all at once."""
        for tokens in sorted({min(self.tokens, 24), self.tokens}):
            self.evaluation_of(tokens)

    def evaluation_of(self, tokens: int) -> None:
        """Sixteen questions, answered in so many tokens."""
        asked = [request(n, tokens, "reader", 300) for n in range(16)]
        plain, alone, together = self.turns(
            lambda: sum(self.plain(q) for q in asked[:4]) * 4,
            lambda: sum(self.ours([q], 1)[0] for q in asked),
            lambda: self.ours(asked, 1)[0],
        )
        self.note(
            f"evaluation, {tokens} tokens",
            plain_s=plain,
            ours_alone_s=alone,
            ours_together_s=together,
            times_plain=plain / together,
            times_alone=alone / together,
        )

    def people(self) -> None:
        """Eight people at once: waiting times, and the same answers as alone.

        With passages, the last of eight waits for eight prompts to be read, whoever reads them.
        """
        self.eight("eight people", 0)
        self.eight("eight people reading", 200)

    def eight(self, name: str, reading: int) -> None:
        """Eight people at once, each with about ``reading`` tokens of passages of their own."""
        asked = [request(n, self.tokens, [None, "reader"][n % 2], reading) for n in range(8)]
        self.ours(asked[:1])
        idle = statistics.median(self.ours([q])[1][0] for q in asked)
        alone = [self.engine.submit(q).result().text for q in asked]
        self.engine._prefixes = PrefixCache(400_000_000)
        done: dict[int, object] = {}

        def ask(n: int) -> None:
            done[n] = self.engine.submit(asked[n]).result()

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        firsts = sorted(done[n].first_token_s for n in range(8))
        same = sum(done[n].text == alone[n] for n in range(8))
        self.note(
            name,
            idle_first_s=idle,
            p95_first_s=firsts[-1],
            times=firsts[-1] / idle,
            all_done_s=time.perf_counter() - began,
            same_answers=f"{same} of 8",
        )

    def growth(self) -> None:
        """Seconds by number of rows and by length of the prompt."""
        rows = {
            n: self.turns(lambda n=n: self.ours([request(i, 16) for i in range(n)])[0])[0]
            for n in (1, 2, 4, 8, 16)
        }
        self.note("16 tokens by rows", **{f"rows_{n}": seconds for n, seconds in rows.items()})
        read = {
            n: self.turns(lambda n=n: self.ours([request(1, 1, reading=n)])[0])[0]
            for n in (100, 400, 1600)
        }
        self.note("first token by prompt", **{f"about_{n}": seconds for n, seconds in read.items()})

    def switching(self) -> None:
        """What the first request for an adapter takes longer than the next."""
        one = request(3, 1, "third")
        self.ours([one])
        warm = statistics.median(self.ours([one])[0] for _ in range(3))
        self.engine._loras.clear()
        self.engine._decoder._stacked.clear()
        cold = self.ours([one])[0]
        self.note("adapter switch", first_s=cold, warm_s=warm, switch_ms=1000 * (cold - warm))

    def memory(self) -> None:
        """Resident memory of a fresh process after its first answer, and the time until then."""
        began = time.perf_counter()
        out = subprocess.run(
            [sys.executable, "-c", FRESH], capture_output=True, text=True, check=True
        )
        self.note(
            "start-up",
            first_answer_s=time.perf_counter() - began,
            resident_mb=int(out.stdout.split()[-1]),
            this_process_mb=psutil.Process().memory_info().rss // 1_000_000,
        )


FRESH = """
import psutil
from ragft_core.models import open_generator
from ragft_core.settings import Settings
g = open_generator(ModelChoice(), Settings(), lambda name: None)
asked = Request((Message("user", "What is the capital of France?"),), None, Sampling(8))
g.submit(asked).result()
print(psutil.Process().memory_info().rss // 1_000_000)
g.close()
"""


SECTIONS = ("single", "arms", "evaluation", "people", "growth", "switching", "memory")


def main() -> None:
    """Runs the sections and writes their results as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(arguments, Path(home))
        bench.ours([request(1, 4, "reader")])  # warm-up
        bench.plain(request(1, 4, "reader"))
        if bench.llama:
            bench.llama("Hello", 4)
        for name in arguments.only.split(","):
            getattr(bench, name)()
        bench.close()
    if arguments.out:
        arguments.out.write_text(json.dumps(bench.results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
