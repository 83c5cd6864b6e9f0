"""A convolutional VAE beside a fully connected one of as many parameters, and what a label decides in both.

    python benchmarks/convolution.py compare     # bounds on test digits at equal epochs and at equal time
    python benchmarks/convolution.py labels      # conditional VAEs: is the digit drawn that was asked for?

Time is that of the processor with one thread, so that other work on the machine does not count; evaluations do not
count either. Claims of `compare`: at equal epochs the convolutional one leads, at equal time the fully connected one
does as long as training is short, and pixels in another order cost the convolutional one its lead. Claim of `labels`:
with more latent dimensions the code says more of the digit, and the label decides less.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import torch

from lecture_lib import autoencoder, conditional, convolution, data, device, likelihoods, reading, training, vae

PLAIN, CONV, SHUFFLED = "fully connected", "convolutional", "convolutional, pixels permuted"
EPOCHS, SECONDS = (5, 10, 20, 40), (5, 15, 30, 60, 90)
SETTINGS = {"lr": 2e-3, "transform": data.binarize, "progress": False}


def model_of(kind: str, latent_dim: int = 20, n_labels: int = 0) -> vae.VAE:
    """Both have about 330,000 parameters with J = 20."""
    if kind == PLAIN:
        encoder = autoencoder.mlp([784 + n_labels, 200, 2 * latent_dim])
        decoder = autoencoder.mlp([latent_dim + n_labels, 200, 784])
    else:
        encoder = convolution.conv_encoder(latent_dim, n_labels=n_labels)
        decoder = convolution.conv_decoder(latent_dim, n_labels=n_labels)
    return vae.VAE(encoder, decoder, likelihoods.Bernoulli(), latent_dim=latent_dim)


def curve(kind: str, x, x_test, seconds: float, seed: int) -> list[tuple[float, float]]:
    """Seconds of the processor and the bound on test digits after each epoch, until `seconds` are spent."""
    torch.manual_seed(seed)
    model, generator, found, spent = model_of(kind), torch.Generator().manual_seed(seed), [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        more = {"checkpoint": str(Path(folder, "run.pt")), "resume": True, "generator": generator}
        while spent < seconds:
            started = time.process_time()
            training.train(model, vae.negative_elbo, x, epochs=len(found) + 1, **more, **SETTINGS)
            spent += time.process_time() - started
            found.append((spent, training.evaluate(model, vae.negative_elbo, x_test)["elbo"]))
    return found


def at_epoch(found: list[tuple[float, float]], epoch: int) -> float:
    """The bound after so many epochs; NaN where there were fewer."""
    return found[epoch - 1][1] if len(found) >= epoch else float("nan")


def at_time(found: list[tuple[float, float]], seconds: float) -> float:
    """The bound after the last epoch that ended in time; NaN before the first and after the last."""
    before = [bound for spent, bound in found if spent <= seconds]
    return before[-1] if before and found[-1][0] >= seconds else float("nan")


def compare(options) -> None:
    x, x_test = (
        data.mnist("train", offline_fallback=False)[0][: options.images],
        data.mnist("test", offline_fallback=False)[0][:2000],
    )
    x_test = data.binarize(x_test, torch.Generator().manual_seed(0))
    order = torch.randperm(784, generator=torch.Generator().manual_seed(5))
    for kind in (PLAIN, CONV):
        print(f"{kind}: {sum(p.numel() for p in model_of(kind).parameters()):,} parameters")
    curves = {}
    for kind in (PLAIN, CONV, SHUFFLED):
        rows, test = (x[:, order], x_test[:, order]) if kind == SHUFFLED else (x, x_test)
        curves[kind] = [curve(kind, rows, test, options.seconds, seed) for seed in range(options.seeds)]
    table = {f"{n} epochs": (at_epoch, n) for n in EPOCHS} | {f"{s} s": (at_time, s) for s in SECONDS}
    bounds = {
        kind: {column: [read(found, at) for found in runs] for column, (read, at) in table.items()}
        for kind, runs in curves.items()
    }
    print(f"{'':32}{'s/epoch':>8}" + "".join(f"{column:>11}" for column in table))
    for kind, row in bounds.items():
        pace = statistics.median(found[-1][0] / len(found) for found in curves[kind])
        print(f"{kind:32}{pace:8.2f}" + "".join(f"{statistics.mean(values):11.1f}" for values in row.values()))
    report(bounds)


def report(bounds) -> None:
    """The lead of the convolutional one in every run, and the claims."""
    lead = {
        column: [a - b for a, b in zip(bounds[CONV][column], bounds[PLAIN][column], strict=True)]
        for column in bounds[CONV]
    }
    for column, values in lead.items():
        print(f"lead after {column:10} {', '.join(f'{value:+.1f}' for value in values)} nats")
    epochs = all(value > 0 for n in (5, 10, 20) for value in lead[f"{n} epochs"])
    print(f"the convolutional one leads at 5, 10 and 20 epochs: {'reached' if epochs else 'missed'}")
    short = all(value < 0 for s in (5, 15) for value in lead[f"{s} s"])
    print(f"the fully connected one leads at 5 and 15 seconds: {'reached' if short else 'missed'}")
    pairs = zip(bounds[SHUFFLED]["10 epochs"], bounds[PLAIN]["10 epochs"], strict=True)
    lost = all(shuffled < plain for shuffled, plain in pairs)
    print(f"with permuted pixels it is behind the fully connected one at 10 epochs: {'reached' if lost else 'missed'}")


def labels(options) -> None:
    (x, y), (x_test, y_test) = (
        tuple(part[: options.images] for part in data.mnist(s, offline_fallback=False)) for s in ("train", "test")
    )
    x_test, y_test = x_test[:2000], y_test[:2000]
    bits = data.binarize(x_test, torch.Generator().manual_seed(0))
    reader = trained_reader(x, y, 784, 15)
    accuracy = training.evaluate(reader, reading.cross_entropy, conditional.with_labels(x_test, y_test))["accuracy"]
    print(f"the reader names {100 * accuracy:.1f} % of 2,000 test digits; columns in %, the last one a correlation")
    columns = ("bound", "KL", "asked", "swapped", "old digit", "in the code", "evidence", "slant")
    print(f"{'':26}" + "".join(f"{column:>12}" for column in columns))
    found = {}
    for kind, latent_dim in itertools.product((PLAIN, CONV), options.latent_dims):
        torch.manual_seed(0)
        model, more = model_of(kind, latent_dim, 10), {"epochs": options.epochs, **SETTINGS}
        training.train(model, conditional.negative_elbo, conditional.with_labels(x, y), **more)
        row = measured(model, reader, x, y, bits, y_test)
        found[kind, latent_dim] = row
        print(
            f"{kind + f', J = {latent_dim}':26}" + "".join(f"{value:12.1f}" for value in row[:-1]) + f"{row[-1]:12.2f}"
        )
    for kind in (PLAIN, CONV):
        rows = [found[kind, latent_dim] for latent_dim in sorted(options.latent_dims)]
        less, more = ([row[i] for row in rows] for i in (3, 5))
        reached = less == sorted(less, reverse=True) and more == sorted(more)
        print(
            f"{kind}: more dimensions, more digit in the code, less in the label: {'reached' if reached else 'missed'}"
        )


def trained_reader(x, y, n_in: int, epochs: int) -> torch.nn.Module:
    """A classifier with one hidden layer."""
    torch.manual_seed(1)
    model, rows = autoencoder.mlp([n_in, 200, 10]), conditional.with_labels(x, y)
    training.train(model, reading.cross_entropy, rows, epochs=epochs, lr=2e-3, progress=False)
    return model


@torch.no_grad()
def measured(model, reader, x, y, bits, y_test) -> list[float]:
    """The columns of the table."""
    parts = training.evaluate(model, conditional.negative_elbo, conditional.with_labels(bits, y_test))
    generator, ten = torch.Generator().manual_seed(3), torch.arange(10)
    every, other = conditional.given(model, ten), ten != y_test[:, None]
    z = torch.randn(500, 1, model.latent_dim, generator=generator).expand(-1, 10, -1)
    asked = reader(model.likelihood.mean(every.decode(z))).argmax(-1) == ten
    mu = conditional.given(model, y_test).encode(bits)[0]
    swapped = model.likelihood.mean(every.decode(mu.unsqueeze(1).expand(-1, 10, -1)))  # (2000, 10, 784)
    read = reader(swapped).argmax(-1)
    mu_train = conditional.given(model, y).encode(data.binarize(x, generator))[0]
    with torch.enable_grad():
        from_code = trained_reader(mu_train, y, model.latent_dim, 15)
    log_p = [vae.log_evidence(conditional.given(model, k), bits[:200], 50, generator=generator) for k in range(10)]
    slants = torch.stack([reading.slant(bits), reading.slant(swapped)[torch.arange(len(bits)), (y_test + 1) % 10]])
    shares = [asked, (read == ten)[other], (read == y_test[:, None])[other], from_code(mu).argmax(-1) == y_test]
    shares.append(torch.stack(log_p).argmax(0) == y_test[:200])
    percent = [100 * share.double().mean().item() for share in shares]
    return [parts["elbo"], parts["kl"], *percent, torch.corrcoef(slants)[0, 1].item()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("what", choices=("compare", "labels"))
    parser.add_argument("--images", type=int, default=10_000, help="of the training set")
    parser.add_argument("--seconds", type=float, default=95, help="of each run of `compare`")
    parser.add_argument("--seeds", type=int, default=2, help="of `compare`")
    parser.add_argument("--epochs", type=int, default=30, help="of `labels`")
    parser.add_argument("--latent-dims", type=int, nargs="+", default=[2, 5, 20], help="of `labels`")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{device.describe(torch.device('cpu'))}; torch {torch.__version__}; one thread")
    {"compare": compare, "labels": labels}[options.what](options)


if __name__ == "__main__":
    main()
