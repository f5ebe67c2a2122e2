"""How much of the chance of a wrong pass each look at a test set may use.

Of many models that are judged on the same rows, one may be lucky on them. If the k-th look is
tested at level a(k), the chance that any of them passes wrongly is at most the sum of the a(k),
however the looks depend on each other (Bonferroni). So alpha is *spent*, as Lan and DeMets 1983
(Biometrika 70) spend it over interim looks. Their functions need the number of looks beforehand,
which nobody knows here: after k looks, alpha * k / (k + planned) is spent. That never reaches
alpha, half of it is spent at the planned number, and what a look may use,

    a(k) = alpha * planned / ((k + planned) * (k + planned - 1)),

falls with each. The bound holds for models that were chosen without knowing how earlier ones did on
these rows. Tuning against the gate's figures wears a test set out faster than any count of looks
shows (Dwork et al. 2015, Science 349): hence a fresh holdout after the planned looks.

Why so: docs/decisions.md#d41
"""

from __future__ import annotations


def level_of(look: int, alpha: float, planned: int) -> float:
    """The level that the look of this number, from 1, may use; all of them sum to alpha.

    >>> [round(level_of(look, 0.05, 10), 5) for look in (1, 2, 10)]
    [0.00455, 0.00379, 0.00132]
    """
    return alpha * planned / ((look + planned) * (look + planned - 1))


def spent_by(look: int, alpha: float, planned: int) -> float:
    """The part of alpha that this look and those before it have spent together.

    >>> round(spent_by(10, 0.05, 10), 5)
    0.025
    """
    return alpha * look / (look + planned)
