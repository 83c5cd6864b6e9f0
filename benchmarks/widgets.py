"""Pictures a second of every interactive part, each of its controls moved alone, the PNG included.

Claim: at least 10 a second with every control, by its median.

    python benchmarks/widgets.py

The parts are those that the tests make, with data of their size (tests/test_explorers.py). "worst" is the slowest
single picture. What the browser needs to show it comes on top.
"""

import argparse
import statistics
import sys
from pathlib import Path

import clock

from lecture_lib import frames

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import test_explorers


def timed(figure, now) -> dict[str, list[float]]:
    """Seconds of each redraw, by control."""
    found = {}
    for name, control in figure.controls.items():
        found[name] = []
        for value in frames.positions(control, 31):
            began = now()
            control.value = value
            found[name].append(now() - began)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    clock.add_options(parser)
    options = parser.parse_args()
    clock.begin(options)
    print(f"{'':20} {'slowest control':18} {'pictures/s':>10} {'worst (ms)':>10} {'PNG (kB)':>9}")
    slowest = {}
    for name, make in test_explorers.EXPLORERS.items():
        figure = make()
        seconds = timed(figure, options.now)
        control = max(seconds, key=lambda key: statistics.median(seconds[key]))
        slowest[name] = 1 / statistics.median(seconds[control])
        worst, size = max(map(max, seconds.values())), len(figure.picture.value)
        print(f"{name:20} {control:18} {slowest[name]:10.0f} {1e3 * worst:10.0f} {size / 1e3:9.0f}", flush=True)
    name = min(slowest, key=slowest.get)
    verdict = "reached" if slowest[name] >= 10 else "missed"
    print(f"\nslowest: {name}, {slowest[name]:.0f} pictures a second (at least 10): {verdict}")


if __name__ == "__main__":
    main()
