"""The ledger of lecture 01: the squared error as a Gaussian log-likelihood."""

import math
from types import SimpleNamespace

import torch

from lecture_lib import ledger, likelihoods


def images(generator: torch.Generator) -> SimpleNamespace:
    """Five observations of seven values, their predictions, and a standard deviation."""
    y, y_hat = torch.randn(2, 5, 7, dtype=torch.float64, generator=generator)
    return SimpleNamespace(y=y, y_hat=y_hat, sigma=0.3 + torch.rand((), dtype=torch.float64, generator=generator))


LINES = [
    ledger.Line(
        "1.3",
        r"\log \mathcal{N}(y;\, \hat y, \sigma^2 I)"
        r"= -\frac{\lVert y - \hat y \rVert^2}{2 \sigma^2} - \frac{D}{2} \log (2 \pi \sigma^2)",
        images,
        lambda v: torch.distributions.Normal(v.y_hat, v.sigma).log_prob(v.y).sum(-1),
        lambda v: -(((v.y - v.y_hat) ** 2).sum(-1) / (2 * v.sigma**2)) - 7 / 2 * (2 * math.pi * v.sigma**2).log(),
    ),
    ledger.Line(
        "1.4",
        r"-\sum_{i=1}^{N} \log p(x_i \mid z_i) = \frac{1}{2 \sigma^2} \sum_{i=1}^{N} \lVert x_i - \hat x_i \rVert^2"
        r"+ \frac{N D}{2} \log (2 \pi \sigma^2), \qquad z_i = E(x_i)",
        images,
        lambda v: -likelihoods.GaussianFixed(float(v.sigma**2)).log_prob(v.y, v.y_hat).sum(),
        lambda v: 1 / (2 * v.sigma**2) * ((v.y - v.y_hat) ** 2).sum() + 5 * 7 / 2 * (2 * math.pi * v.sigma**2).log(),
    ),
]
