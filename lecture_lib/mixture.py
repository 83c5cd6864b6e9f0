"""Gaussian mixtures: p(x) = sum_k pi_k N(x; mu_k, Sigma_k), fitted by expectation-maximization.

Covariances are full (K, D, D), diagonal (K, D) or spherical (K,). The steps are functions, in `mixture_steps`.
"""

import math

import torch
from torch import Tensor

from lecture_lib import bandwidth, clustering, mixture_steps, observations
from lecture_lib.quadratic_features import Mixture

log_joint = mixture_steps.log_joint
e_step = mixture_steps.e_step
m_step = mixture_steps.m_step

BLOCK = 2**18  # numbers at once
SMALLEST = 1e-140  # spread of a column


class GaussianMixture:
    """A mixture of n_components Gaussians, after `fit`; the estimator of Eq. (10.36).

    covariance: "full", "diagonal" or "spherical". floor: no variance, along any direction, may fall below this share of
    the data's own (of each column, the smaller of variance and (interquartile range / 1.349)^2): it keeps components
    from collapsing onto single points, and the likelihood from growing without bound. n_restarts: starts, of which the
    best is kept. max_iter: steps of each; tol: the gain of the mean log-likelihood below which they end.

    `fit` learns weights_ (K,), means_ (K, D), covariances_, all float64; `log_likelihoods_`, the mean log p(x) before
    each step and after the last; `converged_`; and `floored_` (K,), whether a component lies on the floor.
    """

    def __init__(self, n_components: int = 1, *, covariance="full", floor=1e-6, n_restarts=1, max_iter=200, tol=1e-4):
        self.n_components, self.covariance, self.floor = n_components, covariance, floor
        self.n_restarts, self.max_iter, self.tol = n_restarts, max_iter, tol

    def fit(self, x: Tensor, *, start=None, generator: torch.Generator | None = None) -> "GaussianMixture":
        """Maximize the likelihood of x (N, D), from k-means++ centers, or from `start` = (weights, means, covariances).

        With a start there is one run. Raises ValueError where an argument is not what it must be.
        """
        x = observations.fitted(x)
        self._check(x)
        center, scale = _units(x.double(), self.covariance == "spherical")
        rows, runs = (x.double() - center) / scale, []
        for _ in range(1 if start is not None else self.n_restarts):
            first = self._start(rows, generator) if start is None else _scaled(self._given(x, start), center, scale)
            runs.append(mixture_steps.run(rows, first, self.floor, self.max_iter, self.tol))
        mixture, history, self.converged_, self.floored_ = max(runs, key=lambda run: run[1][-1])
        self.weights_, self.means_, self.covariances_ = _scaled(mixture, -center / scale, 1 / scale)
        self.log_likelihoods_ = [value - float(scale.log().sum()) for value in history]
        self.x_ = x[:0]
        return self

    def score_samples(self, x: Tensor) -> Tensor:
        """log p(x), (M, D) -> (M,)."""
        observations.require_fit(self)
        x = observations.queries(x, self.x_)
        parts = [e_step(log_joint(part.double(), *self._parameters()))[0] for part in self._blocks(x)]
        return torch.cat(parts).to(x.dtype)

    def responsibilities(self, x: Tensor) -> Tensor:
        """p(k | x), the shares of the components in p(x), (M, D) -> (M, K). Eq. (10.41)."""
        observations.require_fit(self)
        x = observations.queries(x, self.x_)
        parts = [e_step(log_joint(part.double(), *self._parameters()))[1] for part in self._blocks(x)]
        return torch.cat(parts).to(x.dtype)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws (n, D): a component by its weight, then a point from it."""
        observations.require_fit(self)
        n, (_, dim) = observations.whole(n, "n", 0), self.means_.shape
        ends = self.weights_.cumsum(0)
        options = {"dtype": torch.float64, "device": ends.device, "generator": generator}
        ticket = ends[-1] * torch.rand(n, **options)
        which = torch.searchsorted(ends, ticket, right=True).clamp(max=len(ends) - 1)
        noise, cov = torch.randn(n, dim, **options), self.covariances_
        if cov.ndim == 3:
            moved = (torch.linalg.cholesky(cov)[which] @ noise.unsqueeze(2)).squeeze(2)
        else:
            moved = cov.sqrt().view(len(cov), -1)[which] * noise
        return (self.means_[which] + moved).to(self.x_.dtype)

    def n_parameters(self) -> int:
        """Free parameters: K - 1 weights, K D means, and K D (D + 1) / 2, K D or K (co)variances. Eq. (10.52)."""
        observations.require_fit(self)
        k, dim = self.means_.shape
        return k - 1 + k * dim + k * {"full": dim * (dim + 1) // 2, "diagonal": dim, "spherical": 1}[self.covariance]

    def bic(self, x: Tensor) -> float:
        """-2 sum log p(x) + parameters log N: the smaller the better, of models of the same x. Eq. (10.53)."""
        return -2 * float(self.score_samples(x).double().sum()) + self.n_parameters() * math.log(len(x))

    def aic(self, x: Tensor) -> float:
        """-2 sum log p(x) + 2 parameters. Eq. (10.54)."""
        return -2 * float(self.score_samples(x).double().sum()) + 2 * self.n_parameters()

    def _blocks(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.split(max(1, BLOCK // sum(self.means_.shape)))

    def _parameters(self) -> Mixture:
        return Mixture(self.weights_, self.means_, self.covariances_)

    def _check(self, x: Tensor) -> None:
        observations.one_of(self.covariance, "covariance", mixture_steps.COVARIANCES)
        observations.whole(self.n_components, "n_components", 1, len(x))
        for name in ("n_restarts", "max_iter"):
            observations.whole(getattr(self, name), name)
        if not (self.floor > 0 and self.floor < 1):
            raise ValueError(f"floor is {self.floor}; it must be a share of the variance, above 0 and below 1")
        if not self.tol >= 0:
            raise ValueError(f"tol is {self.tol}; it must be zero or positive")

    def _start(self, x: Tensor, generator: torch.Generator | None) -> Mixture:
        """Weights, means and covariances of the clusters around k-means++ centers."""
        found = clustering.centers(x, self.n_components, generator=generator)
        labels = clustering.nearest_center(x, found)
        sums = mixture_steps.cluster_sums(x, found, labels, self.covariance == "full")
        everything = mixture_steps.whole(x, self.n_components, self.covariance)
        return mixture_steps.maximize(sums, everything, self.floor)[0]

    def _given(self, x: Tensor, start) -> Mixture:
        """The caller's start, if it can be one."""
        k, dim = self.n_components, x.shape[1]
        shapes = {"full": (k, dim, dim), "diagonal": (k, dim), "spherical": (k,)}
        expected = ((k,), (k, dim), shapes[self.covariance])
        given = [torch.as_tensor(part, dtype=torch.float64, device=x.device) for part in start]
        for name, part, shape in zip(Mixture._fields, given, expected, strict=True):
            if part.shape != shape or not part.isfinite().all():
                raise ValueError(f"start: {name} has shape {tuple(part.shape)}; it must be {shape}, of finite numbers")
        if bool((given[0] < 0).any()) or abs(float(given[0].sum()) - 1) > 1e-6:
            raise ValueError("start: weights must be zero or positive, and their sum 1")
        positive = given[2] > 0 if self.covariance != "full" else torch.linalg.cholesky_ex(given[2]).info == 0
        if not bool(positive.all()):
            raise ValueError("start: covariances holds one that is not positive definite")
        return Mixture(*given)


def _units(x: Tensor, common: bool) -> tuple[Tensor, Tensor]:
    """Median and spread of each column, (D,) each: of order 1 is then what is typical, whatever outliers do.

    The spread is the smaller of standard deviation and interquartile range / 1.349 that is not zero, and 1 for a column
    that does not vary; `common`: the mean spread for all columns, which keeps spheres spheres.
    """
    center = x.median(0).values
    unit = (x - center).abs().amax(0)
    y = (x - center) / unit.where(unit > 0, 1)
    deviation = y.std(0, correction=0)
    middle = (bandwidth.quantiles(y, 0.75) - bandwidth.quantiles(y, 0.25)) / 1.349
    spread = unit * torch.where(middle > 0, torch.minimum(middle, deviation), deviation)
    spread = spread.where(spread > 0, 1)
    if not bool(((spread > SMALLEST) & (spread < 1 / SMALLEST)).all()):
        raise ValueError(f"x spreads by {float(spread.max()):.0e}, whose square float64 does not hold; change its unit")
    return center, spread.mean().expand_as(spread) if common else spread


def _scaled(mixture: Mixture, center: Tensor, scale: Tensor) -> Mixture:
    """The mixture of (x - center) / scale."""
    covariances, square = mixture.covariances, scale**2
    if covariances.ndim == 3:
        covariances = covariances / (scale.unsqueeze(1) * scale)
    else:
        covariances = covariances / (square if covariances.ndim == 2 else square[0])
    return Mixture(mixture.weights, (mixture.means - center) / scale, covariances)
