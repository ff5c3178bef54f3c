"""Looking at a run between its batches without erring more often.

Whoever tests again and again as answers come in finds a winner by chance sooner or later. Here the
looks are planned, and each p value becomes the probability that any of them would have shown one as
small between equal arms: Pocock's constant boundary (1977), worked out for these looks by the
recursion of Armitage, McPherson and Rowe (1969). Intervals are widened to hold at all looks at once
(Jennison and Turnbull 1989), so they hold whenever a run ends.

The recursion takes what comes in between two looks to be independent of what came before. Questions
of one document make looks more alike than that, which makes the correction too strict, not too weak.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ragft_core.evaluation.statistics.bootstrap import Floats

# Shares of the questions. Earlier ones see too little for a test of paired answers to be decided;
# docs/statistics.md compares schedules.
LOOKS = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
_NODES = 64
_REACH = 6.0


def look_sizes(n: int) -> tuple[int, ...]:
    """After how many of ``n`` questions a run is looked at; the last is all of them."""
    return tuple(sorted({math.ceil(share * n) for share in LOOKS if n}))


def over_looks(p: float) -> float:
    """A two-sided p value of one look, corrected for all of them."""
    from scipy import special

    reached = -float(special.ndtri(p / 2)) if p > 0 else math.inf
    if reached > _REACH:
        return min(1.0, len(LOOKS) * p)
    zs, errors = _errors()
    return float(np.exp(np.interp(reached, zs, np.log(errors))))


def at_one_look(error: float) -> float:
    """The share of an error that one look may spend: ``over_looks`` the other way round."""
    from scipy import special

    zs, errors = _errors()
    reached = float(np.interp(-math.log(error), -np.log(errors), zs))
    return 2 * float(special.ndtr(-reached))


@functools.cache
def _errors() -> tuple[Floats, Floats]:
    """Boundaries in standard errors, and how often equal arms cross each at any look."""
    zs = np.linspace(0.0, _REACH, 61)
    return zs, np.array([_crossing(z) for z in zs])


def _crossing(z: float) -> float:
    """How often a Brownian motion is beyond ``z`` standard deviations at any look."""
    from scipy import special

    if z == 0:
        return 1.0
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    # Density of the motion at the look before, over the values that no look has ended at.
    at, density, before, crossed = np.zeros(1), np.ones(1), 0.0, 0.0
    for share in LOOKS:
        step, bound = math.sqrt(share - before), z * math.sqrt(share)
        crossed += float(
            density @ (special.ndtr((-bound - at) / step) + special.ndtr((at - bound) / step))
        )
        new = bound * points
        moved = np.exp(-0.5 * ((new[:, None] - at) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        density = (moved @ density) * bound * weights
        at, before = new, share
    return crossed
