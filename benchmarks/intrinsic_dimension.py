"""Dimension estimators on manifolds of known dimension and on MNIST, beside scikit-dimension and DADApy.

    python benchmarks/intrinsic_dimension.py coverage          # how often the 95 % intervals hold the truth
    python benchmarks/intrinsic_dimension.py truth --csv lecture_lib/truth_table.csv
    python benchmarks/intrinsic_dimension.py mnist             # each digit, each k, fewer and fewer images
    python benchmarks/intrinsic_dimension.py speed --rows 60000

The packages, `pip install scikit-dimension dadapy`, get the same points; without them their columns are left out.
"""

import argparse
import contextlib
import csv
import io
import itertools
import statistics
import time
import warnings

import numpy as np
import torch
from scipy import stats
from scipy.spatial import cKDTree

from lecture_lib import danco, data, intrinsic_dimension, manifolds, neighbors

with contextlib.suppress(ImportError):
    import skdim
with contextlib.suppress(ImportError):
    import dadapy

K = 20
COUNTS = {  # from the sorted distances
    "TwoNN": intrinsic_dimension.two_nn,
    "TwoNN, fit": lambda r: intrinsic_dimension.two_nn(r, method="fit"),
    "ML, k = 5": lambda r: intrinsic_dimension.mle(r[:, :5]),
    "ML, k = 20": intrinsic_dimension.mle,
    "ML, k = 20, arithmetic": lambda r: intrinsic_dimension.mle(r, average="arithmetic"),
    "rank slope, k = 10": lambda r: intrinsic_dimension.rank_slope(r[:, :10]),
    "rank slope, k = 10, distance": lambda r: intrinsic_dimension.rank_slope(r[:, :10], response="distance"),
}
PACKAGES = {}
if "skdim" in globals():
    PACKAGES |= {
        ("scikit-dimension", "TwoNN, fit"): lambda x: skdim.id.TwoNN().fit(x).dimension_,
        ("scikit-dimension", "TwoNN"): lambda x: skdim.id.TwoNN(method="mle").fit(x).dimension_,
        ("scikit-dimension", "ML, k = 5"): lambda x: skdim.id.MLE().fit(x, n_neighbors=5).dimension_,
        ("scikit-dimension", "ML, k = 20"): lambda x: skdim.id.MLE().fit(x, n_neighbors=K).dimension_,
    }
if "dadapy" in globals():
    PACKAGES |= {
        ("DADApy", "TwoNN, fit"): lambda x: dadapy.Data(x, verbose=False, maxk=2).compute_id_2NN()[0],
        ("DADApy", "TwoNN"): lambda x: dadapy.Data(x, verbose=False, maxk=2).compute_id_2NN(algorithm="ml")[0],
    }


def cases(full: bool) -> list[tuple[str, dict]]:
    """(manifold, arguments) of all rows of the truth table; those of DANCo unless `full`."""
    flat = [(kind, {"n": 2000, "d": d}) for kind in ("ball", "subspace") for d in (1, 2, 5, 10, 15, 20)]
    if not full:
        return [(kind, {**options, "dim": 2 * options["d"] + 5}) for kind, options in flat if options["d"] > 1]
    rows = flat + [(kind, {"n": 2000, "d": d}) for kind in ("sphere", "cube", "torus") for d in (1, 2, 5, 10, 20)]
    rows += [("spiral", {"n": 2000, "turns": turns}) for turns in (1, 2, 8, 32)]
    rows += [("swiss_roll", {"n": 2000, "d": d}) for d in (2, 5, 10, 20)] + [("swiss_roll", {"n": 2000, "turns": 6})]
    rows += [(kind, {"n": n, "d": d}) for n in (500, 10_000) for kind in ("ball", "cube") for d in (5, 20)]
    rows += [(kind, {"n": 2000, "d": 5, "dim": 784}) for kind in ("ball", "sphere", "cube", "subspace")]
    rows += [("spiral", {"n": 2000, "noise": noise}) for noise in (0.001, 0.01, 0.1)]
    rows += [("subspace", {"n": 2000, "d": 5, "dim": dim, "noise": 0.01}) for dim in (10, 100, 784)]
    return rows + [("ball", {"n": 2000, "d": 5, "dim": 20, "noise": noise}) for noise in (0.001, 0.01, 0.1)]


def truth(options: argparse.Namespace) -> None:
    """Bias and spread of every estimator, then of DANCo, and whether a package was nearer."""
    table = []
    for kind, arguments in cases(full=True) if options.draws else []:
        table += measured(kind, arguments, options.draws, counts)
    for kind, arguments in cases(full=False) if options.danco_draws else []:
        table += measured(kind, arguments, options.danco_draws, norms_and_angles)
    if options.csv:
        with open(options.csv, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
    verdicts(table)


def measured(kind: str, arguments: dict, draws: int, estimators) -> list[dict]:
    """One row for each estimator: mean, spread and mean stated error over the draws."""
    found, generator = {}, torch.Generator().manual_seed(0)
    for _ in range(draws if arguments["n"] < 10_000 else min(draws, 3)):
        x = getattr(manifolds, kind)(**arguments, generator=generator)
        for name, (value, error) in estimators(x, generator).items():
            found.setdefault(name, []).append((value, error))
    d = arguments.get("d", 1 if kind == "spiral" else 2)
    case = {"manifold": kind, "d": d, "dim": x.shape[1], "n": arguments["n"]}
    case |= {"noise": arguments.get("noise", 0), "turns": arguments.get("turns", "")}
    rows = []
    for (package, estimator), pairs in found.items():
        values, errors = zip(*pairs, strict=True)
        row = case | {"estimator": estimator, "package": package, "draws": len(pairs)}
        row |= {"mean": f"{statistics.mean(values):.3f}", "spread": f"{statistics.stdev(values):.3f}"}
        rows.append(row | {"stated": "" if errors[0] is None else f"{statistics.mean(errors):.3f}"})
    title = " ".join(f"{name}={value}" for name, value in arguments.items())
    print(f"\n{kind} {title}")
    for row in rows:
        print(
            f"  {row['estimator']:30}{row['package']:18}{row['mean']:>8} ± {row['spread']:>6}  {row['stated']:>6}",
            flush=True,
        )
    return rows


def counts(x: torch.Tensor, generator: torch.Generator) -> dict:
    """{(package, estimator): (value, stated error or None)} of the estimators that count neighbors."""
    distances, _ = neighbors.nearest(x, K)
    found = {("ours", name): pair(estimator(distances)) for name, estimator in COUNTS.items()}
    return found | {name: (float(quietly(estimator, x)), None) for name, estimator in PACKAGES.items()}


def norms_and_angles(x: torch.Tensor, generator: torch.Generator) -> dict:
    """The same for DANCo: with both references, with one, and the package's."""
    found = {("ours", "DANCo"): pair(danco.danco(x, generator=generator))}
    balls = danco.danco(x, references=[manifolds.ball], generator=generator)
    found["ours", "DANCo, balls only"] = pair(balls)
    if "skdim" in globals():
        fitted = quietly(lambda points: skdim.id.DANCo(random_state=0).fit(points).dimension_, x)
        found["scikit-dimension", "DANCo"] = float(fitted), None
    return found


def pair(estimate: intrinsic_dimension.Estimate) -> tuple[float, float]:
    """Value and stated standard error."""
    return estimate.value, estimate.std_error


def quietly(estimator, x: torch.Tensor):
    """A package's answer for the points as a NumPy array (two columns at least), without what it prints."""
    points = x.numpy()
    points = np.hstack([points, np.zeros_like(points)]) if points.shape[1] == 1 else points
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return estimator(points)


def verdicts(table: list[dict]) -> None:
    """For each estimator of ours that a package has too: rows in which the package is nearer by a standard error."""
    for estimator in dict.fromkeys(row["estimator"] for row in table if row["package"] != "ours"):
        rows = [row for row in table if row["estimator"] == estimator and row["manifold"] in ("ball", "subspace")]
        rows = [row for row in rows if row["n"] == 2000 and row["noise"] == 0]
        worse = []
        for _, group in itertools.groupby(rows, key=lambda row: (row["manifold"], row["d"], row["dim"])):
            group = list(group)
            miss = {row["package"]: abs(float(row["mean"]) - row["d"]) for row in group}
            margin = float(group[0]["spread"])
            if miss.pop("ours") > min(miss.values()) + margin:
                worse.append(f"{group[0]['manifold']} d = {group[0]['d']}")
        print(f"{estimator}: a package is nearer by a standard error in {len(worse)} cases {', '.join(worse)}")


def coverage(options: argparse.Namespace) -> None:
    """Shares of 1,000 draws in which the 95 % interval holds d, and what independent ratios would give."""
    generator, reached = np.random.default_rng(0), []
    print(
        f"{options.draws} draws of {options.points} points of a flat torus: share of intervals that hold d, in per cent"
    )
    print(f"{'':14}{'TwoNN':>16}" + "".join(f"{f'ML, k = {k}':>16}" for k in (3, 5, 10, 20)))
    for d in (1, 2, 3, 4, 5):
        hits, narrow = dict.fromkeys((2, 3, 5, 10, 20), 0), dict.fromkeys((2, 3, 5, 10, 20), 0)
        for _ in range(options.draws):
            x = generator.random((options.points, d))
            distances = torch.from_numpy(cKDTree(x, boxsize=1.0).query(x, K + 1)[0][:, 1:])
            for k in hits:
                estimate = (intrinsic_dimension.two_nn if k == 2 else intrinsic_dimension.mle)(distances[:, :k])
                low, high = estimate.interval()
                hits[k] += low < d < high
                low, high = stats.gamma.ppf([0.025, 0.975], len(x) * (k - 1)) / (len(x) * (k - 1)) * estimate.value
                narrow[k] += low < d < high
        shares = [f"{100 * hits[k] / options.draws:.1f} ({100 * narrow[k] / options.draws:.1f})" for k in hits]
        print(f"d = {d:<10}" + "".join(f"{share:>16}" for share in shares), flush=True)
        reached += [0.93 <= hit / options.draws <= 0.97 for hit in hits.values()]
    print("in brackets: as if all ratios were independent")
    print(f"between 93 and 97 per cent: {sum(reached)} of {len(reached)}")


def mnist(options: argparse.Namespace) -> None:
    """All images, each digit, fewer images; the published pairing of both corrections."""
    x, labels = data.mnist("train", offline_fallback=False)
    groups = {"all": x} | {f"digit {digit}": x[labels == digit] for digit in range(10)}
    groups |= {f"first {n:,}": x[:n] for n in (1000, 2000, 5000, 10_000, 30_000)}
    columns = ["TwoNN", "TwoNN, fit", *[f"ML, k = {k}" for k in (3, 5, 10, 20)]]
    print(f"{'':14}{'rows':>8}" + "".join(f"{column:>22}" for column in columns))
    for name, rows in groups.items():
        distances, _ = neighbors.nearest(rows, K)
        estimates = [intrinsic_dimension.two_nn(distances), intrinsic_dimension.two_nn(distances, method="fit")]
        estimates += [intrinsic_dimension.mle(distances[:, :k]) for k in (3, 5, 10, 20)]
        texts = ["{:.2f} [{:.2f}, {:.2f}]".format(estimate, *estimate.interval()) for estimate in estimates]
        print(f"{name:14}{len(rows):8,}" + "".join(f"{text:>22}" for text in texts), flush=True)
        if name == "all":
            both = [float(e) * (k - 2) / (k - 1) for e, k in zip(estimates[2:], (3, 5, 10, 20), strict=True)]
            print(f"{'  (k-2)/(k-1)':14}{'':8}{'':44}" + "".join(f"{value:22.2f}" for value in both))
            print(f"{'  duplicates':14}{estimates[0].duplicates:8,}")
    for digit in options.danco_digits:
        rows = groups[f"digit {digit}"][: options.danco_rows]
        estimate = danco.danco(rows, generator=torch.Generator().manual_seed(0))
        balls = danco.danco(rows, references=[manifolds.ball], generator=torch.Generator().manual_seed(0))
        print(f"DANCo, digit {digit}, {len(rows):,} rows: {estimate}; balls only {balls}", flush=True)


def speed(options: argparse.Namespace) -> None:
    """Both estimates from the images on, beside one call of a package for each; DANCo beside the package's."""
    x, _ = data.mnist("train", offline_fallback=False)
    x = x[: options.rows]
    print(f"{len(x):,} rows of {x.shape[1]}, {torch.get_num_threads()} threads: seconds of the clock, of the processor")
    ours, theirs = {}, {}
    for kind, points in {"uint8": x, "float32": x.float() / 255, "float64": x.double() / 255}.items():
        ours[kind] = timed(f"ours, TwoNN and ML, k = {K}, from {kind}", both, points)
    for (package, estimator), function in PACKAGES.items() if options.packages else ():
        if estimator in ("TwoNN", f"ML, k = {K}"):
            seconds = timed(f"{package}, {estimator}", quietly, function, x.double() / 255)
            theirs[estimator] = min(seconds, theirs.get(estimator, seconds))  # the quicker package for each
    x = x[:2000]
    ours["DANCo"] = timed("ours, DANCo, 2,000 rows", danco.danco, x, generator=torch.Generator().manual_seed(0))
    if len(theirs) == 2:
        claim("uint8 rows", sum(theirs.values()) / ours["uint8"], 8)
        claim("float rows", sum(theirs.values()) / ours["float32"], 2.5)
    if options.danco and "skdim" in globals():
        call = lambda points: skdim.id.DANCo(random_state=0).fit(points).dimension_  # noqa: E731
        claim("DANCo", timed("scikit-dimension, DANCo", quietly, call, x.double() / 255) / ours["DANCo"], 20)


def claim(name: str, ratio: float, wanted: float) -> None:
    """One line that says whether a ratio of processor seconds is what was claimed."""
    print(f"{name}: {ratio:.1f} x the packages (at least {wanted}): {'reached' if ratio >= wanted else 'missed'}")


def both(x: torch.Tensor):
    """TwoNN and maximum likelihood from one search."""
    distances, _ = neighbors.nearest(x, K)
    return intrinsic_dimension.two_nn(distances), intrinsic_dimension.mle(distances)


def timed(name: str, function, *arguments, **options) -> float:
    """Print seconds and result; the seconds of the processor."""
    started, worked = time.perf_counter(), time.process_time()
    result = function(*arguments, **options)
    worked = time.process_time() - worked
    print(f"{name:50}{time.perf_counter() - started:9.1f}{worked:9.1f}   {result}", flush=True)
    return worked


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    part = commands.add_parser("coverage")
    part.add_argument("--draws", type=int, default=1000)
    part.add_argument("--points", type=int, default=1000)
    part = commands.add_parser("truth")
    part.add_argument("--draws", type=int, default=10, help="samples of each manifold, 3 of the large ones")
    part.add_argument("--danco-draws", type=int, default=3, help="samples for DANCo, which takes longer")
    part.add_argument("--csv", help="file to write the table to")
    part = commands.add_parser("mnist")
    part.add_argument("--danco-digits", type=int, nargs="*", default=[1, 2, 8])
    part.add_argument("--danco-rows", type=int, default=10_000)
    part = commands.add_parser("speed")
    part.add_argument("--rows", type=int, default=60_000)
    part.add_argument("--packages", action="store_true", help="time the packages as well (ten minutes)")
    part.add_argument("--danco", action="store_true", help="time scikit-dimension's DANCo as well (tens of minutes)")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    {"coverage": coverage, "truth": truth, "mnist": mnist, "speed": speed}[options.command](options)
