"""What the decoder's numbers mean: four likelihoods p(x|z) for images with grey values in [0, 1].

Each has `n_params` (numbers per pixel that the decoder returns), `log_prob(x, params)` in nats, summed over the D
pixels, and `mean` and `sample`, images (..., D). `params` has shape (..., D * n_params) and may carry Monte Carlo
samples in front of the axes of x. Classes, because some of them remember a setting; they hold no weights.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


class Bernoulli:
    """Each pixel is 1 with probability sigmoid(params). For binary images only."""

    n_params = 1

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """sum_i x_i log p_i + (1 - x_i) log(1 - p_i), p = sigmoid(params), (..., D), (..., D) -> (...). Eq. (6.6).

        Grey pixels in (0, 1) are accepted, as in most code one meets, but then this is no log-likelihood (the
        continuous Bernoulli of Loaiza-Ganem & Cunningham 2019 would be): binarize, or say so.
        """
        _check_params(x, params, self.n_params, "Bernoulli")
        _check_unit_interval(x)
        if x.shape == params.shape:
            return -F.binary_cross_entropy_with_logits(params, x, reduction="none").sum(-1)
        dot = (params.unsqueeze(-2) @ x.unsqueeze(-1)).squeeze((-2, -1))  # as a product twice as fast for many samples
        return dot - F.softplus(params).sum(-1)

    def mean(self, params: Tensor) -> Tensor:
        """sigmoid(params), shapes (..., D) -> (..., D)."""
        return torch.sigmoid(params)

    def sample(self, params: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Black and white images, shapes (..., D) -> (..., D)."""
        return torch.bernoulli(torch.sigmoid(params), generator=generator)


class GaussianFixed:
    """N(params, variance I): squared error with a scale. A single variance for all pixels, chosen beforehand."""

    n_params = 1

    def __init__(self, variance: float):
        if not (variance > 0 and math.isfinite(variance)):
            raise ValueError(f"variance is {variance}; it must be positive and finite")
        self.variance = float(variance)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """-||x - params||^2 / (2 c) - D/2 log 2 pi c, c = variance, (..., D), (..., D) -> (...). Eqs. (1.3), (6.12)."""
        _check_params(x, params, self.n_params, "GaussianFixed")
        constant = 0.5 * x.shape[-1] * (LOG_2PI + math.log(self.variance))
        return -((x - params) ** 2).sum(-1) / (2 * self.variance) - constant

    def mean(self, params: Tensor) -> Tensor:
        """The params themselves, shapes (..., D) -> (..., D)."""
        return params

    def sample(self, params: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """params + sqrt(variance) * noise, shapes (..., D) -> (..., D)."""
        return params + math.sqrt(self.variance) * _noise(params, generator)


class GaussianLearned:
    """N(mu, diag(exp(log_var))) with (mu, log_var) = params, split in halves: the decoder says how sure it is.

    On data with exact repeats (the black border of MNIST is exactly 0) the variance runs to zero and the density
    without bound; train it on `data.dequantize`d images.
    """

    n_params = 2

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """-1/2 sum_i [log 2 pi + log var_i + (x_i - mu_i)^2 / var_i], (..., D), (..., 2 D) -> (...). Eq. (6.13)."""
        _check_params(x, params, self.n_params, "GaussianLearned")
        mu, log_var = params.chunk(2, -1)
        return -0.5 * (LOG_2PI + log_var + (x - mu) ** 2 * (-log_var).exp()).sum(-1)

    def mean(self, params: Tensor) -> Tensor:
        """mu, shapes (..., 2 D) -> (..., D)."""
        return params.chunk(2, -1)[0]

    def sample(self, params: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """mu + sigma * noise, shapes (..., 2 D) -> (..., D)."""
        mu, log_var = params.chunk(2, -1)
        return mu + (0.5 * log_var).exp() * _noise(mu, generator)


class Categorical:
    """One of `levels` grey values, softmax(params) for each pixel: nothing assumed about their order.

    x holds grey values scaled to [0, 1]: level / (levels - 1).
    """

    def __init__(self, levels: int = 256):
        if isinstance(levels, bool) or levels != int(levels) or levels < 2:
            raise ValueError(f"levels is {levels!r}; it must be a whole number of at least 2")
        self.n_params = self.levels = int(levels)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """sum_i log softmax(params_i)[level_i], shapes (..., D), (..., D * levels) -> (...). Eq. (6.14)."""
        _check_params(x, params, self.n_params, f"Categorical({self.levels})")
        scaled = x * (self.levels - 1)
        level = scaled.round()
        if _on_cpu(x) and not torch.allclose(level, scaled, rtol=0, atol=1e-2):
            worst = float(x.flatten()[(scaled - level).abs().argmax()])
            raise ValueError(f"x holds {worst:.4g}, which is none of the {self.levels} grey values i/{self.levels - 1}")
        _check_unit_interval(x)
        logits = self._logits(params)
        chosen = logits.gather(-1, level.long().expand(logits.shape[:-1]).unsqueeze(-1)).squeeze(-1)
        return (chosen - logits.logsumexp(-1)).sum(-1)

    def mean(self, params: Tensor) -> Tensor:
        """The expected grey value, in [0, 1], shapes (..., D * levels) -> (..., D)."""
        values = torch.linspace(0, 1, self.levels, dtype=params.dtype, device=params.device)
        return self._logits(params).softmax(-1) @ values

    def sample(self, params: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Grey values i / (levels - 1), shapes (..., D * levels) -> (..., D)."""
        probabilities = self._logits(params).softmax(-1)
        level = torch.multinomial(probabilities.flatten(0, -2), 1, generator=generator)
        return level.view(probabilities.shape[:-1]).to(params.dtype) / (self.levels - 1)

    def _logits(self, params: Tensor) -> Tensor:
        return params.unflatten(-1, (-1, self.levels))  # (..., D, levels)


def bits_per_dimension(log_likelihood: Tensor, dim: int) -> Tensor:
    """-log2 p(x) / D from log p(x) in nats, shapes (...) -> (...). Eq. (6.16).

    Comparable only between probabilities of the same discrete data. For a density of images dequantized to [0, 1),
    `dequantized_log_prob` gives a bound on that probability (Theis, van den Oord & Bethge 2016).
    """
    return -log_likelihood / (dim * math.log(2))


def dequantized_log_prob(log_density: Tensor, dim: int, levels: int = 256) -> Tensor:
    """log p(u) - D log levels, a lower bound on the log-probability of the grey values u was made from. Eq. (6.15).

    `log_density` is that of u = (level + noise) / levels with noise uniform in [0, 1), see `data.dequantize`.
    """
    return log_density - dim * math.log(levels)


def _noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)


def _on_cpu(x: Tensor) -> bool:
    """Whether looking at values is free: on an accelerator it would wait for all queued work, in every step."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def _check_params(x: Tensor, params: Tensor, n_params: int, name: str) -> None:
    if params.shape[-1] != x.shape[-1] * n_params:
        raise ValueError(
            f"params ends in {params.shape[-1]} numbers, but {name} needs {n_params} for each of the "
            f"{x.shape[-1]} pixels of x: {x.shape[-1] * n_params}; give the decoder that many outputs"
        )


def _check_unit_interval(x: Tensor) -> None:
    low, high = x.aminmax() if _on_cpu(x) and x.numel() else (0, 1)
    if not (low >= 0 and high <= 1):  # `not`, so that NaN fails as well
        raise ValueError(f"x holds values from {float(low):.4g} to {float(high):.4g}; scale them to [0, 1]")
