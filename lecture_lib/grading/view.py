"""What of this machine a sandbox shows, as options of bubblewrap.

What is not named here does not exist inside: no home, no device but three, none of the course but its library.
"""

import os
import sys
from pathlib import Path

import lecture_lib

LIBRARY = Path(lecture_lib.__file__).resolve().parent
COURSE = "/course"  # where the library lies inside
SCRIPT = f"{COURSE}/worker.py"
DATA = "/data"
SYSTEM = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")  # beside /usr, or links into it
SETTINGS = (  # where they exist
    *("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime"),
    "/sys/devices/system/cpu",  # on ARM, torch looks there for what the processor can do
)
DEVICES = ("null", "random", "urandom")  # no zero: mapped, it is memory in no process's size


def environment(home: str, course: str, data: str | None) -> dict[str, str]:
    """All environment variables of the worker. One thread and fixed hashes: two runs give the same numbers."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    plain = {"LANG": "C.UTF-8", "MPLBACKEND": "Agg", "TQDM_DISABLE": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    places = {"PATH": os.defpath, "HOME": home, "PYTHONPATH": course, "PYTHONDONTWRITEBYTECODE": "1"}
    return threads | plain | places | ({"LECTURE_LIB_DATA": data} if data else {})


def folders(data: Path | None) -> dict[str, Path]:
    """{where inside: folder of this machine}, outer folders before those that they hold."""
    found = {"/usr": Path("/usr"), f"{COURSE}/lecture_lib": LIBRARY}
    for path in (Path("/", name) for name in SYSTEM):
        if path.is_dir() and not path.is_symlink():
            found[str(path)] = path
    for prefix in (sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix)):
        if not Path(prefix).is_relative_to("/usr"):
            found[prefix] = Path(prefix)
    if data:
        found[f"{DATA}/mnist"] = data / "mnist"
    return dict(sorted(found.items()))


def inside(path: Path, shown: dict[str, Path]) -> list[str]:
    """Every place inside at which a path of this machine shows; none where it is not visible."""
    path, hosts = path.resolve(), [(place, host.resolve()) for place, host in shown.items()]
    places = [Path(place, path.relative_to(host)) for place, host in hosts if path.is_relative_to(host)]
    return [str(place) for place in dict.fromkeys(places)]


def covers(files: dict[Path, bytes], data: Path | None) -> dict[str, bytes]:
    """{place inside: content} for contents that stand in for files of this machine."""
    shown = folders(data)
    return {place: content for path, content in files.items() for place in inside(path, shown)}


def options(scratch: int, script: Path, data: Path | None, protect: list[Path]) -> list[str]:
    """Options that build the view, in the order in which bubblewrap follows them: later ones cover earlier ones.

    `protect` is hidden wherever it shows. Raises ValueError where that cannot be.
    """
    if data and not Path(data, "mnist").is_dir():
        raise ValueError(f"data={str(data)!r} holds no folder mnist")
    shown = folders(data)
    # Shared memory is a file in /dev/shm; as a link to /tmp it falls under the limit of /tmp.
    found = f"--proc /proc --perms 1777 --size {scratch} --tmpfs /tmp --tmpfs /dev --symlink /tmp /dev/shm".split()
    found += ["--symlink", "/proc/self/fd", "/dev/fd"]
    for name in DEVICES:
        found += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for path in (Path("/", name) for name in SYSTEM):
        if path.is_symlink():
            found += ["--symlink", os.readlink(path), str(path)]
    for place in [*shown, *SETTINGS]:  # bubblewrap itself would make folders that only their owner may enter
        found += [word for folder in reversed(Path(place).parents) for word in ("--dir", str(folder))]
    for path in SETTINGS:
        found += ["--ro-bind-try", path, path]
    for place, host in [*shown.items(), (SCRIPT, script)]:
        found += ["--ro-bind", str(host), place]
    return found + [option for path in protect for place in inside(path, shown) for option in _hidden(path, place)]


def _hidden(path: Path, place: str) -> list[str]:
    if not path.exists():
        raise ValueError(f"protect holds {str(path)!r}, which would show in the sandbox once it exists: make it first")
    return ["--tmpfs", place, "--remount-ro", place] if path.is_dir() else ["--ro-bind", "/dev/null", place]
