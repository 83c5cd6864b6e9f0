"""Principal component analysis: the linear code that loses least, by singular values or by random projection."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_lib import integers

METHODS = ("auto", "svd", "scatter", "randomized")
BLOCK = 2**14  # rows of 8-bit integers multiplied at once
OVERSAMPLING, PASSES = 10, 5  # of the randomized method, which multiplies with x 2 * PASSES + 1 times
LEAST_RATIO = 1e-6  # lambda_J / lambda_1 above which eigenvectors of an exact scatter matrix are as good as an SVD


@dataclass(frozen=True)
class PCA:
    """The J leading principal axes of N observations, from `fit`: X = U Sigma V^T, centered. Eq. (8.3).

    mean (D,); axes V (D, J): orthonormal columns, the largest entry of each positive; singular_values (J,), descending;
    discarded: the sum of the squares of all the others; n_observations N.
    """

    mean: Tensor
    axes: Tensor
    singular_values: Tensor
    discarded: float
    n_observations: int

    @property
    def variance(self) -> Tensor:
        """sigma_j^2 / N, the variance along each axis, (J,). Eq. (8.8). (scikit-learn divides by N - 1.)"""
        return self.singular_values**2 / self.n_observations

    @property
    def explained_variance_ratio(self) -> Tensor:
        """sigma_j^2 / tr(X^T X), the share of each axis in the total variance, (J,). Eq. (8.9)."""
        squares = self.singular_values**2
        return squares / (squares.sum() + self.discarded)

    @property
    def error(self) -> float:
        """(1/N) sum_(j > J) sigma_j^2, the mean of ||x - x_hat||^2 over the fitted data. Eq. (8.13)."""
        return self.discarded / self.n_observations

    def project(self, x: Tensor) -> Tensor:
        """z = V^T (x - mean), the scores, shapes (..., D) -> (..., J). Eq. (8.7)."""
        return (self._vectors(x, "x", len(self.mean)) - self.mean) @ self.axes

    def reconstruct(self, z: Tensor) -> Tensor:
        """x_hat = mean + V z, shapes (..., J) -> (..., D)."""
        return self.mean + self._vectors(z, "z", self.axes.shape[1]) @ self.axes.mT

    def whiten(self, x: Tensor) -> Tensor:
        """z_j / sqrt(variance_j), uncorrelated and of variance 1 on the fitted data, shapes (..., D) -> (..., J)."""
        return self.project(x) / self.variance.sqrt()

    def _vectors(self, values: Tensor, name: str, size: int) -> Tensor:
        values = values if isinstance(values, Tensor) else torch.as_tensor(values, device=self.mean.device)
        if values.shape[-1:] != (size,):
            raise ValueError(f"{name} has shape {tuple(values.shape)}; its last axis must hold {size} values")
        return _scaled(values, self.mean.dtype)


def fit(x: Tensor, n_components: int, *, method: str = "auto", generator: torch.Generator | None = None) -> PCA:
    """The n_components principal axes of the rows of x (N, D): floats, or uint8 grey values, which count as v / 255.

    "svd": singular values of the centered data, all digits. "scatter": eigenvectors of X^T X, quick for N >> D, but
    axes with less than about 1e-8 of the largest singular value are lost. "auto": the scatter matrix of uint8 rows,
    exact in integers, where nothing is lost by it, else the SVD. "randomized": block Krylov iterations (Musco & Musco
    2015) from noise of `generator`. Computed in float64, returned in the type of x (float64 for uint8). Raises
    ValueError where the data do not determine the axes.
    """
    x = _data(x, n_components)
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    if method == "scatter" or (method == "auto" and x.dtype == torch.uint8 and len(x) >= x.shape[1]):
        mean, scatter = _integer_scatter(x) if x.dtype == torch.uint8 else _float_scatter(x)
        squares, axes = torch.linalg.eigh(scatter)
        values, axes = squares.flip(0).clamp(min=0).sqrt(), axes.flip(1)
        if method == "scatter" or values[n_components - 1] ** 2 >= LEAST_RATIO * values[0] ** 2:
            return _result(x, mean, values, axes, n_components, squared=True)
    mean, centered = _centered(x)
    if method == "randomized":
        return _result(x, mean, *_krylov(centered, n_components, generator), n_components, total=(centered**2).sum())
    return _result(x, mean, *_svd(centered), n_components)


def principal_angles(a: Tensor, b: Tensor) -> Tensor:
    """The angles between the column spaces of a (D, J) and b (D, K), ascending, (min(J, K),) in radians.

    From the sines below 45 degrees and the cosines above, so that small angles keep their digits (Bjorck & Golub 1973).
    Raises ValueError where columns are linearly dependent.
    """
    a, b = _basis(a, "a"), _basis(b, "b")
    if len(a) != len(b) or a.dtype != b.dtype:
        raise ValueError(f"a is {tuple(a.shape)} {a.dtype}, b {tuple(b.shape)} {b.dtype}; D and type must be the same")
    a, b = (b, a) if a.shape[1] < b.shape[1] else (a, b)
    cosines = torch.linalg.svdvals(a.mT @ b).clamp(max=1)
    sines = torch.linalg.svdvals(b - a @ (a.mT @ b)).flip(0).clamp(max=1)
    return torch.where(sines**2 < 0.5, sines.asin(), cosines.acos())


def _svd(centered: Tensor) -> tuple[Tensor, Tensor]:
    """Singular values and right singular vectors (D, min(N, D)); those of R, a square, where x = Q R is tall."""
    tall = centered.shape[0] > centered.shape[1]
    _, values, rows = torch.linalg.svd(torch.linalg.qr(centered, "r").R if tall else centered, full_matrices=False)
    return values, rows.mT


def _krylov(centered: Tensor, n_components: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """The best singular values and vectors within the span of (X^T X)^i omega, i = 1 ... PASSES, omega noise."""
    width = min(n_components + OVERSAMPLING, *centered.shape)
    options = {"dtype": centered.dtype, "device": centered.device, "generator": generator}
    block, blocks = torch.randn(centered.shape[1], width, **options), []
    for _ in range(PASSES):
        block = torch.linalg.qr(centered.mT @ (centered @ block)).Q
        blocks.append(block)
    basis = torch.linalg.qr(torch.cat(blocks, 1)).Q
    values, axes = _svd(centered @ basis)
    return values, basis @ axes


def _integer_scatter(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and X^T X of x / 255, centered: N sum x x^T - (sum x)(sum x)^T in integers, no digit lost. Eq. (8.10)."""
    products = torch.zeros(x.shape[1], x.shape[1], dtype=torch.int64, device=x.device)
    sums = products[0].clone()
    for rows in map(integers.signed, x.split(BLOCK)):
        products += integers.product(rows.mT, rows)
        sums += integers.product(rows.new_ones(32, len(rows)), rows)[0]  # 5 times faster than .sum(0)
    scatter = (len(x) * products - sums.outer(sums)).double() / len(x)
    return (sums.double() / len(x) + 128) / 255, scatter / 255**2


def _float_scatter(x: Tensor) -> tuple[Tensor, Tensor]:
    mean, centered = _centered(x)
    return mean, centered.mT @ centered


def _centered(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean, and x less its mean, in float64: in float32 an offset would eat the digits."""
    x = _scaled(x, torch.float64)
    mean = x.mean(0)
    return mean, x - mean


def _result(x, mean, values, axes, n_components: int, *, total=None, squared: bool = False) -> PCA:
    """The leading axes with their signs fixed; refuses axes that rounding errors, not the data, determine.

    Entries rounded to eps change x by eps ||x||_F at most; the squares of singular values have errors of their own.
    """
    eps = torch.finfo(x.dtype if x.is_floating_point() else torch.float64).eps
    found = (values**2).sum()
    total = found if total is None else total
    noise = eps * x.shape[1] ** 0.5 * float(total + len(x) * mean.square().sum()) ** 0.5
    if squared:
        noise = max(noise, (torch.finfo(torch.float64).eps * x.shape[1]) ** 0.5 * float(values[0]))
    rank = int((values > noise).sum())
    if rank < n_components:
        more = '; method="svd" would tell more' if squared and rank else ""
        raise ValueError(f"n_components is {n_components}, but up to rounding x less its mean has rank {rank}{more}")
    discarded = float((values[n_components:] ** 2).sum() + (total - found).clamp(min=0))  # no cancellation in a tail
    values, axes = values[:n_components], axes[:, :n_components]
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    dtype = x.dtype if x.is_floating_point() else torch.float64
    return PCA(mean.to(dtype), (axes * largest.sign()).to(dtype), values.to(dtype), discarded, len(x))


def _scaled(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) / 255 if x.dtype == torch.uint8 else x.to(dtype)


def _data(x: Tensor, n_components: int) -> Tensor:
    x = torch.as_tensor(x)
    if x.ndim != 2 or len(x) < 2 or x.shape[1] < 1:
        raise ValueError(f"x has shape {tuple(x.shape)}; it must be (N, D), N at least 2 and D at least 1")
    if x.dtype not in (torch.uint8, torch.float32, torch.float64):
        raise ValueError(f"x holds {x.dtype}; it must hold float32, float64, or uint8 grey values")
    if x.is_floating_point() and not (finite := x.isfinite().all(1)).all():
        raise ValueError(f"x holds NaN or infinity (first: row {int((~finite).nonzero()[0])}); remove or fill them")
    most = min(len(x) - 1, x.shape[1])
    if isinstance(n_components, bool) or not isinstance(n_components, int) or not 1 <= n_components <= most:
        raise ValueError(
            f"n_components is {n_components!r}; it must be a whole number from 1 to min(N - 1, D) = {most}: "
            f"{len(x)} rows less their mean have no greater rank"
        )
    return x


def _basis(a: Tensor, name: str) -> Tensor:
    """Orthonormal columns with the span of a (D, J)."""
    a = torch.as_tensor(a)
    if a.ndim != 2 or not 0 < a.shape[1] <= a.shape[0] or not a.is_floating_point() or not a.isfinite().all():
        raise ValueError(f"{name} has shape {tuple(a.shape)}; it must be (D, J), J at most D, of finite floats")
    a = a / a.norm(dim=0).clamp(min=torch.finfo(a.dtype).tiny)
    if (rank := int(torch.linalg.matrix_rank(a))) < a.shape[1]:
        raise ValueError(f"the {a.shape[1]} columns of {name} span only {rank} dimensions")
    return torch.linalg.qr(a).Q
