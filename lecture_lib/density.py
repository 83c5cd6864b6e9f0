"""Densities without a formula: histograms, kernels and nearest neighbors, with scikit-learn's names.

`fit` takes x (N, D), `score_samples` gives log p(x), (M, D) -> (M,), finite or -inf and in the type of x, computed in
float64; `sample` draws; `relative_error` is the standard error of p(x) as a share of it. No gradients.
"""

import math

import torch
from torch import Tensor

from lecture_lib import bandwidth, histogram, kernel_sums, kernels, neighbors, observations

HistogramDensity = histogram.HistogramDensity
silverman_bandwidth = bandwidth.silverman_bandwidth
scott_bandwidth = bandwidth.scott_bandwidth
leave_one_out_bandwidth = bandwidth.leave_one_out_bandwidth

RULES = {"silverman": silverman_bandwidth, "scott": scott_bandwidth, "leave-one-out": leave_one_out_bandwidth}


class KernelDensity:
    """p(x) = 1/(N h^D) sum_i K((x - x_i) / h), after `fit`. Eq. (10.13). With h_j for each column, h^D: their product.

    bandwidth: h, a number or one for each column (D,), or a rule: "silverman", "scott" or "leave-one-out". kernel: a
    name in `kernels.NAMES`; those but "gaussian" end at distance h. shape: "radial" or "product", see `kernels`. Exact,
    in at most `memory` bytes beside copies of the data. `fit` learns `x_` and `bandwidth_` (D,).
    """

    def __init__(self, bandwidth="silverman", kernel: str = "gaussian", *, shape: str = "radial", memory: int = 2**28):
        self.bandwidth, self.kernel, self.shape, self.memory = bandwidth, kernel, shape, memory

    def fit(self, x: Tensor) -> "KernelDensity":
        """Keep x (N, D) and settle the bandwidth; raises ValueError where an argument is not what it must be."""
        kernels.check(self.kernel, self.shape)
        x = observations.fitted(x)
        self.bandwidth_ = self._bandwidth(x)
        self.center_ = x.double().median(0).values
        self.x_, self.scaled_ = x, (x.double() - self.center_) / self.bandwidth_
        return self

    def score_samples(self, x: Tensor) -> Tensor:
        """log p(x), (M, D) -> (M,). For kernels that end, -inf where none reaches."""
        observations.require_fit(self)
        x = observations.queries(x, self.x_)
        return (self._log_sums((x.double() - self.center_) / self.bandwidth_) - math.log(len(self.x_))).to(x.dtype)

    def leave_one_out(self) -> Tensor:
        """log p_-i(x_i), of each fitted point from all the others, (N,). Eq. (10.28)."""
        observations.require_fit(self)
        if len(self.x_) < 2:
            raise ValueError("x has one row, and none is left when it is left out; fit two at least")
        sums = self._log_sums(self.scaled_, own=True)
        return (sums - math.log(len(self.x_) - 1)).to(self.x_.dtype)

    def relative_error(self, x: Tensor) -> Tensor:
        """sqrt(R / (N h^D p)), R the kernel's roughness: the error as a share of p(x), (M, D) -> (M,). Eq. (10.20).

        inf where p is zero. To first order: where p varies little over the kernel, and bias not counted.
        """
        log_p = self.score_samples(x)
        rough = math.log(kernels.roughness(self.kernel, self.x_.shape[1], self.shape))
        return (0.5 * (rough - math.log(len(self.x_)) - float(self.bandwidth_.log().sum()) - log_p)).exp()

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws (n, D): an observation at random, moved by a draw from the kernel."""
        observations.require_fit(self)
        n, device, dim = observations.whole(n, "n", 0), self.x_.device, self.x_.shape[1]
        chosen = torch.randint(len(self.x_), (n,), device=device, generator=generator)
        noise = kernels.sample(n, dim, self.kernel, self.shape, generator=generator, device=device)
        return (self.x_[chosen].double() + self.bandwidth_ * noise).to(self.x_.dtype)

    def _log_sums(self, scaled: Tensor, own: bool = False) -> Tensor:
        sums = kernel_sums.log_sums(self.scaled_, scaled, self.kernel, self.shape, own=own, memory=self.memory)
        return sums - kernels.log_norm(self.kernel, scaled.shape[1], self.shape) - self.bandwidth_.log().sum()

    def _bandwidth(self, x: Tensor) -> Tensor:
        if isinstance(self.bandwidth, str):
            observations.one_of(self.bandwidth, "bandwidth", RULES)
            return RULES[self.bandwidth](x, kernel=self.kernel, shape=self.shape)
        h = torch.as_tensor(self.bandwidth, dtype=torch.float64, device=x.device)
        if h.shape not in ((), (1,), (x.shape[1],)) or not bool((h.isfinite() & (h > 0)).all()):
            raise ValueError(f"bandwidth is {self.bandwidth}; it must be positive, one number or {x.shape[1]} of them")
        return h.expand(x.shape[1])


class KNeighborsDensity:
    """p(x) = k / (N omega_D r_k^D), r_k the distance from x to its k-th nearest observation, after `fit`. Eq. (10.32).

    Its integral is infinite, as it falls like r^-D far away: it serves to compare places, not to draw from.
    """

    def __init__(self, k: int = 10):
        self.k = k

    def fit(self, x: Tensor) -> "KNeighborsDensity":
        """Keep x (N, D), N at least k; raises ValueError otherwise."""
        x = observations.fitted(x)
        observations.whole(self.k, "k", 1, len(x))
        self.x_ = x
        return self

    def score_samples(self, x: Tensor) -> Tensor:
        """log p(x), (M, D) -> (M,). Raises ValueError where k observations stand at x itself, and it is infinite."""
        observations.require_fit(self)
        x = observations.queries(x, self.x_)
        if len(x) == 0:
            return x[:, 0]
        dtype = torch.promote_types(x.dtype, self.x_.dtype)
        distances, _ = neighbors.nearest(self.x_.to(dtype), self.k, queries=x.to(dtype))
        return self._log_density(distances[:, -1], len(self.x_)).to(x.dtype)

    def leave_one_out(self) -> Tensor:
        """log p_-i(x_i), of each fitted point by its k nearest others, (N,); k at most N - 1."""
        observations.require_fit(self)
        distances, _ = neighbors.nearest(self.x_, self.k)
        return self._log_density(distances[:, -1], len(self.x_) - 1).to(self.x_.dtype)

    def relative_error(self, x: Tensor) -> Tensor:
        """1 / sqrt(k), the error of p(x) as a share of it, the same everywhere, (M, D) -> (M,). Eq. (10.35)."""
        observations.require_fit(self)
        x = observations.queries(x, self.x_)
        return x.new_full((len(x),), self.k**-0.5)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Raises ValueError: what does not integrate to one is no distribution."""
        raise ValueError("the k-nearest-neighbor density has an infinite integral, so nothing can be drawn from it")

    def _log_density(self, radius: Tensor, n: int) -> Tensor:
        if bool((radius == 0).any()):
            row = int((radius == 0).nonzero()[0])
            raise ValueError(
                f"k is {self.k}, and as many observations or more stand where row {row} of x does: the estimate is "
                "infinite there; take k larger than the number of equal rows"
            )
        dim = self.x_.shape[1]
        return math.log(self.k) - math.log(n) - neighbors.log_unit_ball_volume(dim) - dim * radius.log()
