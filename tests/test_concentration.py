"""The parts of DANCo, one by one: against quadrature, SciPy's von Mises distribution and angles known by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from lecture_lib import concentration


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def log_nearest_ratio(r, d, k):
    return math.log(k * d) + (d - 1) * math.log(r) + (k - 1) * math.log1p(-(r**d))


def kl_by_quadrature(d_q, d_p, k):
    """In the variable u = r^d_q, cut where its logarithm is well spread."""

    def integrand(u):
        r = u ** (1 / d_q)
        difference = math.log(d_q / d_p) + (d_q - d_p) * math.log(r)
        return k * (1 - u) ** (k - 1) * (difference + (k - 1) * (math.log1p(-u) - math.log1p(-(r**d_p))))

    return sum(
        integrate.quad(integrand, a, b, epsabs=1e-13, epsrel=1e-10, limit=300)[0] for a, b in ((0, 0.01), (0.01, 1))
    )


def kl_published(d_q, d_p, k):
    """The sum of binomial coefficients of Ceruti et al. 2014, which is exact but for rounding."""
    i, harmonic = np.arange(k + 1), (1 / np.arange(1, k + 1)).cumsum()
    total = ((-1.0) ** i * special.comb(k, i) * special.digamma(1 + i * d_q / d_p)).sum()
    return harmonic[k - 1] * d_p / d_q - 1 - harmonic[k - 2] - math.log(d_p / d_q) - (k - 1) * total


@pytest.mark.parametrize(("k", "d"), [(1, 3.0), (3, 0.7), (10, 5.0), (40, 20.0)])
def test_the_fitted_dimension_maximizes_the_likelihood(k, d):
    ratios = (1 - torch.rand(200, dtype=torch.float64, generator=seeded()) ** (1 / k)) ** (1 / d)
    fitted = concentration.fit_nearest_ratio(ratios, k)
    best = sum(log_nearest_ratio(r, fitted, k) for r in ratios.tolist())
    for other in (0.99 * fitted, 1.01 * fitted):
        assert sum(log_nearest_ratio(r, other, k) for r in ratios.tolist()) < best
    slope = [sum(log_nearest_ratio(r, fitted * (1 + h), k) for r in ratios.tolist()) for h in (1e-5, -1e-5)]
    assert abs(slope[0] - slope[1]) / 2e-5 < 1e-3  # flat at the top
    assert fitted == pytest.approx(d, rel=0.25)


def test_for_k_equal_to_1_the_fitted_dimension_is_known_by_hand():
    ratios = torch.tensor([-1.0, -2.0, -3.0]).exp()
    assert concentration.fit_nearest_ratio(ratios, 1) == pytest.approx(3 / 6, rel=1e-6)


def test_the_fitted_dimension_is_right_for_many_ratios():
    """At the quantiles of the distribution 1 - (1 - r^d)^k itself."""
    share = (torch.arange(20_000).double() + 0.5) / 20_000
    ratios = (1 - share ** (1 / 10)) ** (1 / 7.5)
    assert concentration.fit_nearest_ratio(ratios, 10) == pytest.approx(7.5, rel=1e-3)


@pytest.mark.parametrize("bad", [0.0, 1.0, 1.5, -0.1, math.nan])
def test_ratios_outside_the_unit_interval_are_refused(bad):
    with pytest.raises(ValueError, match="ratios must lie between 0 and 1"):
        concentration.fit_nearest_ratio(torch.tensor([0.5, bad]), 10)


@pytest.mark.parametrize("k", [1, 2, 10, 20, 40, 200])
@pytest.mark.parametrize(("d_q", "d_p"), [(5, 7), (5, 4), (1, 60), (60, 1), (12.1, 12.2), (0.9, 1.0)])
def test_kl_of_nearest_ratios_agrees_with_quadrature(d_q, d_p, k):
    found = float(concentration.kl_nearest_ratio(d_q, d_p, k))
    assert found == pytest.approx(kl_by_quadrature(d_q, d_p, k), rel=1e-8, abs=1e-12)


def test_kl_of_nearest_ratios_agrees_with_the_published_sum_while_that_has_digits():
    for k, tolerance in ((3, 1e-13), (10, 1e-10), (20, 1e-7)):
        expected = kl_published(5.0, 7.0, k)
        assert float(concentration.kl_nearest_ratio(5.0, 7.0, k)) == pytest.approx(expected, abs=tolerance)
    assert abs(float(concentration.kl_nearest_ratio(5.0, 7.0, 60)) - kl_published(5.0, 7.0, 60)) > 1  # no digit left


@pytest.mark.parametrize("k", [1, 3, 10, 100])
def test_kl_of_nearest_ratios_is_zero_at_equality_and_never_negative(k):
    d = torch.logspace(-1, 3, 41, dtype=torch.float64)
    table = concentration.kl_nearest_ratio(d[:, None], d, k)
    assert table.shape == (41, 41)
    assert table.diagonal().abs().max() < 1e-12 * k
    assert (table + torch.eye(41) > 0).all()


def test_angles_known_by_hand():
    x = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [-1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    found = concentration.neighbor_angles(x, torch.tensor([[1, 2, 3]]), rows=torch.tensor([0]))
    assert found[0].tolist() == pytest.approx([math.pi / 2, math.pi, math.pi / 2])
    found = concentration.neighbor_angles(x, torch.tensor([[1, 4, 3]]), rows=torch.tensor([0]))
    assert found[0].tolist() == pytest.approx([math.pi / 4, math.pi, 3 * math.pi / 4])


def test_angles_are_those_of_a_double_loop_whatever_the_offset_and_the_type():
    x = torch.randint(0, 255, (60, 900), generator=seeded()).to(torch.uint8)
    indices = torch.randint(1, 60, (60, 4), generator=seeded(1))
    indices = (indices + torch.arange(60)[:, None]) % 60  # never the point itself
    expected = []
    for i, neighbors in enumerate(indices.tolist()):
        v = x.double()[neighbors] - x.double()[i]
        cosine = torch.nn.functional.cosine_similarity(v[:, None], v[None], dim=-1).clamp(-1, 1)
        expected.append([math.acos(cosine[a, b]) for a in range(4) for b in range(a + 1, 4)])
    expected = torch.tensor(expected, dtype=torch.float64)
    for shifted in (x, x.float() + 1e4, x.double() - 1e6):
        torch.testing.assert_close(concentration.neighbor_angles(shifted, indices), expected, rtol=0, atol=3e-7)


def test_angles_do_not_depend_on_blocks(monkeypatch):
    x, indices = torch.randn(40, 7, generator=seeded()), torch.randint(0, 40, (40, 3), generator=seeded(1))
    indices = (torch.arange(40)[:, None] + 1 + indices % 39) % 40
    whole = concentration.neighbor_angles(x, indices)
    monkeypatch.setattr(concentration, "BLOCK", 3 * 7 * 6)  # six points at a time
    assert torch.equal(concentration.neighbor_angles(x, indices), whole)


@pytest.mark.parametrize(("nu", "tau"), [(0.3, 0.5), (1.5, 4.0), (3.0, 100.0)])
def test_the_von_mises_fit_agrees_with_scipy(nu, tau):
    angles = torch.from_numpy(stats.vonmises.rvs(tau, loc=nu, size=400, random_state=0))
    expected_tau, expected_nu, _ = stats.vonmises.fit(angles.numpy(), fscale=1)
    found_nu, resultant = concentration.fit_von_mises(angles)
    assert float(found_nu) == pytest.approx(expected_nu, rel=1e-7)
    assert concentration.concentration(float(resultant)) == pytest.approx(expected_tau, rel=1e-5)


def test_the_von_mises_fit_knows_the_quadrant_and_keeps_the_leading_axes():
    """The mean of angles beyond pi/2 lies beyond pi/2: atan of a quotient would turn it by pi."""
    angles = torch.tensor([[[2.0, 2.2, 2.4]], [[1.0, 1.0, 1.0]]]).double()
    nu, resultant = concentration.fit_von_mises(angles)
    assert nu.flatten().tolist() == pytest.approx([2.2, 1.0])
    assert resultant.flatten().tolist() == pytest.approx([(1 + 2 * math.cos(0.2)) / 3, 1.0])


@pytest.mark.parametrize("tau", [1e-6, 0.1, 1.0, 10.0, 1e3, 1e6])
def test_concentration_inverts_the_ratio_of_bessel_functions(tau):
    resultant = special.ive(1, tau) / special.ive(0, tau)
    assert concentration.concentration(resultant) == pytest.approx(tau, rel=1e-8)


@pytest.mark.parametrize("resultant", [1.0, 1.1, -0.1, math.nan])
def test_a_resultant_without_a_finite_concentration_is_refused(resultant):
    with pytest.raises(ValueError, match="resultant is"):
        concentration.concentration(resultant)


@pytest.mark.parametrize(
    ("nu_q", "tau_q", "nu_p", "tau_p"),
    [(0.1, 0.5, 1.0, 2.0), (1.5, 30.0, 1.2, 20.0), (2.0, 1.0, 2.0, 1.0), (1.5, 5.0, 1.5, 0.01)],
)
def test_kl_of_von_mises_distributions_agrees_with_quadrature(nu_q, tau_q, nu_p, tau_p):
    q, p = stats.vonmises(tau_q, loc=nu_q), stats.vonmises(tau_p, loc=nu_p)

    def integrand(angle):
        return q.pdf(angle) * (q.logpdf(angle) - p.logpdf(angle))

    expected = integrate.quad(integrand, nu_q - math.pi, nu_q + math.pi, points=[nu_q], epsabs=1e-13)[0]
    found = concentration.kl_von_mises(nu_q, tau_q, nu_p, tau_p)
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_kl_of_von_mises_distributions_neither_overflows_nor_is_negative():
    tau = torch.logspace(-3, 6, 19, dtype=torch.float64)
    table = concentration.kl_von_mises(0.7, tau[:, None], 0.7, tau)
    assert table.isfinite().all()
    assert table.diagonal().abs().max() < 1e-12
    assert (table + torch.eye(19) > 0).all()
    # far out the distributions are normal, with variances 1 / tau
    expected = 0.5 * (1e6 / 1e5 - 1 - math.log(10))
    assert float(concentration.kl_von_mises(0.7, 1e5, 0.7, 1e6)) == pytest.approx(expected, rel=1e-4)
