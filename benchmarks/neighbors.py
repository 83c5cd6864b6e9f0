"""Seconds of `neighbors.nearest` on MNIST, 60,000 x 784, k = 20: beside faiss and scikit-learn, and as N grows.

Claims: on bytes at least 2.5 times as fast as faiss-cpu's flat index and 5 times as fast as scikit-learn's brute force,
on floats no slower than faiss, with less than 1 GB beyond the data, and exact.

    pip install faiss-cpu scikit-learn           # for `speed` and `approximate`
    python benchmarks/neighbors.py speed
    python benchmarks/neighbors.py speed --clock cpu --threads 1      # on a busy machine: processor time, not wall time
    python benchmarks/neighbors.py memory
    python benchmarks/neighbors.py growth
    python benchmarks/neighbors.py peak                               # --device accelerator, where there is one
    python benchmarks/neighbors.py approximate

speed: contestants take turns within each round; the ratio is formed within a round, and the median is taken. faiss and
scikit-learn get float32, which is what they compute with, scikit-learn's answers to the bytes themselves being the
same; faiss is asked for k + 1 neighbors, as a row is its own. "others" are rows for which not the same neighbors are
named: float32 loses ties, and near ties, that float64 keeps.
memory: how much the peak of a fresh process grows from before the data are read, less what they take.
growth: from 2,000 rows on, the exponent of a straight line through the logarithms, and what a million and a billion
rows would take: by that line, and by N^2 from the last point on.
peak: multiplications and additions that all pairs need, each pair once, against the fastest square product. It has
run on no accelerator so far.
approximate: what one would do with a billion rows, tried on MNIST. An inverted index that looks into few of its cells,
and a subset of the rows, both name neighbors that are too far away: seconds, how much further the k-th neighbor seems,
how many of the true neighbors are found, and what becomes of the dimension by TwoNN and by maximum likelihood.
"""

import argparse
import importlib.util
import math
import statistics
import subprocess
import sys

import clock
import torch

from lecture_lib import data, device, integers, intrinsic_dimension, neighbors, pairwise

BYTES, FLOATS, FAISS, SKLEARN = "ours, uint8", "ours, float32", "faiss flat", "scikit-learn brute"
CLAIMS = [(BYTES, FAISS, 2.5), (BYTES, SKLEARN, 5.0), (FLOATS, FAISS, 1.0)]
SIZES = (2000, 4000, 8000, 16_000, 32_000, 60_000)
PEAK = """
import resource, sys, torch
from lecture_lib import data, neighbors
n, kind, k = int(sys.argv[1]), getattr(torch, sys.argv[2]), int(sys.argv[3])
neighbors.nearest(torch.rand(9, 784), 3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
x = data.mnist("train", offline_fallback=False)[0][:n].to(kind)
x = x if kind == torch.uint8 else x.div_(255)
neighbors.nearest(x, k)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) - x.nbytes)
"""


def installed(package: str, name: str) -> bool:
    if importlib.util.find_spec(package):
        return True
    print(f"{name} is not installed, and left out: pip install {name}")
    return False


def contestants(x, k: int, threads: int) -> dict:
    """Functions of no argument that return the indices of neighbors, (N, k)."""
    floats = x.float() / 255
    runs = {BYTES: lambda: neighbors.nearest(x, k)[1], FLOATS: lambda: neighbors.nearest(floats, k)[1]}
    if installed("faiss", "faiss-cpu"):
        import faiss

        faiss.omp_set_num_threads(threads)
        runs[FAISS] = lambda: without_itself(flat_index(floats).search(floats.numpy(), k + 1)[1], k)
    if installed("sklearn", "scikit-learn"):
        from sklearn.neighbors import NearestNeighbors
        from threadpoolctl import threadpool_limits

        def brute_force():
            with threadpool_limits(threads):
                model = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(floats.numpy())
                return torch.as_tensor(model.kneighbors(return_distance=False))

        runs[SKLEARN] = brute_force
    return runs


def flat_index(floats):
    import faiss

    index = faiss.IndexFlatL2(floats.shape[1])
    index.add(floats.numpy())
    return index


def without_itself(found, k: int) -> torch.Tensor:
    """The first k of (N, k + 1) that are not the row itself."""
    found = torch.as_tensor(found)
    itself = found == torch.arange(len(found)).unsqueeze(1)
    itself[~itself.any(1), k] = True  # k + 1 others are at distance 0: drop the last
    return found[~itself].view(len(found), k)


def speed(options) -> None:
    x = data.mnist("train", offline_fallback=False)[0][: options.rows]
    runs = contestants(x, options.k, options.threads)
    for run in contestants(x[:3000], options.k, options.threads).values():  # the first call pays for imports and trials
        run()
    seconds, found = {name: [] for name in runs}, {}
    for _ in range(options.rounds):
        for name, run in runs.items():
            started = options.now()
            found[name] = run()
            seconds[name].append(options.now() - started)
            print(f"{name}: {seconds[name][-1]:.1f} s", flush=True)
    print(f"\n{'':22}{'seconds':>9}{'min':>8}{'max':>8}{'uint8 is':>10}{'float32 is':>12}{'others':>9}")
    for name, values in seconds.items():
        others = int((found[name].sort(1)[0] != found[BYTES].sort(1)[0]).any(1).sum())
        ratios = "".join(f"{ratio(seconds, name, ours):{w}.2f} x" for ours, w in ((BYTES, 8), (FLOATS, 10)))
        print(f"{name:22}{statistics.median(values):9.1f}{min(values):8.1f}{max(values):8.1f}{ratios}{others:9,}")
    print()
    for ours, other, least in CLAIMS:
        if other in seconds:
            times = ratio(seconds, other, ours)
            print(f"{ours}: {times:.1f} x {other} (at least {least:g}): {'reached' if times >= least else 'missed'}")


def ratio(seconds: dict, name: str, other: str) -> float:
    """How many times as long `name` takes: the median over rounds of the ratio in one round."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[other], strict=True))


def memory(options) -> None:
    print(f"{'':12}{'data':>10}{'beyond':>10}    (MB)")
    for kind, size in {"uint8": 1, "float32": 4, "float64": 8}.items():
        code = [sys.executable, "-c", PEAK, str(options.rows), kind, str(options.k)]
        beyond = int(subprocess.run(code, capture_output=True, text=True, check=True).stdout) / 1e6
        verdict = "reached" if beyond < 1000 else "missed"
        print(f"{kind:12}{options.rows * 784 * size / 1e6:10.0f}{beyond:10.0f}    less than 1000: {verdict}")


def growth(options) -> None:
    x = data.mnist("train", offline_fallback=False)[0]
    rows = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]
    for name, points in {BYTES: rows, FLOATS: rows.float() / 255}.items():
        neighbors.nearest(points[:5000], options.k)
        sizes = [n for n in SIZES if n <= options.rows]
        seconds = [best(options, lambda points=points, n=n: neighbors.nearest(points[:n], options.k)) for n in sizes]
        print(f"\n{name}\n{'N':>8}{'seconds':>10}{'us/row':>10}")
        for n, taken in zip(sizes, seconds, strict=True):
            print(f"{n:8,}{taken:10.3f}{1e6 * taken / n:10.1f}")
        slope, start = line([math.log(n) for n in sizes], [math.log(taken) for taken in seconds])
        print(f"seconds = {math.exp(start):.2e} N^{slope:.2f}")
        for n in (10**6, 10**9):
            square = seconds[-1] * (n / sizes[-1]) ** 2
            print(f"{n:,} rows: {duration(math.exp(start) * n**slope)} by the line, {duration(square)} by N^2")


def best(options, run, tries: int = 3) -> float:
    """The shortest of some seconds."""
    taken = []
    for _ in range(tries):
        started = options.now()
        run()
        taken.append(options.now() - started)
    return min(taken)


def line(x: list[float], y: list[float]) -> tuple[float, float]:
    """Slope and intercept of least squares."""
    slope, start = statistics.linear_regression(x, y)
    return slope, start


def duration(seconds: float) -> str:
    for unit, size in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} seconds"


def peak(options) -> None:
    where = device.pick() if options.device == "accelerator" else torch.device("cpu")
    if options.device == "accelerator" and where.type == "cpu":
        print("no accelerator here")
        return
    x = data.mnist("train", offline_fallback=False)[0][: options.rows].to(where)
    print(f"{device.describe(where)}; {len(x):,} rows, k = {options.k}, {options.memory / 1e9:.1f} GB\n")
    print(f"{'':16}{'seconds':>10}{'TOP/s':>10}{'peak':>10}{'of peak':>10}")
    operations = len(x) * (len(x) + 1) * x.shape[1]  # a multiplication and an addition for each pair
    normal = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(where)
    for name, points, dtype in (
        (BYTES, x, torch.int8),
        (FLOATS, x.float() / 255, torch.int8),
        ("normal, float32", normal, torch.float32),
    ):
        neighbors.nearest(points[:5000], options.k)
        highest = fastest_product(dtype, where, options)
        taken = best(
            options,
            lambda points=points: neighbors.nearest(points, options.k, memory=options.memory)[0].sum().item(),
            2,
        )
        rate = operations / taken
        print(f"{name:16}{taken:10.2f}{rate / 1e12:10.3f}{highest / 1e12:10.3f}{rate / highest:10.0%}")


def fastest_product(dtype, where, options) -> float:
    """Operations per second of the fastest product of two square matrices."""
    fastest = 0.0
    for size in (1024, 2048, 4096, 8192)[: 4 if where.type != "cpu" else 3]:
        a = torch.ones(size, size, device=where).to(dtype)
        out = torch.empty(size, size, device=where, dtype=torch.int32 if dtype == torch.int8 else dtype)
        multiply = integers.product if dtype == torch.int8 else torch.mm
        taken = best(options, lambda a=a, out=out, multiply=multiply: multiply(a, a.mT, out=out)[0, 0].item(), 5)
        fastest = max(fastest, 2 * size**3 / taken)
    return fastest


def approximate(options) -> None:
    x = data.mnist("train", offline_fallback=False)[0][: options.rows]
    floats, k = x.float() / 255, options.k
    started = options.now()
    distances, indices = neighbors.nearest(x, k)
    print(f"{'':28}{'seconds':>9}{'found':>8}{'r_k':>8}{'TwoNN':>15}{f'ML, k = {k}':>15}")
    row("exact", options.now() - started, 1.0, distances, distances, k)
    for share in (10, 100):
        some = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[: len(x) // share]
        started = options.now()
        found = neighbors.nearest(x[some], k)[0]
        row(f"1 of {share} rows", options.now() - started, None, found, distances[some], k)
    if not installed("faiss", "faiss-cpu"):
        return
    import faiss

    faiss.omp_set_num_threads(options.threads)
    started = options.now()
    cells = 4 * math.isqrt(len(x))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(x.shape[1]), x.shape[1], cells)
    index.train(floats.numpy())
    index.add(floats.numpy())
    print(f"an index of {cells} cells takes {options.now() - started:.1f} s to make")
    for looked_at in (1, 4, 16, 64):
        index.nprobe, started = looked_at, options.now()
        named = without_itself(index.search(floats.numpy(), k + 1)[1], k)
        taken = options.now() - started
        full = (named >= 0).all(1)  # a cell may hold fewer than k
        hits = (named[full].unsqueeze(2) == indices[full].unsqueeze(1)).any(2).double().mean()
        found = pairwise.distances(x, x[full], named[full]).sort(1)[0]
        row(f"{looked_at} of {cells} cells", taken, float(hits), found, distances[full], k)


def row(name: str, taken: float, hits: float | None, found, true, k: int) -> None:
    further = float((found[:, -1] / true[:, -1]).mean())
    estimates = intrinsic_dimension.two_nn(found), intrinsic_dimension.mle(found)
    found_share = f"{hits:8.1%}" if hits is not None else f"{'':8}"
    print(f"{name:28}{taken:9.1f}{found_share}{further:8.3f}" + "".join(f"{e!s:>15}" for e in estimates), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {run.__name__: run for run in (speed, memory, growth, peak, approximate)}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--rows", type=int, default=60_000, help="default 60,000")
    parser.add_argument("--k", type=int, default=20, help="default 20")
    clock.add_options(parser)
    parser.add_argument("--device", choices=["cpu", "accelerator"], default="cpu", help="of `peak`")
    parser.add_argument("--memory", type=float, default=3 * 2**28, help="bytes, of `peak`; more for an accelerator")
    options = parser.parse_args()
    clock.begin(options)
    commands[options.command](options)


if __name__ == "__main__":
    main()
