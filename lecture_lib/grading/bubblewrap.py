"""Starts a command in a sandbox of bubblewrap, with no network, no rights, and no process but its own in sight."""

import contextlib
import functools
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lecture_lib.grading import limits, processes, seccomp, view

PATIENCE = 20  # seconds within which bubblewrap must have started the command; it takes 0.02
ISOLATION = [
    *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"),
    *("--new-session", "--die-with-parent", "--hostname", "sandbox", "--chdir", "/tmp"),
]
READ_ONLY = ["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"]
ADVICE = (
    "Unprivileged user namespaces must be allowed: as administrator, look at user.max_user_namespaces, on Ubuntu at "
    "kernel.apparmor_restrict_unprivileged_userns, in a container at its profile and at the rights of its root."
)
# Not -I, which would ignore the fixed hashes of the environment; that is cleared anyway.
PYTHON = [sys.executable, "-s", "-P", "-u"]


class SandboxError(RuntimeError):
    """There is no sandbox; the text says why and what to do."""


@functools.lru_cache
def unavailable() -> str | None:
    """None where the sandbox works on this machine (it is tried), else a sentence: what is missing, what to do."""
    if sys.platform != "linux":
        return f"The sandbox needs bubblewrap, which runs on Linux only, not on {platform.system()}."
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed: install it (Debian, Ubuntu: sudo apt install bubblewrap)."
    version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout.split()[-1:]
    if not version or [int(part) for part in version[0].split(".")[:2]] < [0, 8]:
        return f"bubblewrap is too old ({' '.join(version)}): install version 0.8 or newer."
    try:
        return _trial()
    except (SandboxError, OSError) as error:
        return f"{error}. {ADVICE}"


def _trial() -> str | None:
    """Start Python in a sandbox and see whether it works."""
    shown = view.options(2**20, Path(__file__), None, [])
    program = "import lecture_lib.grading.limits, time; print('works'); time.sleep(60)"
    process, namespace = launch([*PYTHON, "-c", program], view.environment("/tmp", view.COURSE, None), shown, {}, {})
    first = process.stdout.readline()
    namespace.kill()
    namespace.close()
    said = (first + process.communicate()[0]).decode(errors="replace").strip()
    return (
        None
        if said == "works"
        else f"Python does not start in a sandbox of bubblewrap: {said.splitlines()[-1] if said else 'no word'}."
    )


def launch(command: list[str], environment: dict, shown: list[str], files: dict, rlimits: dict, descriptors=()):
    """(process of bubblewrap, namespace): `command` runs in it, held to `rlimits`, with `descriptors` open.

    It sees what the options `shown` build, with `files`, {place: content}, laid over it. The kernel ends the sandbox
    together with the thread that calls this.
    """
    binary = shutil.which("bwrap")
    if not binary:
        raise SandboxError(unavailable())
    (told, telling), (blocked, letting) = os.pipe(), os.pipe()
    user, rights, become = _user()
    options = [*ISOLATION, *rights, "--info-fd", str(telling), "--block-fd", str(blocked), *shown]
    options += [word for item in environment.items() for word in ("--setenv", *item)]
    given = [telling, blocked]
    for place, content in (files | {"/etc/passwd": f"student:x:{user}:{user}::/tmp:/bin/sh\n".encode()}).items():
        given.append(_file(content))
        options += ["--perms", "0444", "--ro-bind-data", str(given[-1]), place]
    options += READ_ONLY
    if program := seccomp.program():
        given.append(_file(program))
        options += ["--seccomp", str(given[-1])]
    # The first process inside shows its command line and its environment: neither says anything.
    given.append(_file("".join(f"{option}\0" for option in options).encode()))
    process = _popen([binary, "--args", str(given[-1]), "--", *become, *command], (*given, *descriptors))
    for descriptor in given:
        os.close(descriptor)
    try:
        return process, _started(process, told, letting, rlimits)
    except BaseException:
        process.kill()
        process.communicate()
        raise


def _user() -> tuple[int, list[str], list[str]]:
    """(user inside, options for its rights, command that becomes this user).

    An ordinary user is renamed in a namespace of users. Root must not be: behind the new name the kernel would see
    root, whom no limit on processes binds, and who owns /proc/sys and the devices. So root becomes somebody else.
    """
    if os.geteuid():
        return 1000, ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"], []
    user = random.SystemRandom().randrange(61184, 65520)  # transient users, by the convention of systemd
    become = f"setpriv --reuid {user} --regid {user} --clear-groups --inh-caps -all --bounding-set -all".split()
    return user, [word for name in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{name}")], become


def _popen(line: list[str], descriptors: tuple[int, ...]) -> subprocess.Popen:
    """The process. Its input is an empty pipe: whatever it has open is its to change, so it gets no file of ours."""
    empty, end = os.pipe()
    os.close(end)
    try:
        return subprocess.Popen(
            line,
            env={},
            stdin=empty,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=descriptors,
            start_new_session=True,
        )
    finally:
        os.close(empty)


def _file(content: bytes) -> int:
    """A descriptor from which the content can be read."""
    descriptor = os.memfd_create("sandbox")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _started(process: subprocess.Popen, told: int, letting: int, rlimits: dict[str, int]) -> processes.Namespace:
    """The namespace, once the command runs in it; it is held to the limits before anything else happens."""
    with open(told, "rb") as file, open(letting, "wb"):
        text = file.read()
        if not text:
            raise _failure(process)
        try:
            namespace = processes.Namespace(json.loads(text)["child-pid"])
            limits.hold(namespace.first, rlimits)
        except ProcessLookupError:
            raise _failure(process) from None
        with contextlib.suppress(OSError):  # where memory runs out, this goes first
            Path(f"/proc/{namespace.first}/oom_score_adj").write_text("1000")
    end = time.monotonic() + PATIENCE
    while not namespace.open_scratch():
        if process.poll() is not None or time.monotonic() > end:
            namespace.kill()
            namespace.close()
            raise _failure(process)
        time.sleep(0.002)
    return namespace


def _failure(process: subprocess.Popen) -> SandboxError:
    process.kill()
    said = process.stdout.read().decode(errors="replace").strip()
    return SandboxError(f"bubblewrap could not start: {said or 'it did not say why'}")
