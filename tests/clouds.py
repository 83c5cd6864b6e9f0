"""Points that break estimators, which tests of densities share."""

import torch


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


HOSTILE = {
    "one point": torch.tensor([[0.3, 5.0]]),
    "equal points": torch.full((20, 2), 3.5),
    "a constant column": torch.cat([randn(50, 1), torch.ones(50, 1)], 1),
    "outliers": torch.cat([randn(100, 2), torch.full((1, 2), 1e8).double()]),
    "more dimensions than points": randn(5, 60),
    "float32": randn(50, 2, dtype=torch.float32),
    "whole numbers": torch.randint(0, 9, (50, 2), generator=torch.Generator().manual_seed(0)),
}
