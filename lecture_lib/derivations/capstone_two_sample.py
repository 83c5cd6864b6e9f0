"""The ledger of lecture 11, second part: a classifier, nearest neighbors, and the range of a few results."""

import itertools
from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import ledger
from lecture_lib.derivations.latent_variables_graphs import rand


def tables(generator: torch.Generator) -> SimpleNamespace:
    """Two distributions over six places, and a classifier: what it calls real."""
    p, p_hat = rand(generator, 6), rand(generator, 6)
    v = SimpleNamespace(p=p / p.sum(), p_hat=p_hat / p_hat.sum())
    v.says_real = (rand(generator, 6) > rand(generator, 6)).double()
    return v


def with_the_best_classifier(generator: torch.Generator) -> SimpleNamespace:
    """The same, and real is called what is more probable among the real ones."""
    v = tables(generator)
    v.says_real = (v.p > v.p_hat).double()
    return v


def of_one_kind(generator: torch.Generator) -> SimpleNamespace:
    """The same with equal distributions."""
    v = tables(generator)
    v.p_hat = v.p
    return v


def points(generator: torch.Generator) -> SimpleNamespace:
    """Up to seven points of the plane, n of them to be called real; the nearest neighbor of each."""
    n, m = (int(torch.randint(2, 5, (), generator=generator)) for _ in range(2))
    x = rand(generator, n + m, 2)
    nearest = (torch.cdist(x, x) + torch.eye(n + m) * 1e9).argmin(1)
    return SimpleNamespace(n=torch.tensor(n).double(), m=torch.tensor(m).double(), nearest=nearest)


def results(generator: torch.Generator) -> SimpleNamespace:
    """A number of results, 2 to 8."""
    return SimpleNamespace(n=torch.randint(2, 9, (), generator=generator).double())


def mean_share(v: SimpleNamespace) -> Tensor:
    """The share of own neighbors, the mean over all choices of the n real ones."""
    shares = []
    for real in itertools.combinations(range(len(v.nearest)), int(v.n)):
        own = torch.zeros(len(v.nearest), dtype=torch.bool)
        own[list(real)] = True
        shares.append((own[v.nearest] == own).double().mean())
    return torch.stack(shares).mean()


def limit_of_the_share(v: SimpleNamespace) -> Tensor:
    """The right side of Eq. (11.12)."""
    return ((v.p**2 + v.p_hat**2) / (2 * (v.p + v.p_hat))).sum()


LINES = [
    ledger.Line(
        "11.11",
        r"a \le \tfrac12 + \tfrac12 \mathrm{TV}(p, \hat p)",
        tables,
        lambda v: ((v.p * v.says_real).sum() + (v.p_hat * (1 - v.says_real)).sum()) / 2,
        lambda v: 1 / 2 + (v.p - v.p_hat).abs().sum() / 2 / 2,
        "<=",
        tight=with_the_best_classifier,
    ),
    ledger.Line(
        "11.12",
        r"T = \int \frac{p(x)^2 + \hat p(x)^2}{2\,\big(p(x) + \hat p(x)\big)}\, dx",
        tables,
        lambda v: sum((label / 2) ** 2 / ((v.p + v.p_hat) / 2) for label in (v.p, v.p_hat)).sum(),
        limit_of_the_share,
    ),
    ledger.Line(
        "11.13",
        r"\ge \tfrac12",
        tables,
        limit_of_the_share,
        lambda v: torch.tensor(0.5, dtype=torch.float64),
        ">=",
        tight=of_one_kind,
    ),
    ledger.Line(
        "11.14",
        r"\mathbb E[T] = \frac{n(n - 1) + m(m - 1)}{(n + m)(n + m - 1)}",
        points,
        mean_share,
        lambda v: (v.n * (v.n - 1) + v.m * (v.m - 1)) / ((v.n + v.m) * (v.n + v.m - 1)),
    ),
    ledger.Line(
        "11.15",
        r"P(\text{the median lies in the range of } n \text{ results}) = 1 - 2^{1 - n}",
        results,
        lambda v: torch.tensor(
            [0 < sum(above) < v.n for above in itertools.product((0, 1), repeat=int(v.n))], dtype=torch.float64
        ).mean(),
        lambda v: 1 - 2 ** (1 - v.n),
    ),
]
