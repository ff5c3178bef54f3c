"""Levers that could make decoding faster, each against the engine or plain transformers as it is.

    python -m tests.benchmarks.levers [--tokens 48] [--rounds 3] [--only dtype,threads]

Contenders take turns in one run; ``times`` above 1 says that the lever helps. On two cores:

    bf16              0.8     not kept: slower than fp32 on processors without bf16 units
    torch.compile     1.2     not kept: 183 s until the first answer
    merged adapter    1.5     not kept: 540 MB for each adapter, and no mixed batches
    threads           2       as torch sets them; 1 takes 1.8 times as long, 3 take 2.6 times
    guessing ahead    1.2     kept: answers that copy

What was also kept is measured by ``tests.benchmarks.engine``: packed weights, compiled parts, one
team of threads, the prefix cache. Weights are memory-mapped by safetensors in any case.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from ragft_core.models.engine import engine as engine_module
from ragft_core.models.factory import open_folder
from ragft_core.settings import Settings
from ragft_core.types import Request
from tests.benchmarks.engine import Bench, request
from tests.models.helpers import finder


class Levers(Bench):
    """Each method tries one lever."""

    def dtype(self) -> None:
        """Plain generation in bf16 against fp32."""
        one = request(1, self.tokens)
        self.peer(one, "bf16")
        fp32, bf16 = self.turns(lambda: self.plain(one), lambda: self.peer(one, "bf16"))
        self.note("bf16", fp32_s=fp32, bf16_s=bf16, times=fp32 / bf16)

    def compiled(self) -> None:
        """The model's own forward through torch.compile, and what compiling takes."""
        one = request(1, self.tokens)
        took = self.peer(one, "compiled")
        before, after = self.turns(lambda: self.plain(one), lambda: self.peer(one, "compiled"))
        self.note(
            "torch.compile", plain_s=before, compiled_s=after, times=before / after, first_s=took
        )

    def merged(self) -> None:
        """An adapter beside the weights against none: what merging could save at most."""
        beside, none = self.turns(
            lambda: self.ours([request(1, self.tokens, "tuned")])[0],
            lambda: self.ours([request(1, self.tokens)])[0],
        )
        self.note("merged adapter", beside_s=beside, none_s=none, times=beside / none)

    def threads(self) -> None:
        """One answer and four, with one thread, the usual number, and one more."""
        usual = self.engine._threads
        for count in (1, usual + 1, usual):  # one engine at a time, and the usual one again at last
            self.engine.close()
            self.engine = open_folder(self.folder, Settings(threads=count), finder(self.adapters))
            self.engine._ends = frozenset()
            four = [request(n, self.tokens) for n in range(4)]
            self.ours(four)
            alone, together = self.turns(
                lambda q=four[:1]: self.ours(q)[0], lambda q=four: self.ours(q)[0]
            )
            self.note(f"{count} threads", one_s=alone, four_s=together)

    def guessing(self) -> None:
        """Answers that copy from their prompt, with and without guessing ahead."""
        several = [self.copying(n) for n in range(4)]
        cheap = engine_module.CHEAP_TOKENS

        def run(tokens: int) -> float:
            engine_module.CHEAP_TOKENS = tokens
            return sum(self.ours([one])[0] for one in several)

        without, with_guesses = self.turns(lambda: run(0), lambda: run(cheap))
        engine_module.CHEAP_TOKENS = cheap
        self.note(
            "guessing ahead", without_s=without, with_s=with_guesses, times=without / with_guesses
        )

    def copying(self, n: int) -> Request:
        """A request whose answer repeats its passages: what guessing is for."""
        return request(n, self.tokens, None, 200)


LEVERS = ("dtype", "compiled", "merged", "threads", "guessing")


def main() -> None:
    """Tries the levers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--only", default=",".join(LEVERS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        bench = Levers(arguments, Path(home))
        bench.ours([request(1, 4, "reader")])
        bench.plain(request(1, 4, "reader"))
        for name in arguments.only.split(","):
            getattr(bench, name)()
        bench.close()


if __name__ == "__main__":
    main()
