"""Seconds for the 50 leading principal components of MNIST, 60,000 x 784, beside scikit-learn.

Claims: at least 1.5 times as fast as scikit-learn's default, with the same eigenvalues to 1e-6, in one run; and that
scikit-learn's randomized solver loses the subspace, where block Krylov iterations keep it.

    python benchmarks/pca.py
    python benchmarks/pca.py --clock cpu     # on a busy machine: processor time, not wall time

scikit-learn is given the bytes themselves, and in a second row the floats in [0, 1] that most code makes of them first
(not timed). Contestants take turns; the ratio is formed within a round, and the median is taken. Errors are relative
ones of eigenvalues, and the largest principal angle in degrees, both against singular values in float64.
"""

import argparse
import statistics
import time

import sklearn
import torch
from sklearn.decomposition import PCA

from lecture_lib import data, device, pca

OURS, THEIRS, FLOATS = "ours", "scikit-learn, default", "scikit-learn, float32"
RANDOMIZED, THEIR_RANDOMIZED = "ours, randomized", "scikit-learn, randomized"


def scikit_learn(x, scale: float, n_components: int, solver: str = "auto"):
    """Variances divided by N, in units of x / scale, and axes (D, J)."""
    model = PCA(n_components, svd_solver=solver, random_state=0).fit(x.numpy())
    variance = torch.tensor(model.explained_variance_).double() * (len(x) - 1) / len(x) / scale**2
    return variance, torch.tensor(model.components_.T).double()


def ours(x, n_components: int, method: str = "auto"):
    """The same from `pca.fit`."""
    model = pca.fit(x, n_components, method=method, generator=torch.Generator().manual_seed(0))
    return model.variance, model.axes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--components", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    now = time.perf_counter if options.clock == "wall" else time.process_time
    x = data.mnist("train", offline_fallback=False)[0]
    floats, J = x.float() / 255, options.components
    contestants = {
        OURS: lambda: ours(x, J),
        THEIRS: lambda: scikit_learn(x, 255, J),
        FLOATS: lambda: scikit_learn(floats, 1, J),
        RANDOMIZED: lambda: ours(x, J, "randomized"),
        THEIR_RANDOMIZED: lambda: scikit_learn(x, 255, J, "randomized"),
    }
    print(f"{device.describe(x.device)}; torch {torch.__version__}; scikit-learn {sklearn.__version__}")
    seconds, answers = {name: [] for name in contestants}, {}
    for _ in range(options.rounds):
        for name, run in contestants.items():
            started = now()
            answers[name] = run()
            seconds[name].append(now() - started)
    report(seconds, answers, *ours(x, J, "svd"))


def report(seconds, answers, variance, axes) -> None:
    """The table, and whether the claims are reached, against variances and axes by singular values."""
    print(f"{'':26}{'seconds':>9}{'min':>8}{'max':>8}{'eigenvalues':>14}{'degrees':>11}")
    errors = {name: float((found / variance - 1).abs().max()) for name, (found, _) in answers.items()}
    angles = {name: float(pca.principal_angles(found, axes).max().rad2deg()) for name, (_, found) in answers.items()}
    for name, times in seconds.items():
        row = f"{statistics.median(times):9.2f}{min(times):8.2f}{max(times):8.2f}"
        print(f"{name:26}{row}{errors[name]:14.0e}{angles[name]:11.1e}")
    for other in (THEIRS, FLOATS):
        gain = statistics.median(b / a for a, b in zip(seconds[OURS], seconds[other], strict=True))
        print(f"{gain:.1f} x {other} (at least 1.5): {'reached' if gain >= 1.5 else 'missed'}")
    print(f"eigenvalues to {errors[OURS]:.0e} (1e-6): {'reached' if errors[OURS] <= 1e-6 else 'missed'}")
    lost = angles[THEIR_RANDOMIZED] > 10 > 0.1 > angles[RANDOMIZED]
    print(f"scikit-learn's randomized solver loses the subspace, ours keeps it: {'reached' if lost else 'missed'}")


if __name__ == "__main__":
    main()
