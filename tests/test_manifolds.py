"""Manifolds: where the points lie, that they are uniform there, and that an embedding changes no distance."""

import math

import pytest
import torch
from scipy import integrate, stats

from lecture_lib import manifolds

KINDS = {  # kind: coordinates of its formula in d dimensions
    manifolds.ball: lambda d: d,
    manifolds.sphere: lambda d: d + 1,
    manifolds.cube: lambda d: d,
    manifolds.subspace: lambda d: d,
    manifolds.torus: lambda d: 2 * d,
    manifolds.swiss_roll: lambda d: d + 1,
}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def uniform(values, low=0.0, high=1.0):
    """Kolmogorov and Smirnov's p-value, which a right sample has above 1e-3 in all but one case of a thousand."""
    return stats.kstest(values.numpy(), stats.uniform(low, high - low).cdf).pvalue > 1e-3


@every_kind
@pytest.mark.parametrize("d", [1, 2, 7])
def test_shape_and_type(kind, d):
    x = kind(5, d, generator=seeded())
    assert x.shape == (5, KINDS[kind](d))
    assert x.dtype == torch.float64
    assert kind(5, d, dim=20, generator=seeded()).shape == (5, 20)


@every_kind
def test_an_embedding_changes_no_distance_and_turns_the_points(kind):
    plain, placed = kind(50, 3, generator=seeded()), kind(50, 3, dim=40, generator=seeded())
    gram = (placed - placed[0]) @ (placed - placed[0]).mT
    torch.testing.assert_close(gram, (plain - plain[0]) @ (plain - plain[0]).mT, rtol=0, atol=1e-13)
    assert (placed.abs().amax(0) > 1e-3).all()  # no coordinate stays empty


@every_kind
def test_an_embedding_turns_the_other_way_for_another_seed(kind):
    first, second = (kind(50, 2, dim=9, generator=seeded(seed)) for seed in (0, 1))
    assert (first.mean(0) - second.mean(0)).abs().max() > 0.01


def test_a_rotation_has_no_preferred_direction():
    generator = seeded()
    x = torch.cat([manifolds.cube(1, 1, dim=2, generator=generator) for _ in range(2000)])
    assert uniform(torch.atan2(x[:, 1], x[:, 0]), -math.pi, math.pi)


@every_kind
def test_noise_is_added_to_each_coordinate_after_the_embedding(kind):
    noisy, clean = (kind(4000, 2, dim=6, noise=noise, generator=seeded()) for noise in (0.3, 0.0))
    error = (noisy - clean) / 0.3
    assert stats.kstest(error.flatten().numpy(), stats.norm.cdf).pvalue > 1e-3
    torch.testing.assert_close(error.T.cov(), torch.eye(6).double(), atol=0.1, rtol=0)


@every_kind
def test_a_generator_makes_it_repeatable(kind):
    assert torch.equal(kind(9, 2, noise=0.1, generator=seeded(3)), kind(9, 2, noise=0.1, generator=seeded(3)))
    assert not torch.equal(kind(9, 2, generator=seeded(3)), kind(9, 2, generator=seeded(4)))


@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_the_ball_is_uniform(d):
    """The share within radius r is r^d, and a direction has no preferred sign."""
    x = manifolds.ball(4000, d, generator=seeded())
    radius = x.norm(dim=1)
    assert uniform(radius**d)
    assert x.mean(0).abs().max() < 5 * (1 / (d + 2) / 4000) ** 0.5  # the variance of a coordinate is 1 / (d + 2)


@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_the_sphere_is_uniform(d):
    """A coordinate t of the sphere in R^(d + 1) has a density proportional to (1 - t^2)^((d - 2) / 2)."""
    x = manifolds.sphere(4000, d, generator=seeded())
    torch.testing.assert_close(x.norm(dim=1), torch.ones(4000).double())
    share = torch.tensor(stats.beta(d / 2, d / 2).cdf((x[:, 0].numpy() + 1) / 2))
    assert uniform(share)


def test_the_cube_is_uniform():
    x = manifolds.cube(4000, 3, generator=seeded())
    assert all(uniform(column) for column in x.T)
    assert x.T.corrcoef().fill_diagonal_(0).abs().max() < 5 / 4000**0.5


def test_the_subspace_is_standard_normal_in_d_dimensions_and_nothing_outside():
    x = manifolds.subspace(4000, 3, dim=5, generator=seeded())
    eigenvalues = torch.linalg.eigvalsh(x.T.cov())
    assert eigenvalues[:2].abs().max() < 1e-12
    assert (eigenvalues[2:] - 1).abs().max() < 0.15
    assert stats.kstest(x.square().sum(1).numpy(), stats.chi2(3).cdf).pvalue > 1e-3


def test_the_torus_is_a_product_of_circles():
    x = manifolds.torus(4000, 2, generator=seeded())
    cosine, sine = x[:, :2], x[:, 2:]
    torch.testing.assert_close(cosine**2 + sine**2, torch.ones(4000, 2).double())
    assert all(uniform(column, -math.pi, math.pi) for column in torch.atan2(sine, cosine).T)


@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.3, 2.0, 7 * math.pi])
def test_arc_length_is_the_integral_of_the_speed(angle):
    expected = integrate.quad(lambda t: math.hypot(1, t) / (2 * math.pi), 0, angle, epsabs=0)[0] if angle else 0.0
    assert float(manifolds.arc_length(angle)) == pytest.approx(expected, rel=1e-12)


def test_angle_at_inverts_arc_length_to_the_last_digits():
    angle = torch.cat([torch.zeros(1), torch.logspace(-12, 4, 500)]).double()
    found = manifolds.angle_at(manifolds.arc_length(angle))
    torch.testing.assert_close(found, angle, rtol=1e-13, atol=0)


def test_the_spiral_is_uniform_in_arc_length_and_its_turns_lie_one_apart():
    x = manifolds.spiral(4000, turns=3, generator=seeded())
    radius = x.norm(dim=1)
    angle = 2 * math.pi * radius
    torch.testing.assert_close(x, radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1))
    assert uniform(manifolds.arc_length(angle) / manifolds.arc_length(6 * math.pi))


@pytest.mark.parametrize("d", [1, 2, 4])
def test_the_swiss_roll_is_uniform_in_volume(d):
    x = manifolds.swiss_roll(4000, d, turns=2, generator=seeded())
    length = manifolds.arc_length(2 * math.pi * x[:, :2].norm(dim=1))
    ends = manifolds.arc_length(2 * math.pi * torch.tensor([0.75, 2.75]))
    assert uniform((length - ends[0]) / (ends[1] - ends[0]))
    assert all(uniform(column, 0, 3) for column in x[:, 2:].T)


@every_kind
@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 2), {}, "n is 0"),
        ((5, 0), {}, "d is 0"),
        ((5, 3), {"dim": 2}, "dim is 2; this manifold needs at least"),
        ((5, 3), {"noise": -0.1}, "noise is -0.1"),
        ((5, 3), {"noise": math.nan}, "noise is nan"),
    ],
)
def test_bad_input_is_named(kind, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        kind(*arguments, **options)


@pytest.mark.parametrize("turns", [0, -1, math.inf, math.nan])
def test_turns_are_positive_and_finite(turns):
    for draw in (manifolds.spiral, manifolds.swiss_roll):
        with pytest.raises(ValueError, match="turns is"):
            draw(5, turns=turns)


@pytest.mark.gpu
@every_kind
def test_points_are_drawn_on_the_device_of_the_generator(kind):
    device = torch.accelerator.current_accelerator()
    generator = torch.Generator(device).manual_seed(0)
    assert kind(5, 2, dim=8, noise=0.1, generator=generator).device.type == device.type
