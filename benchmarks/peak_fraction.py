"""How much of the CPU's matrix-product speed `training.train` turns into learning.

Claim: at batch 512 in float32, training the 784-400-20 VAE runs at 70 % or more of the fastest matrix product that
PyTorch reaches on the same CPU with as many threads.

    python benchmarks/peak_fraction.py
    python benchmarks/peak_fraction.py --threads 1 --clock cpu      # on a busy machine: processor time, not wall time

Operations: 6 x parameters x images. Each weight costs a multiplication and an addition (2) in the forward pass, in the
gradient of the weights and in the gradient of the layer's input. The first layer needs no gradient of its input, so
the true count is lower by 2 x 784 x 400 an image: the column "needed" leaves these out.

The peak is the fastest of several products of square matrices. It is measured before and after every training run, and
the larger of the two counts, so a machine that slows down or speeds up meanwhile is seen in the columns of the peak.
"""

import argparse
import statistics
import time

import torch

from lecture_lib import autoencoder, data, device, likelihoods, training, vae

D, HIDDEN, J = 784, 400, 20
CLAIM = ("float32", 512, 0.70)


def build() -> vae.VAE:
    torch.manual_seed(0)
    return vae.VAE(autoencoder.mlp([D, HIDDEN, 2 * J]), autoencoder.mlp([J, HIDDEN, D]), likelihoods.Bernoulli())


def peak(dtype: torch.dtype, options) -> float:
    """Operations per second of the fastest product of two square matrices, best of all sizes and tries."""
    best = 0.0
    for size in options.sizes:
        a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
        repeats = max(1, round(1024**3 / size**3))  # about 2 GFLOP between two looks at the clock
        for _ in range(options.tries):
            started = options.now()
            for _ in range(repeats):
                a @ b
            best = max(best, repeats * 2 * size**3 / (options.now() - started))
    return best


def images_per_second(x, batch_size: int, precision: str, options) -> float:
    started = options.now()
    settings = {"epochs": options.epochs, "batch_size": batch_size, "precision": precision}
    training.train(build(), vae.negative_elbo, x, **settings, progress=False)
    return len(x) * options.epochs / (options.now() - started)


def measure(x, options) -> dict:
    """For every precision and batch size, a list of (peak before, images per second, peak after), one a round."""
    settings = [(precision, size) for precision in ("float32", "bfloat16") for size in options.batch_sizes]
    found = {setting: [] for setting in settings}
    for precision, batch_size in settings:  # the first run pays for imports and memory
        images_per_second(x[: 10 * batch_size], batch_size, precision, options)
    for _ in range(options.rounds):
        for precision, batch_size in settings:
            dtype = getattr(torch, precision)
            before = peak(dtype, options)
            rate = images_per_second(x, batch_size, precision, options)
            found[precision, batch_size].append((before, rate, peak(dtype, options)))
    return found


def report(found: dict) -> dict:
    """Print the table; returns the median fraction for every precision and batch size."""
    parameters = sum(parameter.numel() for parameter in build().parameters())
    counted, needed = 6 * parameters, 6 * parameters - 2 * D * HIDDEN
    print(f"{parameters:,} parameters: {counted:,} operations an image, {needed:,} of them needed\n")
    head = ("precision", "batch", "images/s", "GFLOP/s", "peak before", "peak after", "of peak", "min", "max", "needed")
    print("".join(f"{name:>12}" if index else f"{name:10}" for index, name in enumerate(head)))
    fractions = {}
    for (precision, batch_size), rounds in found.items():
        before, rate, after = (statistics.median(column) for column in zip(*rounds, strict=True))
        shares = [counted * rate / max(before, after) for before, rate, after in rounds]
        share = fractions[precision, batch_size] = statistics.median(shares)
        speeds = "".join(f"{value / 1e9:12.1f}" for value in (counted * rate, before, after))
        percents = "".join(f"{value:12.1%}" for value in (share, min(shares), max(shares), share * needed / counted))
        print(f"{precision:10}{batch_size:12}{rate:12,.0f}{speeds}{percents}")
    return fractions


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each setting trains")
    parser.add_argument("--epochs", type=int, default=1, help="epochs in one round")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024, 2048], help="matrices for the peak")
    parser.add_argument("--tries", type=int, default=10, help="products of each size")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: processor time of this process")
    options = parser.parse_args()
    options.now = time.perf_counter if options.clock == "wall" else time.process_time
    torch.set_num_threads(options.threads)
    x, _ = data.mnist("train", offline_fallback=False)
    where = device.describe(torch.device("cpu"))
    print(f"{where}; {len(x):,} images, {options.rounds} rounds of {options.epochs} epochs, {options.clock} time")
    fractions = report(measure(x, options))
    precision, batch_size, least = CLAIM
    if (precision, batch_size) in fractions:
        share = fractions[precision, batch_size]
        verdict = "reached" if share >= least else "missed"
        print(f"\n{precision}, batch {batch_size}: {share:.0%} of the peak (at least {least:.0%}): {verdict}")


if __name__ == "__main__":
    main()
