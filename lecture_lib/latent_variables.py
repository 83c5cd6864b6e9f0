"""The linear-Gaussian latent-variable model, of which all is known: evidence, posterior, bound and gap. In nats."""

import math

import torch
from torch import Tensor

from lecture_lib import gaussians, graphs, monte_carlo

LOG_2PI = math.log(2 * math.pi)

DirectedGraph = graphs.DirectedGraph  # lecture 02 has three files; what it is about is found under its own name too
importance_sampling, effective_sample_size = monte_carlo.importance_sampling, monte_carlo.effective_sample_size


class LinearGaussian:
    """The oracle of the course: z ~ N(0, I), x = W z + mean + noise, noise ~ N(0, noise_variance I). Eq. (2.35).

    W (D, J), mean (D,), noise_variance a number. Also known as probabilistic PCA (Tipping & Bishop 1999). Nothing of
    size D x D is formed: all comes from R, the (J, J) Cholesky factor of W^T W + noise_variance I, which the QR
    decomposition of W stacked on sqrt(noise_variance) I gives without squaring W.
    """

    def __init__(self, W: Tensor, mean: Tensor, noise_variance: float):
        W, mean = torch.as_tensor(W), torch.as_tensor(mean)
        if W.ndim != 2 or 0 in W.shape or mean.shape != W.shape[:1]:
            raise ValueError(f"W has shape {tuple(W.shape)} and mean {tuple(mean.shape)}; they must be (D, J) and (D,)")
        if not (W.is_floating_point() and W.isfinite().all() and mean.isfinite().all()):
            raise ValueError("W and mean must hold finite floating-point numbers")
        if not (noise_variance > 0 and math.isfinite(noise_variance)):
            raise ValueError(f"noise_variance is {noise_variance}; it must be positive and finite")
        self.W, self.mean, self.noise_variance = W, mean.to(W), float(noise_variance)
        deviation = math.sqrt(self.noise_variance)
        stacked = torch.cat([W, deviation * torch.eye(self.latent_dim).to(W)])
        q, self._factor = torch.linalg.qr(stacked)  # (D + J, J), (J, J)
        self._projection = q[: self.dim]

    @property
    def dim(self) -> int:
        """D."""
        return self.W.shape[0]

    @property
    def latent_dim(self) -> int:
        """J."""
        return self.W.shape[1]

    @property
    def covariance(self) -> Tensor:
        """The covariance of x, W W^T + noise_variance I, (D, D)."""
        return self.W @ self.W.mT + self.noise_variance * torch.eye(self.dim).to(self.W)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) = log N(x; W z + mean, noise_variance I), shapes (..., D), (..., J) -> (...)."""
        squares = ((self._data(x) - self.mean - self._code(z) @ self.W.mT) ** 2).sum(-1)
        return -0.5 * (squares / self.noise_variance + self.dim * (LOG_2PI + math.log(self.noise_variance)))

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) = log p(x|z) + log N(z; 0, I), shapes (..., D), (..., J) -> (...)."""
        z = self._code(z)
        return self.log_likelihood(x, z) + gaussians.log_density(z, torch.zeros_like(z), torch.zeros_like(z))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (..., J) and covariance (J, J) of p(z|x), a Gaussian; x (..., D). Eqs. (2.43) and (2.44)."""
        identity = torch.eye(self.latent_dim).to(self.W)
        inverse = torch.linalg.solve_triangular(self._factor, identity, upper=True)
        mean = (self._data(x) - self.mean) @ self._projection @ inverse.mT
        return mean, self.noise_variance * inverse @ inverse.mT

    def log_evidence(self, x: Tensor) -> Tensor:
        """log p(x) = log N(x; mean, W W^T + noise_variance I), shapes (..., D) -> (...). Eqs. (2.40) and (2.48).

        The quadratic form is ||x - mean - W m||^2 / noise_variance + ||m||^2 with the posterior mean m: a sum, where
        Woodbury's identity would leave the small difference of two large numbers.
        """
        mean, _ = self.posterior(x)
        residual = self._data(x) - self.mean - mean @ self.W.mT
        quadratic = (residual**2).sum(-1) / self.noise_variance + (mean**2).sum(-1)
        log_det = 2 * self._factor.diagonal().abs().log().sum()
        log_det = log_det + (self.dim - self.latent_dim) * math.log(self.noise_variance)
        return -0.5 * (self.dim * LOG_2PI + log_det + quadratic)

    def elbo(self, x: Tensor, mu: Tensor, cov: Tensor) -> Tensor:
        """E_q[log p(x|z)] - KL(q || p(z)) for q = N(mu, cov), shapes (..., D), (..., J), (..., J, J) -> (...)."""
        mu, cov = self._gaussian(mu, cov)
        spread = (self.W @ cov * self.W).sum((-2, -1))  # the trace of W cov W^T
        prior = torch.zeros_like(mu), torch.eye(self.latent_dim).to(self.W)
        expected = self.log_likelihood(x, mu) - 0.5 * spread / self.noise_variance
        return expected - gaussians.kl_full(mu, cov, *prior)

    def gap(self, x: Tensor, mu: Tensor, cov: Tensor) -> Tensor:
        """KL(q || p(z|x)) = log p(x) - elbo, q = N(mu, cov), (..., D), (..., J), (..., J, J) -> (...). Eq. (2.50)."""
        shift, cov = self._whitened(x, mu, cov)
        return gaussians.kl_full(shift, cov, torch.zeros_like(shift), torch.eye(self.latent_dim).to(self.W))

    def log_second_moment(self, x: Tensor, mu: Tensor, cov: Tensor) -> Tensor:
        """log(E_q[w^2] / p(x)^2) = log(1 + rho), rho the relative variance of one weight. Eqs. (2.17) and (2.22).

        For the proposal q = N(mu, cov), shapes (..., D), (..., J), (..., J, J) -> (...); zero where q is the posterior,
        infinite where cov is less than half the posterior covariance in some direction.
        """
        shift, cov = self._whitened(x, mu, cov)
        ratio, axes = torch.linalg.eigh(cov)  # b_j, and the directions in which it is measured
        shift = (shift.unsqueeze(-2) @ axes).squeeze(-2)  # d_j
        excess = 2 * ratio - 1
        terms = shift**2 / excess + 0.5 * ((ratio - 1) ** 2 / excess).log1p()
        return torch.where(excess > 0, terms, math.inf).sum(-1)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws of x, (n, D), by ancestral sampling: z from the prior, then x given z. Eqs. (2.9) and (2.10)."""
        if n < 0:
            raise ValueError(f"n is {n}; it must be zero or positive")
        options = {"dtype": self.W.dtype, "device": self.W.device, "generator": generator}
        z, noise = torch.randn(n, self.latent_dim, **options), torch.randn(n, self.dim, **options)
        return z @ self.W.mT + self.mean + math.sqrt(self.noise_variance) * noise

    @classmethod
    def fit(cls, x: Tensor, latent_dim: int) -> "LinearGaussian":
        """The model of maximum likelihood for x (N, D), in closed form: Eqs. (2.54) and (2.55).

        With the eigenvalues lambda and eigenvectors U of the covariance (divided by N), noise_variance is the mean of
        the D - J smallest and W = U_J (Lambda_J - noise_variance I)^(1/2) (Tipping & Bishop 1999, section 3.2).
        Raises ValueError for fewer than two observations, for latent_dim outside 1 to D - 1, and for x that lies in
        latent_dim dimensions exactly, where the likelihood has no maximum.
        """
        x = torch.as_tensor(x)
        if x.ndim != 2 or len(x) < 2 or not x.is_floating_point() or not x.isfinite().all():
            raise ValueError(f"x has shape {tuple(x.shape)}; it must be (N, D), N at least 2, of finite floats")
        n, dim = x.shape
        if not 1 <= latent_dim < dim:
            raise ValueError(f"latent_dim is {latent_dim}; it must be from 1 to D - 1 = {dim - 1}")
        mean = x.mean(0, dtype=torch.float64)
        _, singular, axes = torch.linalg.svd((x - mean).to(x.dtype), full_matrices=False)
        eigenvalues = singular**2 / n
        noise_variance = float(eigenvalues[latent_dim:].sum()) / (dim - latent_dim)  # those beyond N are zero
        if noise_variance <= (torch.finfo(x.dtype).eps * float(singular[0])) ** 2 / n * max(n, dim):
            raise ValueError(f"x lies in {latent_dim} dimensions exactly; the likelihood grows without bound there")
        scale = (eigenvalues[:latent_dim] - noise_variance).clamp(min=0).sqrt()
        return cls(axes[:latent_dim].mT * scale, mean.to(x.dtype), noise_variance)

    def _data(self, x: Tensor) -> Tensor:
        x = x if isinstance(x, Tensor) else torch.as_tensor(x, device=self.W.device)
        if x.shape[-1:] != self.mean.shape:
            raise ValueError(f"x has shape {tuple(x.shape)}; its last axis must hold D = {self.dim} values")
        return x

    def _code(self, z: Tensor) -> Tensor:
        z = z if isinstance(z, Tensor) else torch.as_tensor(z, device=self.W.device)
        if z.shape[-1:] != self.W.shape[1:]:
            raise ValueError(f"z has shape {tuple(z.shape)}; its last axis must hold J = {self.latent_dim} values")
        return z.to(self.W.dtype)

    def _gaussian(self, mu: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        cov = (cov if isinstance(cov, Tensor) else torch.as_tensor(cov, device=self.W.device)).to(self.W.dtype)
        mu = self._code(mu)
        gaussians.log_density_full(mu, mu, cov)  # refuses what is no covariance
        return mu, cov

    def _whitened(self, x: Tensor, mu: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and covariance of q = N(mu, cov) in coordinates in which the posterior is N(0, I)."""
        mean, _ = self.posterior(x)
        mu, cov = self._gaussian(mu, cov)
        root = self._factor / math.sqrt(self.noise_variance)  # root^T root is the inverse of the posterior covariance
        product = root @ cov @ root.mT
        return (mu - mean) @ root.mT, (product + product.mT) / 2
