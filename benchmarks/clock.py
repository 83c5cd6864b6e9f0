"""Options that timings share: threads, and which clock; import beside this file."""

import argparse
import time

import torch

from lecture_lib import device


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: processor time of this process")


def begin(options: argparse.Namespace) -> None:
    """Set the threads and `options.now`, a clock in seconds, and say where the timings were made."""
    options.now = time.perf_counter if options.clock == "wall" else time.process_time
    torch.set_num_threads(options.threads)
    where = device.describe(torch.device("cpu"))
    print(f"{where}; torch {torch.__version__}; {options.clock} time, {options.threads} threads")
