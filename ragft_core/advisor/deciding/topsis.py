"""TOPSIS (Hwang and Yoon 1981), a second method that the weighted sum is checked against.

No normalisation: utilities are on one fixed scale already, and normalising over the strategies
present would make the ranks depend on which of them are listed.
"""

from __future__ import annotations

import numpy as np

from ragft_core.advisor.deciding.matrix import Floats


def topsis(utility: Floats, weights: Floats) -> Floats:
    """Closeness to the ideal, from 0 to 1.

    Args:
        utility: (S, J), larger is better.
        weights: (J,), summing to 1.

    Returns:
        (S,): distance to the worst over the sum of distances to worst and best; 0.5 for all where
        the strategies do not differ.
    """
    weighted = utility * weights
    to_best = np.sqrt(((weighted - weighted.max(axis=0)) ** 2).sum(axis=1))
    to_worst = np.sqrt(((weighted - weighted.min(axis=0)) ** 2).sum(axis=1))
    total = to_best + to_worst
    closeness: Floats = np.divide(to_worst, total, out=np.full(len(total), 0.5), where=total > 0)
    return closeness
