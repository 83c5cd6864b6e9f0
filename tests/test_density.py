"""Kernel and nearest-neighbor densities against scikit-learn, SciPy, integrals and repeated draws."""

import math

import clouds
import numpy as np
import pytest
import torch
from clouds import randn
from scipy import integrate, stats
from sklearn import neighbors as theirs

from lecture_lib import density, device, kernels, neighbors

NAMES = {  # ours: scikit-learn's
    "gaussian": "gaussian",
    "uniform": "tophat",
    "triangular": "linear",
    "epanechnikov": "epanechnikov",
    "cosine": "cosine",
}


def agree(found, expected, tolerance):
    """p, not log p, is the same to `tolerance`, and -inf stands where it should."""
    expected = torch.as_tensor(np.asarray(expected))
    assert bool(((found == -math.inf) == (expected == -math.inf)).all())
    finite = expected > -math.inf
    assert float((found.double() - expected)[finite].abs().max()) < tolerance


def scikit_learns(x, q, h, kernel):
    """log p by scikit-learn's tree, asked to be exact, and what its rounding errors may leave where there is nothing.

    Its cosine is not normalized where D is even (the last term of an integration by parts is missing).
    """
    model = theirs.KernelDensity(bandwidth=h, kernel=NAMES[kernel], atol=0, rtol=0).fit(x)
    log_p, dim = model.score_samples(q), x.shape[1]
    if kernel == "cosine" and dim % 2 == 0:
        r = theirs.KernelDensity(bandwidth=h, kernel="cosine").fit(np.zeros((1, dim))).score_samples(np.zeros((1, dim)))
        log_p -= r + kernels.log_norm("cosine", dim) + dim * math.log(h)
    noise = 1e-13 * math.exp(-kernels.log_norm(kernel, dim) - dim * math.log(h))
    return log_p, 0.0 if kernel == "gaussian" else noise


@pytest.mark.parametrize("dim", [1, 2, 3, 10])
@pytest.mark.parametrize("kernel", NAMES)
def test_kernels_agree_with_scikit_learn(kernel, dim):
    h = (0.4 if kernel == "gaussian" else 1.5) * dim**0.5
    x, q = randn(400, dim), 1.5 * randn(200, dim, seed=1)
    expected, noise = scikit_learns(x, q, h, kernel)
    found = density.KernelDensity(h, kernel).fit(x).score_samples(q)
    np.testing.assert_allclose(found.exp(), np.exp(expected), rtol=1e-10, atol=noise)
    assert (found == -math.inf).any() or kernel == "gaussian" or dim == 1
    single = density.KernelDensity(h, kernel).fit(x.float()).score_samples(q.float())
    expected, noise = scikit_learns(x.float(), q.float(), h, kernel)
    assert single.dtype == torch.float32
    some = np.exp(expected) > 1e3 * noise
    np.testing.assert_allclose(single[some], expected[some], rtol=1e-6, atol=1e-6)


def test_many_on_a_line_agree_with_scikit_learn_and_scipy_in_the_tails_as_well():
    x, q = randn(4000, 1), torch.linspace(-9, 12, 900, dtype=torch.float64)[:, None]
    model = density.KernelDensity("scott").fit(x)
    kde = stats.gaussian_kde(x[:, 0].numpy(), "scott")
    assert float(model.bandwidth_) == pytest.approx(kde.covariance[0, 0] ** 0.5, rel=1e-12)
    agree(model.score_samples(q), kde.logpdf(q[:, 0].numpy()), 1e-10)
    expected = theirs.KernelDensity(bandwidth=float(model.bandwidth_), atol=0, rtol=0).fit(x).score_samples(q)
    agree(model.score_samples(q), expected, 1e-10)


@pytest.mark.parametrize("dim", [2, 5])
@pytest.mark.parametrize("rule", ["scott", "silverman"])
def test_whitened_data_have_scipys_density_with_full_covariance(rule, dim):
    mix = randn(dim, dim, seed=5)
    x, q = randn(300, dim) @ mix, randn(100, dim, seed=1) @ mix
    factor = torch.linalg.cholesky(x.T.cov())
    white = lambda y: torch.linalg.solve_triangular(factor, y.T, upper=False).T  # noqa: E731
    model = density.KernelDensity(rule).fit(white(x))
    expected = stats.gaussian_kde(x.T.numpy(), rule).logpdf(q.T.numpy())
    agree(model.score_samples(white(q)) - factor.diagonal().log().sum(), expected, 1e-10)


@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_a_product_kernel_with_a_bandwidth_for_each_column_is_a_product_of_columns(kernel):
    h = torch.tensor([0.7, 1.9]).double()
    x, q = randn(50, 2), randn(40, 2, seed=1)
    columns = [
        density.KernelDensity(h[j], kernel).fit(x[i : i + 1, j : j + 1]).score_samples(q[:, j : j + 1])
        for i in range(50)
        for j in range(2)
    ]
    expected = torch.stack(columns).view(50, 2, 40).sum(1).logsumexp(0) - math.log(50)
    agree(density.KernelDensity(h, kernel, shape="product").fit(x).score_samples(q), expected, 1e-11)


@pytest.mark.parametrize("shape", kernels.SHAPES)
@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_it_integrates_to_one_in_one_and_two_dimensions(kernel, shape):
    x = randn(4, 2)
    line = density.KernelDensity(0.5, kernel).fit(x[:, :1])
    grid = torch.linspace(-6, 6, 60_001, dtype=torch.float64)
    assert float(torch.trapezoid(line.score_samples(grid[:, None]).exp(), grid)) == pytest.approx(1, abs=2e-4)
    plane = density.KernelDensity(torch.tensor([0.5, 0.8]), kernel, shape=shape).fit(x)
    axis = torch.linspace(-6, 6, 601, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    assert float(plane.score_samples(points).exp().sum()) * 0.02**2 == pytest.approx(1, abs=3e-3)


def test_a_gaussian_kernel_integrates_to_one_to_ten_digits():
    model = density.KernelDensity(0.3).fit(randn(5, 1))
    value = lambda t: float(model.score_samples(torch.tensor([[t]]).double()).exp())  # noqa: E731
    assert integrate.quad(value, -8, 8, limit=300)[0] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("kernel", ["gaussian", "epanechnikov"])
@pytest.mark.parametrize("dim", [1, 3])
def test_leaving_one_out_is_fitting_without_it(kernel, dim):
    x = randn(30, dim)
    model = density.KernelDensity(2.0, kernel).fit(x)
    rest = [density.KernelDensity(2.0, kernel).fit(x[torch.arange(30) != i]) for i in range(30)]
    agree(model.leave_one_out(), torch.cat([m.score_samples(x[i : i + 1]) for i, m in enumerate(rest)]), 1e-11)


def test_the_stated_error_of_a_kernel_estimate_is_the_spread_over_draws():
    q = torch.tensor([[0.0], [1.0], [2.0]]).double()
    models = [density.KernelDensity(0.15).fit(randn(1000, 1, seed=s)) for s in range(300)]
    p = torch.stack([m.score_samples(q).exp() for m in models])
    stated = torch.stack([m.relative_error(q) for m in models]).mean(0)
    assert (p.std(0) / p.mean(0) / stated - 1).abs().max() < 0.15


@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_draws_have_the_moments_of_the_estimate(kernel):
    x = randn(50, 2)
    h = torch.tensor([1.0, 3.0]).double()
    draws = density.KernelDensity(h, kernel).fit(x).sample(40_000, generator=torch.Generator().manual_seed(0))
    variance = x.var(0, correction=0) + h**2 * kernels.variance(kernel, 2)
    assert ((draws.mean(0) - x.mean(0)).abs() < 5 * (variance / 40_000).sqrt()).all()
    assert (draws.var(0) / variance - 1).abs().max() < 0.04


def test_draws_in_one_dimension_follow_the_estimate():
    x = randn(7, 1)
    draws = density.KernelDensity(0.2).fit(x).sample(5000, generator=torch.Generator().manual_seed(1))
    cdf = lambda t: stats.norm.cdf((np.asarray(t)[:, None] - x[:, 0].numpy()) / 0.2).mean(1)  # noqa: E731
    assert stats.kstest(draws[:, 0].numpy(), cdf).pvalue > 1e-4


HOSTILE = clouds.HOSTILE | {
    "one column with outliers": torch.cat([randn(2000, 1), torch.tensor([[1e8], [-1e8]]).double()]),
}


@pytest.mark.parametrize("kernel", kernels.NAMES)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data_and_kernels(name, kernel):
    x = HOSTILE[name]
    model = density.KernelDensity(0.5, kernel).fit(x)
    scores = model.score_samples(torch.cat([x[:60], x[:60] + 100]))
    assert not scores.isnan().any() and not (scores == math.inf).any()
    assert scores[: min(60, len(x))].isfinite().all()
    assert scores.dtype == (torch.float32 if x.dtype == torch.float32 else torch.float64)
    assert model.sample(7).shape == (7, x.shape[1]) and model.sample(0).shape == (0, x.shape[1])
    assert model.score_samples(x[:0]).shape == (0,) and model.relative_error(x[:0]).shape == (0,)
    if len(x) > 1:
        assert not model.leave_one_out().isnan().any()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data_and_neighbors(name):
    x = HOSTILE[name]
    model = density.KNeighborsDensity(min(3, len(x))).fit(x)
    q = x[:40].double() + 0.25
    scores = model.score_samples(q)
    assert scores.isfinite().all() and model.score_samples(x[:0]).shape == (0,)
    assert (model.relative_error(q) == model.k**-0.5).all() and model.relative_error(x[:0]).shape == (0,)


@pytest.mark.parametrize("dim", [1, 2, 10])
def test_the_neighbor_density_by_a_tree_of_scikit_learn(dim):
    x, q = randn(500, dim), randn(100, dim, seed=1)
    r = theirs.KDTree(x.numpy()).query(q.numpy(), 7)[0][:, -1]
    volume = np.pi ** (dim / 2) / math.gamma(dim / 2 + 1) * r**dim
    agree(density.KNeighborsDensity(7).fit(x).score_samples(q), np.log(7 / 500 / volume), 1e-12)
    single = density.KNeighborsDensity(7).fit(x.float()).score_samples(q.float())
    assert single.dtype == torch.float32 and np.allclose(single, np.log(7 / 500 / volume), rtol=1e-6, atol=1e-5)


def test_the_neighbor_density_by_hand():
    x = torch.tensor([[0.0], [1.0], [3.0], [7.0]]).double()
    model = density.KNeighborsDensity(2).fit(x)
    assert model.score_samples(torch.tensor([[0.0], [5.0]]).double()).exp().tolist() == pytest.approx(
        [2 / (4 * 2 * 1), 2 / (4 * 2 * 2)]
    )
    assert model.leave_one_out().exp().tolist() == pytest.approx([2 / (3 * 2 * r) for r in (3, 2, 3, 6)])


def test_the_error_of_the_neighbor_density_is_the_spread_over_draws():
    """k / r_k^D in a uniform density: k over a Gamma(k) volume, whose spread is 1 / sqrt(k - 2) of it."""
    k, p = 30, []
    for seed in range(400):
        x = torch.rand(500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        p.append(density.KNeighborsDensity(k).fit(x).score_samples(torch.tensor([[0.5, 0.5]]).double()).exp())
    p = torch.cat(p)
    stated = density.KNeighborsDensity(k).fit(x).relative_error(x[:1])
    assert float(p.std() / p.mean() / stated) == pytest.approx(1, abs=0.12)


def test_far_away_the_neighbor_density_falls_like_a_power_and_so_has_no_integral():
    model = density.KNeighborsDensity(3).fit(randn(50, 2))
    near, far = model.score_samples(torch.tensor([[1e5, 0.0], [1e6, 0.0]]).double())
    assert float(near - far) == pytest.approx(2 * math.log(10), rel=1e-3)
    with pytest.raises(ValueError, match="infinite integral, so nothing can be drawn"):
        model.sample(3)


def test_where_k_observations_stand_at_one_place_the_neighbor_density_is_refused():
    x = torch.tensor([[0.0], [0.0], [1.0]]).double()
    with pytest.raises(ValueError, match="k is 2, and as many observations or more stand where row 1 of x does"):
        density.KNeighborsDensity(2).fit(x).score_samples(torch.tensor([[0.5], [0.0]]).double())
    assert density.KNeighborsDensity(3).fit(x).score_samples(x[:1]).isfinite().all()


def test_the_slope_of_log_rank_and_the_height_give_dimension_and_density():
    """Lecture 09 reads d from the slope of log n(r); the height at the same place is log (N p omega_D)."""
    x = torch.rand(20_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q = torch.tensor([[0.5, 0.5]]).double()
    r, _ = neighbors.nearest(x, 200, queries=q)
    height = math.log(200) - 2 * float(r[0, -1].log()) - float(neighbors.log_unit_ball_volume(2)) - math.log(20_000)
    assert float(density.KNeighborsDensity(200).fit(x).score_samples(q)) == pytest.approx(height, rel=1e-12)
    assert height == pytest.approx(0, abs=4 / 200**0.5)


@pytest.mark.parametrize(
    ("model", "x", "message"),
    [
        (density.KernelDensity(0.0), [[1.0]], "bandwidth is 0.0; it must be positive, one number or 1 of them"),
        (density.KernelDensity([1.0, 2.0, 3.0]), [[1.0, 2.0]], "it must be positive, one number or 2 of them"),
        (density.KernelDensity("best"), [[1.0]], "bandwidth is 'best'; it must be one of 'silverman', 'scott', 'leave"),
        (density.KernelDensity(1.0, "box"), [[1.0]], "kernel is 'box'; it must be one of"),
        (density.KernelDensity(1.0), [[math.inf]], r"x holds NaN or infinity \(first: row 0\)"),
        (density.KernelDensity("silverman"), [[1.0]], r"x has shape \(1, 1\); it must be \(N, D\) with N at least 2"),
        (
            density.KernelDensity("scott"),
            [[1.0], [1.0]],
            "column 0 of x does not vary, so no rule gives it a bandwidth",
        ),
        (density.KernelDensity(1.0), [[]], r"x has shape \(1, 0\); it must be \(N, D\), D at least 1"),
        (density.KNeighborsDensity(3), [[1.0], [2.0]], "k is 3; it must be a whole number from 1 to 2"),
        (density.KNeighborsDensity(1), [[math.nan]], "x holds NaN"),
    ],
)
def test_mistakes_are_explained(model, x, message):
    with pytest.raises(ValueError, match=message):
        model.fit(torch.tensor(x))


def test_what_must_come_first():
    for model in (density.KernelDensity(1.0), density.KNeighborsDensity(1)):
        with pytest.raises(ValueError, match="has seen no data yet; call fit"):
            model.score_samples(torch.zeros(1, 1))
    with pytest.raises(ValueError, match="x holds NaN"):
        density.KernelDensity(1.0).fit(torch.zeros(1, 1)).score_samples(torch.tensor([[math.nan]]))
    with pytest.raises(ValueError, match="x has one row, and none is left"):
        density.KernelDensity(1.0).fit(torch.zeros(1, 1)).leave_one_out()


def test_numpy_arrays_are_welcome():
    x = np.random.default_rng(0).normal(size=(30, 2))
    assert isinstance(density.KernelDensity("silverman").fit(x).score_samples(x), torch.Tensor)
    assert isinstance(density.KNeighborsDensity(2).fit(x).score_samples(x), torch.Tensor)
    assert isinstance(density.HistogramDensity().fit(x).score_samples(x), torch.Tensor)


@pytest.mark.gpu
@pytest.mark.parametrize("dim", [1, 3])
def test_an_accelerator(dim):
    where = device.pick()
    x, q = randn(3000, dim), 1.5 * randn(500, dim, seed=1)
    models = [density.KernelDensity("silverman", kernel) for kernel in kernels.NAMES]
    models += [density.KNeighborsDensity(7), density.HistogramDensity("scott")]
    for model in models:
        expected = model.fit(x).score_samples(q)
        found = model.fit(x.to(where)).score_samples(q.to(where))
        assert found.device.type == where.type and torch.allclose(found.cpu(), expected, rtol=1e-9, atol=1e-9)
