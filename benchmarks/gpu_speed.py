"""Images per second of `training.train` on an accelerator: plain, compiled, and compiled into CUDA graphs.

Claims nothing; shows what an accelerator adds for a network as small as the 784-400-20 VAE, where starting the kernels
takes longer than running them, and what `torch.compile` (one line, the same loop) wins back.

    python benchmarks/gpu_speed.py
    python benchmarks/gpu_speed.py --allow-cpu --images 2560 --batch-sizes 128 --epochs 2     # try the script itself

Without an accelerator it says so and ends. Every setting trains once to compile and warm up; then come the epochs that
are timed, each of which ends only when the accelerator has finished. Only whole batches are used, so that one shape is
compiled. The data set is on the accelerator beforehand.
"""

import argparse
import statistics

import torch

from lecture_lib import autoencoder, data, device, likelihoods, training, vae

LOSSES = {
    "plain": lambda: vae.negative_elbo,
    "compiled": lambda: torch.compile(vae.negative_elbo, dynamic=False),
    "CUDA graphs": lambda: torch.compile(vae.negative_elbo, dynamic=False, mode="reduce-overhead"),
}


def images_per_second(x, way: str, precision: str, batch_size: int, where, options) -> tuple[list[float], float]:
    """Images per second of every timed epoch, and the loss of the last one."""
    torch.manual_seed(0)
    torch.compiler.reset()  # what was compiled for another setting is not counted against this one
    networks = autoencoder.mlp([784, 400, 40]), autoencoder.mlp([20, 400, 784])
    model = vae.VAE(*networks, likelihoods.Bernoulli()).to(where)
    loss_fn, x = LOSSES[way](), x[: len(x) // batch_size * batch_size]
    settings = {"batch_size": batch_size, "precision": precision, "progress": False}
    training.train(model, loss_fn, x[: 20 * batch_size], epochs=2, **settings)
    history = training.train(model, loss_fn, x, epochs=options.epochs, **settings)
    return [len(x) / seconds for seconds in history.seconds], history.train["loss"][-1]


def table(x, where, options) -> dict:
    """Print a line for each setting as soon as it is known; returns the median rates."""
    print(f"\n{'way':14}{'precision':12}{'batch':>8}{'images/s':>14}{'min':>14}{'max':>14}{'loss (nats)':>14}")
    medians = {}
    for batch_size in options.batch_sizes:
        for precision in ("float32", "bfloat16"):
            for way in options.ways:
                print(f"{way:14}{precision:12}{batch_size:8}", end="", flush=True)
                try:
                    rates, loss = images_per_second(x, way, precision, batch_size, where, options)
                except Exception as error:  # no compiler, no Triton, no graphs: the other rows still count
                    print(f"  failed: {type(error).__name__}: {str(error).strip().partition(chr(10))[0][:120]}")
                    continue
                medians[way, precision, batch_size] = median = statistics.median(rates)
                print(f"{median:14,.0f}{min(rates):14,.0f}{max(rates):14,.0f}{loss:14.2f}")
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=10, help="timed epochs of each setting")
    parser.add_argument("--images", type=int, default=60_000, help="training images used")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[128, 512, 4096])
    parser.add_argument("--ways", nargs="+", choices=list(LOSSES), default=list(LOSSES))
    parser.add_argument("--allow-cpu", action="store_true", help="run on the CPU, to try the script")
    options = parser.parse_args()
    where = device.pick()
    if where.type == "cpu" and not options.allow_cpu:
        print("no accelerator here")
        return
    x = data.mnist("train", offline_fallback=False)[0][: options.images].to(where)
    if too_large := [size for size in options.batch_sizes if size > len(x)]:
        parser.error(f"--batch-sizes {too_large}: there are only {len(x)} images")
    print(f"{device.describe(where)}; torch {torch.__version__}; {len(x):,} images, {options.epochs} timed epochs")
    medians = table(x, where, options)
    print()
    for (way, precision, batch_size), rate in medians.items():
        if way != "plain" and ("plain", precision, batch_size) in medians:
            gain = rate / medians["plain", precision, batch_size]
            print(f"{way}, {precision}, batch {batch_size}: {gain:.1f} x plain")


if __name__ == "__main__":
    main()
