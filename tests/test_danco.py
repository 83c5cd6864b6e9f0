"""DANCo: its search on summaries known exactly, then on balls and Gaussians of known dimension."""

import math

import pytest
import torch

from lecture_lib import concentration, danco, manifolds, neighbors


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class ExactSamples:
    """Summaries that are a smooth function of the dimension, without scatter; a record of what was asked for."""

    n, k = 1000, 10

    def __init__(self):
        self.asked = []

    def summary(self, d):
        return torch.tensor([0.9 * math.log(d), 1.6 - 0.05 * math.log(d), 1.2 * math.log(d) + 0.1]).double()

    def at(self, d, repeats=1):
        self.asked.append(d)
        return self.summary(d).expand(repeats, 3)


@pytest.mark.parametrize("d", [1, 1.4, 2, 3.7, 10, 17.3, 100, 500, 784])
def test_the_search_finds_the_dimension_whose_summary_is_observed(d):
    samples = ExactSamples()
    match = danco._match(samples.summary(d), samples, 784)
    assert match.value == pytest.approx(d, rel=0.001)
    assert match.divergence == pytest.approx(0, abs=1e-4)
    assert match.std_error == 0.0
    assert len(set(samples.asked)) <= 15  # of 784


@pytest.mark.parametrize("bias", [0.5, 1.6])
def test_the_search_goes_up_and_down_from_where_the_ratios_alone_point(bias):
    """It starts at the dimension fitted to the ratios, here 5 or 160 in place of 24."""

    class Biased(ExactSamples):
        def summary(self, d):
            return super().summary(d) * torch.tensor([bias / 0.9, 1, 1])

    samples = Biased()
    assert danco._match(samples.summary(24), samples, 784).value == pytest.approx(24, rel=0.001)


@pytest.mark.parametrize("max_dim", [1, 2, 3, 5, 30])
def test_the_largest_dimension_is_respected_and_reached(max_dim):
    samples = ExactSamples()
    assert danco._match(samples.summary(100), samples, max_dim).value == pytest.approx(max_dim)
    assert max(samples.asked) == max_dim


def test_the_standard_error_is_that_of_the_scatter_of_the_samples():
    """The summaries scatter by a factor of exp(+-0.1) in d: so does the answer, and the curve by half as much."""

    class Scattered(ExactSamples):
        def at(self, d, repeats=1):
            shifts = torch.tensor([0.1, -0.1, 0.1, -0.1][:repeats] if repeats > 1 else [0.0])
            return torch.stack([self.summary(d * math.exp(shift)) for shift in shifts])

    samples = Scattered()
    match = danco._match(samples.summary(10), samples, 784)
    assert match.value == pytest.approx(10, rel=0.005)
    assert match.std_error == pytest.approx(10 * 0.1 * math.sqrt(4 / 3) * math.sqrt(5 / 4), rel=0.03)


def test_the_lowest_point_is_exact_for_parabolas_and_at_the_ends():
    at = torch.linspace(0, 1, 11, dtype=torch.float64)
    vertex = torch.tensor([0.0, 0.123, 0.55, 1.0, -0.5, 7.0]).double()
    found = danco._lowest(at, (at - vertex[:, None]) ** 2)
    torch.testing.assert_close(found, vertex.clamp(0, 1))
    assert danco._lowest(torch.zeros(3), torch.ones(1, 3)).tolist() == [0.0]


def test_interpolation_is_exact_for_parabolas():
    nodes, at = torch.tensor([1.0, 2.5, 3.0]).double(), torch.linspace(0, 4, 9).double()
    parabola = lambda t: torch.stack([t**2 - 3 * t + 1, 2 * t], 1)  # noqa: E731
    torch.testing.assert_close(danco._interpolated(at, nodes, parabola(nodes)), parabola(at))
    torch.testing.assert_close(danco._interpolated(at, nodes[:2], parabola(nodes[:2]))[:, 1], 2 * at)


def test_the_summary_holds_the_three_parts():
    x = manifolds.ball(200, 4, dim=6, generator=seeded())
    found, duplicates = danco.summary(x, 5)
    distances, indices = neighbors.nearest(x, 6)
    nu, resultant = concentration.fit_von_mises(concentration.neighbor_angles(x, indices[:, :5]))
    assert duplicates == 0
    assert found.exp()[0] == pytest.approx(concentration.fit_nearest_ratio(distances[:, 0] / distances[:, 5], 5))
    assert found[1] == pytest.approx(nu.mean().item())
    assert found.exp()[2] == pytest.approx(concentration.concentration(resultant.mean().item()))


def test_the_divergence_is_the_sum_of_the_two_parts():
    q, p = torch.tensor([[1.6, 1.5, 1.4], [1.5, 1.4, 1.7]], dtype=torch.float64)
    ratios = concentration.kl_nearest_ratio(math.exp(1.6), math.exp(1.5), 10)
    angles = concentration.kl_von_mises(1.5, math.exp(1.4), 1.4, math.exp(1.7))
    assert float(danco.divergence(q, p, 10)) == pytest.approx(float(ratios + angles), rel=1e-12)
    assert danco.divergence(torch.stack([q, p])[:, None], torch.stack([q, p, p]), 10).shape == (2, 3)


@pytest.mark.parametrize(
    ("kind", "d"),
    [(manifolds.ball, 2), (manifolds.ball, 20), (manifolds.subspace, 5), (manifolds.subspace, 15)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_it_is_right_for_balls_and_gaussians(kind, d):
    estimate = danco.danco(kind(500, d, dim=40, generator=seeded()), generator=seeded(1))
    assert abs(float(estimate) - d) < 4 * estimate.std_error
    assert estimate.std_error < 0.05 * d  # so that the line above says something
    assert estimate.pointwise is None


def test_it_is_right_for_a_curve_whose_angles_have_no_finite_concentration():
    estimate = danco.danco(manifolds.spiral(500, dim=10, generator=seeded()), generator=seeded(1))
    assert float(estimate) == pytest.approx(1, abs=0.02)


def test_balls_alone_take_a_gaussian_for_a_ball_of_more_dimensions():
    x = manifolds.subspace(500, 10, generator=seeded())
    balls = danco.danco(x, references=[manifolds.ball], generator=seeded(1))
    assert float(balls) > 10 + 3 * balls.std_error
    normals = danco.danco(x, references=[manifolds.subspace], generator=seeded(1))
    assert abs(float(normals) - 10) < 4 * normals.std_error
    assert float(danco.danco(x, generator=seeded(1))) == pytest.approx(float(normals), abs=4 * normals.std_error)


def test_scale_and_rotation_do_not_matter_and_a_generator_makes_it_repeatable():
    first = danco.danco(manifolds.ball(200, 3, generator=seeded()), max_dim=6, generator=seeded(1))
    x = 1e-3 * manifolds.ball(200, 3, dim=50, generator=seeded())
    second = danco.danco(x, max_dim=6, generator=seeded(1))
    assert float(first) == pytest.approx(float(second), rel=1e-6)
    assert first.std_error == pytest.approx(second.std_error, rel=1e-6)
    assert float(danco.danco(x, max_dim=6, generator=seeded(2))) != float(second)


def test_whole_numbers_in_a_byte_and_numpy_are_welcome():
    x = (manifolds.cube(300, 3, dim=8, generator=seeded()) * 60 + 120).round().clamp(0, 255).to(torch.uint8)
    x = torch.unique(x, dim=0)
    expected = danco.danco(x.double(), generator=seeded(1))
    assert float(danco.danco(x, generator=seeded(1))) == float(expected)
    assert float(danco.danco(x.numpy(), generator=seeded(1))) == float(expected)


def test_points_with_a_duplicate_are_left_out_and_counted():
    x = manifolds.ball(300, 3, generator=seeded())
    x = torch.cat([x, x[:5]])
    estimate = danco.danco(x, generator=seeded(1))
    assert estimate.duplicates == 10
    assert "10 points with a duplicate left out" in str(estimate)
    assert float(estimate) == pytest.approx(3, abs=4 * estimate.std_error)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda x: x, {"k": 2}, "k is 2; it must be at least 3"),
        (lambda x: x, {"k": 50}, "k is"),
        (lambda x: x, {"max_dim": 0}, "max_dim is 0"),
        (lambda x: x, {"references": []}, "references are 0"),
        (lambda x: x[0], {}, "x has shape"),
        (lambda x: x / 0, {}, "x holds NaN"),
        (lambda x: x[:1].expand(30, -1), {}, "all 30 points of x have a duplicate"),
    ],
)
def test_bad_input_is_named(change, options, message):
    with pytest.raises(ValueError, match=message):
        danco.danco(change(manifolds.ball(50, 3, generator=seeded())), **options)


@pytest.mark.gpu
def test_points_on_a_gpu_are_compared_there():
    device = torch.accelerator.current_accelerator()
    x = manifolds.ball(500, 3, generator=seeded())
    estimate = danco.danco(x.to(device), generator=torch.Generator(device).manual_seed(0))
    assert float(estimate) == pytest.approx(3, abs=4 * estimate.std_error)
