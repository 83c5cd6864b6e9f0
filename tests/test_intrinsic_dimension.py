"""Dimension estimators on distances made by hand, for which the answer is known, and then on points."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from scipy.spatial import cKDTree

from lecture_lib import intrinsic_dimension, manifolds, neighbors
from lecture_lib.intrinsic_dimension import Estimate, mle, overlap, rank_slope, two_nn

ESTIMATORS = {
    "rank_slope": rank_slope,
    "rank_slope, distance": lambda r: rank_slope(r, response="distance"),
    "two_nn": two_nn,
    "two_nn, fit": lambda r: two_nn(r, method="fit"),
    "mle": mle,
    "mle, arithmetic": lambda r: mle(r, average="arithmetic"),
}
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def distances_in_flat_space(n, k, d, seed=0):
    """Distances from n places, independent of each other, to their k neighbors: volumes are sums of exponentials."""
    volumes = -torch.rand(n, k, dtype=torch.float64, generator=seeded(seed)).log()
    return volumes.cumsum(1) ** (1 / d)


def flat_torus(n, k, d, generator):
    """Distances in the unit cube whose opposite faces are the same: flat, uniform and without boundary."""
    x = generator.random((n, d))
    return torch.from_numpy(cKDTree(x, boxsize=1.0).query(x, k + 1)[0][:, 1:])


# --- formulas on numbers made by hand


@pytest.mark.parametrize("d", [0.5, 1.0, 2.0, 12.9])
@pytest.mark.parametrize("k", [3, 10])
def test_the_slope_of_log_rank_is_d_where_the_rank_is_a_power_of_the_distance(d, k):
    rank = torch.arange(1, k + 1).double()
    distances = torch.tensor([[0.1], [7.0]]) * rank ** (1 / d)  # another density at each point
    estimate = rank_slope(distances)
    assert float(estimate) == pytest.approx(d, rel=1e-12)
    assert estimate.pointwise.tolist() == pytest.approx([d, d], rel=1e-12)


@pytest.mark.parametrize("d", [0.5, 1.0, 2.0, 12.9])
def test_the_other_slope_is_d_where_the_log_volume_has_its_mean(d):
    distances = torch.digamma(torch.arange(1, 7).double()).div(d).exp().expand(3, 6)
    assert float(rank_slope(distances, response="distance")) == pytest.approx(d, rel=1e-12)


def test_the_slope_of_a_point_is_that_of_least_squares():
    distances = distances_in_flat_space(4, 6, 3)
    expected = [np.polyfit(row.log().numpy(), np.log(np.arange(1, 7)), 1)[0] for row in distances]
    estimate = rank_slope(distances)
    assert estimate.pointwise.tolist() == pytest.approx(expected, rel=1e-10)
    assert estimate.value == pytest.approx(np.mean(expected), rel=1e-12)
    assert estimate.std_error == pytest.approx(np.std(expected, ddof=1) * math.sqrt(overlap(6) / 4), rel=1e-12)


def test_the_other_slopes_are_averaged_before_they_are_inverted():
    distances = distances_in_flat_space(4, 6, 3)
    slopes = [np.polyfit(special.digamma(np.arange(1, 7)), row.log().numpy(), 1)[0] for row in distances]
    estimate = rank_slope(distances, response="distance")
    assert estimate.pointwise.tolist() == pytest.approx([1 / slope for slope in slopes], rel=1e-10)
    assert estimate.value == pytest.approx(1 / np.mean(slopes), rel=1e-10)
    error = np.std(slopes, ddof=1) / np.mean(slopes) ** 2 * math.sqrt(overlap(6) / 4)
    assert estimate.std_error == pytest.approx(error, rel=1e-10)


def test_two_nn_by_hand():
    distances = torch.tensor([[0.0, 2.0], [0.0, 1.0], [-5.0, -2.0]]).exp()  # log ratios 2, 1 and 3
    estimate = two_nn(distances)
    assert float(estimate) == pytest.approx((3 - 1) / 6)
    assert estimate.std_error == pytest.approx(2 / 6 * math.sqrt(1.5 / 3))


def test_two_nn_uses_the_first_two_distances_only():
    distances = distances_in_flat_space(20, 9, 4)
    for method in ("mle", "fit"):
        assert float(two_nn(distances, method=method)) == float(two_nn(distances[:, :2], method=method))


@pytest.mark.parametrize("d", [0.5, 1.0, 12.9])
@pytest.mark.parametrize("discard", [0.0, 0.1, 0.5])
def test_the_fit_is_exact_at_the_quantiles_of_the_pareto_distribution(d, discard):
    share = torch.arange(1, 21).double() / 21
    mu = (1 - share) ** (-1 / d)
    distances = torch.stack([torch.ones(20), mu], 1)[torch.randperm(20, generator=seeded())]
    assert float(two_nn(distances, method="fit", discard=discard)) == pytest.approx(d, rel=1e-12)


def test_the_fit_leaves_out_the_largest_tenth():
    share = torch.arange(1, 21).double() / 21
    mu = (1 - share) ** (-1 / 3)
    mu[18:] *= 100
    distances = torch.stack([torch.ones(20), mu], 1)
    assert float(two_nn(distances, method="fit")) == pytest.approx(3, rel=1e-12)
    assert float(two_nn(distances, method="fit", discard=0.05)) < 2


def test_the_fit_is_least_squares_through_the_origin():
    distances = distances_in_flat_space(50, 2, 3)
    x = (distances[:, 1] / distances[:, 0]).log().sort().values[:45, None].numpy()
    y = -np.log(1 - np.arange(1, 46) / 51)
    assert float(two_nn(distances, method="fit")) == pytest.approx(np.linalg.lstsq(x, y)[0][0], rel=1e-12)


def test_mle_by_hand():
    distances = torch.tensor([[-3.0, -1.0, 0.0], [-2.0, -2.0, 0.0]]).exp()  # log ratios 3, 1 and 2, 2
    estimate = mle(distances)
    assert float(estimate) == pytest.approx(4 / 8)  # N (k - 1) over the sum of all
    assert estimate.pointwise.tolist() == pytest.approx([2 / 4, 2 / 4])
    assert estimate.std_error == pytest.approx(0.5 * math.sqrt(13 / 8 / 4))
    assert float(mle(distances, average="arithmetic")) == pytest.approx(1 / 4)  # (k - 2) / T


def test_the_averages_are_the_harmonic_one_with_k_minus_1_and_the_arithmetic_one_with_k_minus_2():
    distances = torch.tensor([[-3.0, -1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]]).exp()  # sums 4 and 1
    assert float(mle(distances)) == pytest.approx(2 * 3 / 5)
    assert float(mle(distances, average="arithmetic")) == pytest.approx((2 / 4 + 2 / 1) / 2)
    assert mle(distances).pointwise.tolist() == pytest.approx([3 / 4, 3 / 1])
    assert mle(distances, average="arithmetic").pointwise.tolist() == pytest.approx([2 / 4, 2 / 1])


def test_for_two_neighbors_mle_is_two_nn_without_its_correction():
    distances = distances_in_flat_space(10, 2, 3)
    assert float(two_nn(distances)) == pytest.approx(float(mle(distances)) * 9 / 10, rel=1e-14)


# --- what is known of their distribution


def test_two_nn_is_unbiased_for_few_independent_ratios():
    values = torch.tensor([float(two_nn(distances_in_flat_space(4, 2, 3.0, seed))) for seed in range(4000)])
    assert abs(values.mean() - 3) < 4 * values.std() / 4000**0.5  # N instead of N - 1 would give 4


@pytest.mark.parametrize("average", ["harmonic", "arithmetic"])
def test_mle_of_many_independent_places_is_right(average):
    estimate = mle(distances_in_flat_space(40_000, 5, 7.0), average=average)
    spread = {"harmonic": 7 / math.sqrt(4 * 40_000), "arithmetic": 7 / math.sqrt(2 * 40_000)}[average]
    assert abs(float(estimate) - 7) < 4 * spread
    assert estimate.std_error == pytest.approx(spread * math.sqrt(overlap(5)), rel=0.01)


def test_the_fit_by_distance_has_no_bias_and_the_fit_by_rank_one_that_depends_on_k_alone():
    ratios = {}
    for d in (1.0, 9.0):
        distances = distances_in_flat_space(40_000, 10, d)
        estimate = rank_slope(distances, response="distance")
        assert abs(float(estimate) / d - 1) < 0.01
        ratios[d] = float(rank_slope(distances)) / d
    assert ratios[1.0] == pytest.approx(ratios[9.0], rel=1e-9)
    assert ratios[1.0] == pytest.approx(0.9025, abs=0.005)  # from a simulation of its own


def test_the_error_of_the_fit_through_the_origin_is_that_of_its_exponential_parts():
    """log mu_(i) = 1/d sum_(l <= i) Z_l / (n + 1 - l), Z_l ~ Exp(1), n = 20: the slope, derived by each Z_l."""
    d, left = 3.0, 21 - torch.arange(1, 21).double()
    y = -(left / 21).log()
    z = (y.diff(prepend=torch.zeros(1).double()) * left).requires_grad_()
    x = (z / left).cumsum(0)[:18] / d  # a tenth is discarded
    slope = (x * y[:18]).sum() / (x**2).sum()
    (gradient,) = torch.autograd.grad(slope, z)
    estimate = two_nn(torch.stack([torch.ones(20).double(), (y / d).exp()], 1), method="fit")
    assert estimate.value == pytest.approx(slope.item(), rel=1e-12)
    assert estimate.std_error == pytest.approx(float(gradient.norm()) * math.sqrt(overlap(2)), rel=1e-12)


def test_the_error_of_the_fit_through_the_origin_is_that_of_many_samples():
    fits = [two_nn(distances_in_flat_space(200, 2, 3.0, seed), method="fit") for seed in range(1500)]
    spread = torch.tensor([fit.value for fit in fits]).std()
    stated = torch.tensor([fit.std_error for fit in fits]).mean() / overlap(2) ** 0.5  # these places are independent
    assert float(stated / spread) == pytest.approx(1, abs=4 / (2 * 1500) ** 0.5 + 0.02)


@pytest.mark.parametrize("k", [2, 3, 5, 10, 20, 400])
def test_overlap_is_one_plus_the_chance_that_neighbors_are_mutual(k):
    """In many dimensions: another point in a volume v is among the k - 1 nearest if fewer than k - 1 are nearer."""
    chance = integrate.quad(lambda v: stats.poisson.cdf(k - 2, v) ** 2, 0, k + 60 * math.sqrt(k), limit=500)[0]
    assert overlap(k) == pytest.approx(1 + chance / (k - 1), rel=1e-6)
    if k <= 20:
        assert overlap(k) == pytest.approx(2 - math.comb(2 * k - 2, k - 1) / 4 ** (k - 1), rel=1e-13)


@pytest.mark.parametrize("k", [2, 3, 7])
def test_overlap_is_the_covariance_that_a_shared_distance_brings(k):
    """g(v) is what a point in volume v adds to the mean of T; that of two independent sums is the integral of g^2."""

    def g(v):
        nearer = stats.poisson.cdf(np.arange(k - 1), v)  # fewer than 1, 2 ... k - 1 points
        return special.exp1(v) + (nearer[:-1] / np.arange(1, k - 1)).sum() - nearer[-1]

    covariance = sum(integrate.quad(lambda v: g(v) ** 2, a, b, limit=200)[0] for a, b in ((0, 1), (1, 60)))
    assert overlap(k) == pytest.approx(1 + covariance / (k - 1), rel=1e-6)


@pytest.mark.parametrize(("d", "k"), [(1, 2), (2, 2), (2, 10), (3, 5)])
def test_the_variance_on_flat_manifolds_is_what_overlap_says(d, k):
    generator = np.random.default_rng(0)
    sums = [1 / mle(flat_torus(300, k, d, generator)).value for _ in range(600)]
    inflation = np.var(sums) * d**2 * 300 * (k - 1)
    assert 0.8 < inflation / overlap(k) < 1.25  # and without it, 1.5 to 1.8
    assert inflation > 1.3


@pytest.mark.parametrize(("d", "k"), [(1, 2), (2, 2), (2, 10), (3, 5)])
def test_the_interval_holds_the_truth_as_often_as_it_says(d, k):
    generator = np.random.default_rng(1)
    hits, narrow, n = 0, 0, 600
    for _ in range(n):
        distances = flat_torus(300, k, d, generator)
        estimate = two_nn(distances) if k == 2 else mle(distances)
        low, high = estimate.interval()
        hits += low < d < high
        quantiles = stats.gamma.ppf([0.025, 0.975], 300 * (k - 1))
        total = float((distances[:, k - 1 :] / distances).log().sum())
        narrow += quantiles[0] / total < d < quantiles[1] / total
    assert 0.93 - 0.018 < hits / n < 0.97 + 0.018  # two standard deviations of a share of 600
    assert narrow / n < 0.915  # as if all ratios were independent


# --- on points


def test_every_estimate_is_near_on_a_flat_torus():
    distances = flat_torus(3000, 10, 2, np.random.default_rng(0))
    for name, estimator in ESTIMATORS.items():
        expected = 2 * (0.9025 if name == "rank_slope" else 1)
        estimate = estimator(distances)
        assert abs(float(estimate) - expected) < 4 * estimate.std_error, name


@every_estimator
def test_scale_and_rotation_do_not_matter(estimator):
    x = manifolds.swiss_roll(300, generator=seeded())
    turned = 1e-3 * manifolds.swiss_roll(300, dim=30, generator=seeded())
    first, second = (estimator(neighbors.nearest(points, 8)[0]) for points in (x, turned))
    assert float(first) == pytest.approx(float(second), rel=1e-9)
    assert first.std_error == pytest.approx(second.std_error, rel=1e-9)


@every_estimator
def test_numpy_and_single_precision_are_welcome(estimator):
    distances = distances_in_flat_space(30, 5, 3)
    assert float(estimator(distances.numpy())) == float(estimator(distances))
    assert float(estimator(distances.float())) == pytest.approx(float(estimator(distances)), rel=1e-5)


@every_estimator
def test_a_point_with_a_duplicate_is_left_out_and_counted(estimator):
    distances = distances_in_flat_space(30, 5, 3)
    with_duplicates = distances.clone()
    with_duplicates[[3, 7], 0] = 0.0
    with_duplicates[7, 1] = 0.0
    rest = [i for i in range(30) if i not in (3, 7)]
    expected, found = estimator(distances[rest]), estimator(with_duplicates)
    assert (float(found), found.std_error) == (float(expected), expected.std_error)
    assert (expected.duplicates, found.duplicates) == (0, 2)
    assert "2 points with a duplicate left out" in str(found)
    if found.pointwise is not None:
        assert found.pointwise.isnan().nonzero().flatten().tolist() == [3, 7]
        assert torch.equal(found.pointwise[rest], expected.pointwise)


@pytest.mark.parametrize("estimator", [two_nn, mle, ESTIMATORS["two_nn, fit"]])
def test_ties_are_ratios_of_one(estimator):
    distances = distances_in_flat_space(30, 2, 3)
    distances[5, 1] = distances[5, 0]
    estimate = estimator(distances)
    assert math.isfinite(float(estimate))
    assert float(estimate) > float(estimator(distances_in_flat_space(30, 2, 3)))


@every_estimator
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r[0], r"distances has shape \(5,\); it must be \(N, k\)"),
        (lambda r: r[:, :1], "with k at least"),
        (lambda r: r[:0], r"distances has shape \(0, 5\)"),
        (lambda r: r.flip(1), r"distances\[0\] is not sorted"),
        (lambda r: r.index_fill(0, torch.tensor([2]), math.nan), r"distances\[2\] holds NaN or infinity"),
        (lambda r: torch.cat([r[:, :-1], r[:, -1:] / 0], 1), r"distances\[0\] holds NaN or infinity"),
        (lambda r: r - 2 * r[4, :1], r"distances\[\d\] is negative"),
        (lambda r: torch.cat([r[:, :1] * 0, r[:, 1:]], 1), "all 9 points have a duplicate"),
        (lambda r: r[:, :1].expand(-1, 5), "distances of a point are equal|a ratio that is not 1"),
    ],
)
def test_what_are_no_distances_is_refused(estimator, change, message):
    with pytest.raises(ValueError, match=message):
        estimator(change(distances_in_flat_space(9, 5, 3)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: rank_slope(r[:, :2]), "k at least 3"),
        (lambda r: mle(r[:, :2], average="arithmetic"), "k at least 3"),
        (lambda r: two_nn(r[:1]), "two points at least"),
        (lambda r: two_nn(r, method="median"), 'method is \'median\'; it must be "mle" or "fit"'),
        (lambda r: two_nn(r, discard=1.0), "discard is 1.0"),
        (lambda r: two_nn(r, discard=-0.1), "discard is -0.1"),
        (lambda r: mle(r, average="mean"), "average is 'mean'"),
        (lambda r: rank_slope(r, response="d"), "response is 'd'"),
        (lambda r: mle(r).interval(1.0), "level is 1.0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(distances_in_flat_space(9, 5, 3))


def test_a_point_whose_distances_are_all_equal_is_named():
    distances = distances_in_flat_space(9, 5, 3)
    distances[0, 0] = 0.0  # a duplicate before it does not shift the row
    distances[6] = 1.0
    for estimator in (rank_slope, ESTIMATORS["mle, arithmetic"]):
        with pytest.raises(ValueError, match="row 6"):
            estimator(distances)
    assert mle(distances).pointwise[6] == math.inf  # the harmonic average takes it


# --- the estimate itself


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (12.9234, 0.1, "12.9 ± 0.1"),
        (12.9234, 0.0961, "12.9 ± 0.1"),
        (12.9234, 0.0449, "12.92 ± 0.04"),
        (12.9234, 3.2, "13 ± 3"),
        (129.234, 32.0, "129 ± 32"),
        (2.0, 0.0, "2.00 ± 0.00"),
        (2.0, math.inf, "2.00 ± inf"),
        (2.0, math.nan, "2.00 ± nan"),
    ],
)
def test_an_estimate_prints_itself_with_one_digit_of_its_error(value, error, text):
    estimate = Estimate(value, error)
    assert str(estimate) == repr(estimate) == f"{estimate}" == text


def test_an_estimate_converts_to_float_and_formats_its_value():
    estimate = Estimate(12.9234, 0.1)
    assert float(estimate) == 12.9234
    assert f"{estimate:.2f}" == "12.92"


def test_duplicates_are_told():
    assert str(Estimate(12.9, 0.1, duplicates=1234)) == "12.9 ± 0.1 (1,234 points with a duplicate left out)"


def test_the_interval_of_maximum_likelihood_is_that_of_the_gamma_distribution():
    distances = distances_in_flat_space(40, 5, 3)
    total = float((distances[:, -1:] / distances).log().sum())
    low, high = mle(distances).interval(0.9)
    quantiles = stats.gamma.ppf([0.05, 0.95], 40 * 4 / overlap(5))
    assert [low, high] == pytest.approx((quantiles * overlap(5) / total).tolist(), rel=1e-8)
    log_mu = float((distances[:, 1] / distances[:, 0]).log().sum())
    quantiles = stats.chi2.ppf([0.05, 0.95], 2 * 40 / 1.5)
    assert two_nn(distances).interval(0.9) == pytest.approx((quantiles * 1.5 / (2 * log_mu)).tolist(), rel=1e-8)


def test_the_interval_of_the_others_is_normal():
    estimate = intrinsic_dimension.Estimate(5.0, 0.5)
    assert estimate.interval() == pytest.approx((5 - 1.959964 * 0.5, 5 + 1.959964 * 0.5), rel=1e-6)
    assert estimate.interval(0.5) == pytest.approx((5 - 0.67449 * 0.5, 5 + 0.67449 * 0.5), rel=1e-6)


@pytest.mark.gpu
@every_estimator
def test_distances_on_a_gpu_give_the_same(estimator):
    distances = distances_in_flat_space(50, 5, 3)
    found = estimator(distances.to(torch.accelerator.current_accelerator()))
    assert float(found) == pytest.approx(float(estimator(distances)), rel=1e-9)
