"""Seconds of kernel density estimates, exact, beside scikit-learn, SciPy and KDEpy's FFT; accuracy and memory.

Claims: on a line, 100,000 points and 10,000 queries, at least 4 times as fast as the faster of scikit-learn and SciPy
(6 times in float32); in ten dimensions, 20,000 x 10,000, at least 5 times; on a grid on a line no slower than KDEpy's
FFT at equal error; and memory that does not grow with the number of pairs.

    pip install scikit-learn scipy               # they come with the course
    pip install KDEpy                            # only for `grid`
    python benchmarks/density.py line
    python benchmarks/density.py ten
    python benchmarks/density.py grid
    python benchmarks/density.py memory
    python benchmarks/density.py ten --clock cpu --threads 1      # on a busy machine: processor time, not wall time

Times are of fitting and scoring together. Contestants take turns within each round; the ratio is formed within a round,
and the median is taken. "error" is the largest difference of log p from a sum over all pairs in float64 at 200 of the
queries. scikit-learn is asked to be exact (rtol=0, atol=0), and SciPy, whose kernel is the covariance of the data,
gets data that are nearly white, and is compared with itself only in ten dimensions.
grid: KDEpy puts the points on a grid first; its error falls with the grid. "error" is the largest difference of p there
as a share of its maximum.
"""

import argparse
import importlib.util
import math
import statistics
import subprocess
import sys

import clock
import numpy as np
import torch
from scipy.stats import gaussian_kde
from sklearn.neighbors import KernelDensity

from lecture_lib import density

OURS, SINGLE, SKLEARN, SCIPY = "ours, float64", "ours, float32", "scikit-learn", "SciPy"
PEAK = """
import sys, torch
from lecture_lib import density
def peak():
    return 1024 * int(next(row for row in open("/proc/self/status") if row.startswith("VmHWM")).split()[1])
n, m, dim = map(int, sys.argv[1:])
density.KernelDensity(0.5).fit(torch.rand(99, dim)).score_samples(torch.rand(99, dim))
x, q = torch.randn(n, dim), torch.randn(m, dim)
open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew: Linux only
before = peak()
density.KernelDensity(0.5, memory=2**26).fit(x).score_samples(q)
print(peak() - before)
"""


def reference(x, q, h):
    """log p from all pairs in NumPy, in float64."""
    logs = [np.logaddexp.reduce(-0.5 * (((x - row) / h) ** 2).sum(1)) for row in q]
    return np.array(logs) - math.log(len(x)) - x.shape[1] * math.log(h * math.sqrt(2 * math.pi))


def race(options, n: int, m: int, dim: int, h: float, claims: dict) -> None:
    generator = torch.Generator().manual_seed(0)
    x, q = (torch.randn(size, dim, dtype=torch.float64, generator=generator) for size in (n, m))
    single = x.float(), q.float()
    runs = {
        OURS: lambda: density.KernelDensity(h).fit(x).score_samples(q),
        SINGLE: lambda: density.KernelDensity(h).fit(single[0]).score_samples(single[1]),
        SKLEARN: lambda: KernelDensity(bandwidth=h, rtol=0, atol=0).fit(x.numpy()).score_samples(q.numpy()),
        SCIPY: lambda: gaussian_kde(x.T.numpy(), h).logpdf(q.T.numpy()),
    }
    some, seconds, found = slice(0, 200), {name: [] for name in runs}, {}
    for name in (OURS, SINGLE):
        runs[name]()  # the first call pays for memory and tables
    for i in range(options.rounds):
        for name, run in runs.items():
            started = options.now()
            found[name] = np.asarray(run())
            seconds[name].append(options.now() - started)
            print(f"round {i + 1}, {name}: {seconds[name][-1]:.3f} s", flush=True)
    truth = {name: reference(x.numpy(), q[some].numpy(), h) for name in (OURS, SKLEARN)}
    truth[SINGLE] = reference(single[0].double().numpy(), single[1][some].double().numpy(), h)
    if dim == 1:
        truth[SCIPY] = reference(x.numpy(), q[some].numpy(), h * float(x.std()))
    print(f"\n{n:,} points, {m:,} queries, {dim} dimensions\n{'':16}{'seconds':>9}{'min':>9}{'max':>9}{'error':>10}")
    for name, values in seconds.items():
        error = f"{np.abs(found[name][some] - truth[name]).max():10.0e}" if name in truth else ""
        print(f"{name:16}{statistics.median(values):9.3f}{min(values):9.3f}{max(values):9.3f}{error}")
    print()
    for name, least in claims.items():
        pairs = zip(seconds[name], seconds[SKLEARN], seconds[SCIPY], strict=True)
        gain = statistics.median(min(a, b) / ours for ours, a, b in pairs)
        print(f"{name}: {gain:.1f} x the faster of both (at least {least:g}): {verdict(gain >= least)}")


def verdict(good: bool) -> str:
    return "reached" if good else "missed"


def line(options) -> None:
    race(options, 100_000, 10_000, 1, 0.1, {OURS: 4, SINGLE: 6})


def ten(options) -> None:
    race(options, 20_000, 10_000, 10, 0.5, {OURS: 5})


def grid(options) -> None:
    if not importlib.util.find_spec("KDEpy"):
        sys.exit("KDEpy is not installed: pip install KDEpy")
    from KDEpy import FFTKDE

    n, h, points = 100_000, 0.1, 1024
    x = torch.randn(n, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    at = np.linspace(-6, 6, points + 1)
    truth = np.exp(reference(x.numpy(), at[:, None], h))
    column = torch.from_numpy(at)[:, None]
    runs = {"ours": lambda: density.KernelDensity(h).fit(x).score_samples(column).exp().numpy()}
    for size in (2**10, 2**12, 2**14, 2**16, 2**18, 2**20):  # the coarse grid is a part of each
        name = f"KDEpy, {size:,}"
        step = size // points
        runs[name] = lambda size=size, step=step: (
            FFTKDE(bw=h).fit(x.numpy()).evaluate(np.linspace(-6, 6, size + 1))[::step]
        )
    seconds, errors = {name: [] for name in runs}, {}
    for _ in range(options.rounds + 1):
        for name, run in runs.items():
            started = options.now()
            found = run()
            seconds[name].append(options.now() - started)
            errors[name] = float(np.abs(found - truth).max() / truth.max())
    print(f"{n:,} points, {points + 1:,} places on a line\n{'':18}{'seconds':>9}{'error':>10}")
    taken = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    for name in runs:
        print(f"{name:18}{taken[name]:9.4f}{errors[name]:10.0e}")
    equal = [name for name in runs if name != "ours" and errors[name] <= errors["ours"]]
    print(f"\nKDEpy reaches the error of ours: {', '.join(equal) or 'on none of these grids'}")
    good = all(taken[name] >= taken["ours"] for name in equal)
    print(f"no slower than KDEpy at the error of ours, {errors['ours']:.0e}: {verdict(good)}")
    best = min(errors[name] for name in runs if name != "ours")
    quick = min(taken[name] for name in runs if name != "ours" and errors[name] < 1.5 * best)
    print(f"no slower than KDEpy at its least error, {best:.0e}: {taken['ours'] / quick:.0f} times as long: ", end="")
    print(verdict(taken["ours"] <= quick))


def memory(options) -> None:
    print(f"{'points':>10}{'queries':>10}{'D':>5}{'MB beyond the data':>22}   (budget 67 MB for tiles)")
    for n, m, dim in ((10_000, 10_000, 10), (40_000, 10_000, 10), (160_000, 2_500, 10), (1_000_000, 100_000, 1)):
        code = [sys.executable, "-c", PEAK, str(n), str(m), str(dim)]
        used = int(subprocess.run(code, capture_output=True, text=True, check=True).stdout) / 1e6
        copies = 8 * 4 * (n + m) * (dim + 2) / 1e6  # in float64: scaled, centered, augmented
        allowed = 2**26 / 1e6 + copies + (500 if dim == 1 else 0)
        print(f"{n:10,}{m:10,}{dim:5}{used:22.0f}   tiles and copies may take {allowed:.0f}: {verdict(used < allowed)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {run.__name__: run for run in (line, ten, grid, memory)}
    parser.add_argument("command", choices=commands)
    clock.add_options(parser)
    options = parser.parse_args()
    clock.begin(options)
    commands[options.command](options)


if __name__ == "__main__":
    main()
