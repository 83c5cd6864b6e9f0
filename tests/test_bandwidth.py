"""Bandwidths against SciPy, exact risks and the definition of leaving one out."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

from lecture_lib import bandwidth, density, kernels


def randn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dim", [1, 2, 7])
def test_the_rules_are_scipys_factors_times_the_standard_deviation(dim):
    x = randn(200, dim) * torch.arange(1, dim + 1)
    kde = stats.gaussian_kde(x.T.numpy())
    for ours, factor in (
        (bandwidth.silverman_bandwidth, kde.silverman_factor()),
        (bandwidth.scott_bandwidth, kde.scotts_factor()),
    ):
        assert ours(x).tolist() == pytest.approx((x.std(0) * factor).tolist(), rel=1e-12)


def test_a_robust_spread_is_not_widened_by_an_outlier():
    x = torch.cat([randn(500, 1), torch.tensor([[1e8]]).double()])
    clean = float(bandwidth.silverman_bandwidth(x[:500]))
    assert float(bandwidth.silverman_bandwidth(x)) > 1e5
    assert float(bandwidth.silverman_bandwidth(x, robust=True)) == pytest.approx(clean, rel=0.1)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9, 1.0])
def test_quantiles_are_numpys(share):
    x = randn(101, 3)
    assert np.allclose(bandwidth.quantiles(x, share), np.quantile(x.numpy(), share, axis=0), rtol=1e-13)


def amise(kernel, h, n):
    """Leading terms for a standard normal density: bias^2 h^4 variance^2 R(f'') / 4 and variance R / (n h)."""
    curvature = 3 / (8 * math.pi**0.5)
    return h**4 * kernels.variance(kernel) ** 2 * curvature / 4 + kernels.roughness(kernel) / (n * h)


@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_silverman_is_the_minimizer_of_the_asymptotic_risk_for_normal_data(kernel):
    x = randn(400, 1)
    x = (x - x.mean()) / x.std()
    best = optimize.minimize_scalar(lambda h: amise(kernel, h, 400), bounds=(0.01, 5), options={"xatol": 1e-9})
    found = float(bandwidth.silverman_bandwidth(x, kernel=kernel))
    assert found == pytest.approx(best.x, rel=1e-5)


def exact_risk(h, n, shares, means, sigmas):
    """The mean integrated squared error of a Gaussian kernel for a mixture (Marron & Wand 1992, theorem 2.1)."""
    w, m, s2 = np.array(shares), np.array(means), np.array(sigmas) ** 2
    overlap = lambda extra: sum(  # noqa: E731
        w[i] * w[j] * stats.norm.pdf(m[i] - m[j], scale=math.sqrt(s2[i] + s2[j] + extra))
        for i in range(len(w))
        for j in range(len(w))
    )
    return 1 / (2 * math.pi**0.5 * n * h) + (1 - 1 / n) * overlap(2 * h**2) - 2 * overlap(h**2) + overlap(0)


MIXTURES = {
    "normal": ((1.0,), (0.0,), (1.0,)),
    "two bumps": ((0.5, 0.5), (-2.0, 2.0), (0.7, 0.7)),
    "skewed": ((0.75, 0.25), (0.0, 2.0), (1.0, 0.4)),
    "narrow on wide": ((0.7, 0.3), (0.0, 0.5), (1.5, 0.3)),
}


def draw(shares, means, sigmas, n, generator):
    which = torch.multinomial(torch.tensor(shares), n, replacement=True, generator=generator)
    noise = torch.randn(n, dtype=torch.float64, generator=generator)
    return (torch.tensor(means).double()[which] + torch.tensor(sigmas).double()[which] * noise)[:, None]


@pytest.mark.parametrize("name", MIXTURES)
def test_least_squares_leaving_one_out_finds_the_minimizer_of_the_exact_risk(name):
    """Each choice scatters by N^(-1/10) of itself; the median of 25 is within 10 per cent of the exact minimizer."""
    n, generator = 1000, torch.Generator().manual_seed(0)
    best = optimize.minimize_scalar(
        lambda h: exact_risk(h, n, *MIXTURES[name]), bounds=(0.01, 2), options={"xatol": 1e-6}
    )
    found = [
        float(bandwidth.leave_one_out_bandwidth(draw(*MIXTURES[name], n, generator), criterion="squares"))
        for _ in range(25)
    ]
    assert np.median(found) == pytest.approx(best.x, rel=0.1)


def divergence(h, samples, density_of):
    """KL(p || p_hat) averaged over samples, by quadrature."""
    grid = torch.linspace(-9, 9, 1801, dtype=torch.float64)
    p = density_of(grid.numpy())
    total = 0.0
    for x in samples:
        log_p_hat = density.KernelDensity(h).fit(x).score_samples(grid[:, None]).numpy()
        total += integrate.trapezoid(p * (np.log(p) - log_p_hat), grid.numpy())
    return total / len(samples)


@pytest.mark.parametrize("name", ["normal", "two bumps", "skewed"])
def test_likelihood_leaving_one_out_finds_the_minimizer_of_the_divergence(name):
    n, generator = 1000, torch.Generator().manual_seed(1)
    shares, means, sigmas = MIXTURES[name]
    density_of = lambda t: sum(w * stats.norm.pdf(t, m, s) for w, m, s in zip(shares, means, sigmas, strict=True))  # noqa: E731
    samples = [draw(shares, means, sigmas, n, generator) for _ in range(25)]
    start = float(bandwidth.silverman_bandwidth(samples[0], robust=True))
    best = optimize.minimize_scalar(
        lambda h: divergence(h, samples, density_of), bounds=(0.3 * start, 3 * start), options={"xatol": 0.003 * start}
    )
    found = [float(bandwidth.leave_one_out_bandwidth(x)) for x in samples]
    assert np.median(found) == pytest.approx(best.x, rel=0.1)


@pytest.mark.parametrize("kernel", ["gaussian", "epanechnikov", "biweight"])
@pytest.mark.parametrize("dim", [1, 2])
def test_no_other_bandwidth_gives_those_left_out_a_higher_likelihood(kernel, dim):
    x = randn(150, dim) * 3
    h = bandwidth.leave_one_out_bandwidth(x, kernel=kernel)
    score = lambda c: float(density.KernelDensity(c * h, kernel).fit(x).leave_one_out().sum())  # noqa: E731
    assert score(1.0) >= max(score(2.0**e) for e in (-2, -1, -0.3, -0.05, 0.05, 0.3, 1, 2)) - 1e-6
    assert score(1.0) == pytest.approx(
        150 * (bandwidth.likelihood_score(x / h, kernel, memory=2**28) - float(h.log().sum())), rel=1e-10
    )


def test_the_squares_are_the_integral_of_the_square_less_twice_the_mean_of_those_left_out():
    x = randn(40, 1)
    model = density.KernelDensity(0.5).fit(x)
    value = lambda t: float(model.score_samples(torch.tensor([[t]]).double()).exp()) ** 2  # noqa: E731
    integral = integrate.quad(value, -8, 8, limit=300)[0]
    expected = 2 * float(model.leave_one_out().exp().mean()) - integral
    found = math.exp(bandwidth.squares_score(x / 0.5)) / 0.5
    assert found == pytest.approx(expected, rel=1e-7)


def test_outliers_and_repeated_rows():
    x = torch.cat([randn(200, 1), torch.tensor([[1e8]]).double()])
    assert float(bandwidth.leave_one_out_bandwidth(x)) > 1e5  # one point alone: heavy tails oversmooth
    assert float(bandwidth.leave_one_out_bandwidth(x, criterion="squares")) < 1
    some = torch.cat([randn(100, 1), randn(100, 1)[:30]])
    assert float(bandwidth.leave_one_out_bandwidth(some)) > 0
    with pytest.raises(ValueError, match="every row of x is repeated"):
        bandwidth.leave_one_out_bandwidth(randn(50, 2).repeat(2, 1))


def test_mistakes_are_explained():
    with pytest.raises(ValueError, match="criterion is 'risk'; it must be one of 'likelihood', 'squares'"):
        bandwidth.leave_one_out_bandwidth(randn(9, 1), criterion="risk")
    with pytest.raises(ValueError, match='the criterion "squares" has a closed form for "gaussian" only'):
        bandwidth.leave_one_out_bandwidth(randn(9, 1), kernel="cosine", criterion="squares")
    with pytest.raises(ValueError, match="column 1 of x does not vary"):
        bandwidth.leave_one_out_bandwidth(torch.cat([randn(9, 1), torch.ones(9, 1)], 1))
    with pytest.raises(ValueError, match="N at least 2"):
        bandwidth.silverman_bandwidth(randn(1, 1))
