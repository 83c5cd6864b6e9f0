"""Autoencoder, networks and squared error."""

import pytest
import torch
from torch import nn

from lecture_lib import autoencoder


def linear(matrix):
    layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
    layer.weight.data.copy_(matrix)
    return layer


def test_the_reconstruction_of_a_projection_is_known_by_hand():
    keep_first = torch.tensor([[1.0, 0.0, 0.0]])
    model = autoencoder.Autoencoder(linear(keep_first), linear(keep_first.T))
    x = torch.tensor([[1.0, 2.0, 2.0], [3.0, 0.0, 1.0]])
    assert model(x).tolist() == [[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]]
    assert model.encode(x).tolist() == [[1.0], [3.0]]
    assert autoencoder.squared_error(x, model(x)).tolist() == [8.0, 1.0]
    assert float(autoencoder.reconstruction_loss(model, x)["loss"].detach()) == 4.5


def test_mlp_has_activations_between_its_layers_and_none_at_the_end():
    network = autoencoder.mlp([7, 5, 3, 2], nn.Tanh)
    assert [type(layer).__name__ for layer in network] == ["Linear", "Tanh", "Linear", "Tanh", "Linear"]
    assert network(torch.zeros(4, 7)).shape == (4, 2)
    assert [type(layer).__name__ for layer in autoencoder.mlp([3, 2])] == ["Linear"]


@pytest.mark.parametrize("sizes", [[], [3], [3, 0], [3, 2.5], [-1, 2]])
def test_mlp_explains_sizes_that_make_no_network(sizes):
    with pytest.raises(ValueError, match="sizes is"):
        autoencoder.mlp(sizes)


def test_squared_error_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\) and x_hat \(3,\)"):
        autoencoder.squared_error(torch.zeros(2, 3), torch.zeros(3))


def test_interpolation_is_straight_and_has_both_ends():
    start, end = torch.tensor([0.0, 4.0]), torch.tensor([2.0, 0.0])
    assert autoencoder.interpolate(start, end, 3).tolist() == [[0.0, 4.0], [1.0, 2.0], [2.0, 0.0]]
    with pytest.raises(ValueError, match="n is 1"):
        autoencoder.interpolate(start, end, 1)


def test_halves_come_back_as_float32_and_doubles_stay():
    assert autoencoder.at_least_float32(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert autoencoder.at_least_float32(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64
