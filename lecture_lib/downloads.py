"""The four files of MNIST: from the user's folder, the cache, or the first mirror that delivers them.

Only the published SHA-256 makes a file MNIST. A download is checked in memory (10 MB at most), then written under
another name and renamed, so that nobody meets a partial or tampered file.
"""

import contextlib
import hashlib
import os
import threading
import time
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

import platformdirs

from lecture_lib import meters

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
FILES = {  # name: (SHA-256, bytes)
    "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
    "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
    "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
    "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
}
MIN_RATE = 20_000  # bytes per second: even a class that shares one line gets more
_unsaved: dict[str, bytes] = {}  # verified files that could not be written, kept for this session


def obtain(name: str, mirrors: Sequence[str], timeout: float) -> bytes:
    """The verified bytes of the file, from the first place that has them."""
    own, cache = os.environ.get("LECTURE_LIB_DATA"), Path(platformdirs.user_cache_dir("lecture_lib"))
    for folder in [Path(own).expanduser(), cache] if own else [cache]:
        if content := _read_verified(folder / "mnist" / name):
            return content
    return _unsaved.get(name) or _stored(_download(name, mirrors, timeout), cache / "mnist" / name)


def _read_verified(path: Path) -> bytes | None:
    """The bytes of the file, or None and, unless it is just not there, a line that says why."""
    try:
        return _verified(path.read_bytes(), path.name)
    except (OSError, ValueError) as error:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            print(f"{path} is ignored: {error}")
    return None


def _verified(content: bytes, name: str) -> bytes:
    (expected, size), found = FILES[name], hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(f"{len(content):,} bytes, SHA-256 {found[:8]}…, instead of {size:,}, {expected[:8]}…")
    return content


def _stored(content: bytes, path: Path) -> bytes:
    """The bytes, put in their place in one step; where that fails, a line says so and they stay in memory."""
    part = path.with_name(f"{path.name}.{os.urandom(8).hex()}.part")  # each process has its own
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        print(f"{path.name} could not be cached, so it is kept for this session only: {error}")
        _unsaved[path.name] = content
    finally:
        for other in path.parent.glob("*.part"):
            with contextlib.suppress(OSError):  # another process may be quicker
                if other == part or time.time() - other.stat().st_mtime > 3600:  # an hour: its writer was killed
                    other.unlink()
    return content


def _download(name: str, mirrors: Sequence[str], timeout: float) -> bytes:
    """The verified bytes of the file, from the first mirror that delivers them."""
    failures = {}
    for mirror in mirrors:
        try:
            return _verified(_fetch(f"{mirror.rstrip('/')}/{name}", FILES[name][1], timeout), name)
        except (OSError, HTTPException, ValueError) as error:
            failures[mirror] = str(error) or type(error).__name__
    reasons = "; ".join(dict.fromkeys(failures.values())) or "no mirrors given"
    tried = "".join(f"\n  {mirror}: {reason}" for mirror, reason in failures.items())
    raise ConnectionError(
        f"MNIST could not be downloaded ({name}: {reasons}){tried}\nPut {', '.join(FILES)} into a folder mnist and "
        f"set LECTURE_LIB_DATA to its parent folder (now {os.environ.get('LECTURE_LIB_DATA', 'not set')})."
    )


def _fetch(url: str, size: int, timeout: float) -> bytes:
    """What the address delivers, hardly more than `size` bytes, within timeout + size / MIN_RATE seconds."""
    received, errors, end = bytearray(), [], time.monotonic() + timeout + size / MIN_RATE

    def read() -> None:
        try:
            with urllib.request.urlopen(url, timeout=timeout) as response:
                while len(received) <= size and time.monotonic() < end and (block := response.read1(1 << 16)):
                    received.extend(block)
        except Exception as error:
            errors.append(error)
            if hasattr(error, "close"):  # an HTTPError is an answer, still open
                error.close()

    # In a thread, as a name server, a dozen addresses and a trickle of headers can each use up the timeout anew.
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with meters.progress_bar(size, unit="B", unit_scale=True, desc=url.rpartition("/")[2]) as bar:
        while reader.is_alive():
            reader.join(0.1)
            bar.update(len(received) - bar.n)
            if time.monotonic() > end - (size - len(received)) / MIN_RATE:
                raise TimeoutError(f"less than {MIN_RATE:,} bytes per second after {timeout:g} s")
    if errors:
        raise errors[0]
    return bytes(received)
