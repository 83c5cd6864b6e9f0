"""What a notebook takes while nbval executes it: more than twice the time that its first cell states fails the run.

Counted are the seconds of the processor that its kernel has used: on a busy machine they stay nearly the same.
"""

from collections import defaultdict
from pathlib import Path

import psutil
import pytest

SPARE = 60.0  # seconds: imports, and a processor whose other half is busy
KERNEL_SECONDS = "kernel_seconds"
used = defaultdict(list)  # by notebook: the seconds after each of its cells


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    outcome = yield
    kernel = getattr(item.parent, "kernel", None)
    if outcome.excinfo is None and hasattr(item, "cell_num"):  # a kernel that died is gone
        times = psutil.Process(kernel.km.provisioner.pid).cpu_times()
        item.user_properties.append((KERNEL_SECONDS, times.user + times.system))


def pytest_runtest_logreport(report):
    seconds = dict(report.user_properties).get(KERNEL_SECONDS)
    if report.when == "call" and seconds is not None:
        used[report.nodeid.partition("::")[0]].append((seconds, report.nodeid.partition("::")[2]))


def over_budget(root: Path) -> list[str]:
    """The notebooks that took more than twice the stated time, each with its slowest cell."""
    if not used:
        return []
    from lecture_lib import notebook_format, run_times

    found = []
    for name, cells in used.items():
        stated = run_times.budget(notebook_format.read(root / name))
        total = max(seconds for seconds, _ in cells)
        if total > 2 * stated + SPARE:
            ends = [0.0, *(seconds for seconds, _ in cells)]
            slowest = max(range(len(cells)), key=lambda i: ends[i + 1] - ends[i])
            took = f"{ends[slowest + 1] - ends[slowest]:.0f} s in {cells[slowest][1]}"
            found.append(f"{name} states {stated:.0f} s and used {total:.0f} s of the processor, {took}")
    return found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput") and session.exitstatus == 0 and over_budget(session.config.rootpath):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    for line in over_budget(config.rootpath):
        terminalreporter.write_line(f"OVER BUDGET: {line}", red=True)
