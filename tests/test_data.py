import errno
import gzip
import hashlib
import http.server
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import scipy.ndimage
import torch
from sklearn.datasets import load_digits

from lecture_lib import data, downloads

OWN_FILES = os.environ.get("LECTURE_LIB_DATA")  # as the user set it, before the fixture takes it away
REAL_TABLE = downloads.FILES
TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
N = {"train": 40, "test": 10}


def idx(array: np.ndarray) -> bytes:
    """The gzip IDX file of an array, written by NumPy: an oracle for the parser."""
    header = np.array([0x800 + array.ndim, *array.shape], dtype=">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def images_and_labels(split: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(N[split])
    return rng.integers(256, size=(N[split], 28, 28)), rng.integers(10, size=N[split])


CONTENT = {
    name: idx(array)
    for split, names in (("train", TRAIN), ("test", TEST))
    for name, array in zip(names, images_and_labels(split), strict=True)
}
TABLE = {name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in CONTENT.items()}


def tampered(content: bytes) -> bytes:
    """A sound IDX file of the same length with one other value: nothing but the hash tells."""
    raw = gzip.decompress(content)
    other = gzip.compress(raw[:-1] + bytes([raw[-1] ^ 1]), mtime=0)
    assert len(other) == len(content)
    return other


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `/fault/name`: what goes wrong with the file is the folder it is asked from."""

    def log_message(self, *args):
        pass

    def answer(self, content: bytes, length: int | None = None, status: int = 200, **headers: str):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def drip(self, content: bytes):
        while not self.server.over.wait(0.02):
            self.wfile.write(content)
            self.server.sent += len(content)

    def do_GET(self):
        _, fault, name = self.path.replace("%20", " ").split("/")
        self.server.requests.append(self.path)
        content = CONTENT[name]
        try:
            match fault:
                case "good":
                    self.answer(content)
                case "together":
                    self.server.barrier.wait(timeout=30)
                    self.answer(content)
                case "truncated":
                    self.answer(content[:-100], length=len(content))
                case "short":
                    self.answer(content[:-100])
                case "tampered":
                    self.answer(tampered(content))
                case "empty":
                    self.answer(b"")
                case "page":
                    self.answer(b"<html>Please log in to the guest network</html>")
                case "longer":
                    self.answer(content + b"x")
                case "endless":
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + content)
                    while not self.server.over.is_set():
                        self.wfile.write(bytes(1 << 16))
                        self.server.sent += 1 << 16
                case "stalling":
                    self.server.over.wait(30)
                case "stalling halfway":
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + content[: len(content) // 2])
                    self.server.over.wait(30)
                case "trickling":
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
                    self.drip(b"x")
                case "trickling headers":
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n")
                    self.drip(b"A: b\r\n")
                case "nonsense":
                    self.wfile.write(b"\x00\xff no HTTP\r\n\r\n")
                case "hanging up":
                    pass
                case "404" | "500":
                    self.answer(b"no", status=int(fault))
                case "redirected to nothing":
                    self.answer(b"", status=302, Location="http://127.0.0.1:9/")
                case "redirected in a circle":
                    self.answer(b"", status=302, Location=self.path)
        except ConnectionError:  # the client is right to hang up
            self.server.left.set()


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.sent = [], 0
        server.over, server.left, server.barrier = threading.Event(), threading.Event(), threading.Barrier(4)
        server.mirror = lambda fault: f"http://127.0.0.1:{server.server_port}/{fault.replace(' ', '%20')}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder instead of the user's, tiny files instead of MNIST, no proxy and no files of the user."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *args: str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "FILES", TABLE)
    monkeypatch.setattr(downloads, "_unsaved", {})
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("LECTURE_LIB_DATA", raising=False)
    return tmp_path / "cache" / "mnist"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def is_the_tiny_set(result, split: str = "train") -> bool:
    (images, labels), (pixels, digits) = result, images_and_labels(split)
    assert (images.dtype, labels.dtype, images.shape) == (torch.uint8, torch.int64, (N[split], 784))
    return bool((images.numpy() == pixels.reshape(-1, 784)).all() and (labels.numpy() == digits).all())


def start(script: str, cache: Path, mirror: str) -> subprocess.Popen:
    """Another process with the tiny files and this cache; `script` may use `get`, `os` and `signal`."""
    prelude = (
        "import json, os, signal, sys, types\n"
        "cache, mirror, table, names = json.loads(sys.argv[1])\n"
        "sys.modules['torch'] = types.SimpleNamespace(Tensor=object, Generator=object)  # slow to import, not needed\n"
        "import platformdirs\n"
        "from lecture_lib import downloads\n"
        "platformdirs.user_cache_dir = lambda *args: cache\n"
        "downloads.FILES = table\n"
        "get = lambda: [downloads.obtain(name, [mirror], timeout=60) for name in names]\n"
    )
    settings = json.dumps([str(cache.parent), mirror, TABLE, TRAIN])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::ResourceWarning"}
    command = [sys.executable, "-c", prelude + script, settings]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


# Downloading


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_is_downloaded_once_and_only_the_two_files_it_needs(server, cache, split):
    names = TRAIN if split == "train" else TEST
    assert is_the_tiny_set(data.mnist(split, mirrors=[server.mirror("good")]), split)
    assert server.requests == [f"/good/{name}" for name in names]
    assert names_in(cache) == set(names)
    assert all((cache / name).read_bytes() == CONTENT[name] for name in names)
    assert is_the_tiny_set(data.mnist(split, mirrors=[server.mirror("good")]), split)
    assert len(server.requests) == 2


def test_an_address_without_a_slash_at_its_end_is_a_mirror_too(server):
    assert is_the_tiny_set(data.mnist(mirrors=(server.mirror("good").rstrip("/"),)))


def test_the_progress_bar_goes_to_stderr_and_nothing_to_stdout(server, capsys):
    data.mnist(mirrors=[server.mirror("good")])
    out, err = capsys.readouterr()
    assert out == ""
    assert "train-images-idx3-ubyte.gz" in err


FAULTS = {  # what goes wrong: how it is reported
    "truncated": "bytes, SHA-256|IncompleteRead",
    "short": "bytes, SHA-256",
    "tampered": "bytes, SHA-256",
    "empty": "0 bytes, SHA-256",
    "page": "47 bytes, SHA-256",
    "longer": "bytes, SHA-256",
    "endless": "bytes, SHA-256",
    "stalling": "timed out|less than 20,000 bytes per second",
    "stalling halfway": "timed out|less than 20,000 bytes per second",
    "trickling": "less than 20,000 bytes per second",
    "trickling headers": "less than 20,000 bytes per second",
    "nonsense": r"\S",
    "hanging up": "closed connection|reset",
    "404": "404: Not Found",
    "500": "500: Internal Server Error",
    "redirected to nothing": "refused",
    "redirected in a circle": "infinite loop",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_mirror_leaves_no_file_and_the_next_one_is_used(server, cache, fault):
    begin = time.monotonic()
    with pytest.raises(ConnectionError, match=rf"train-images-idx3-ubyte.gz: .*({FAULTS[fault]})"):
        data.mnist(mirrors=[server.mirror(fault)], timeout=0.4, offline_fallback=False)
    assert time.monotonic() - begin < 5  # the server would stall for 30 s
    assert names_in(cache) == set()
    assert is_the_tiny_set(data.mnist(mirrors=[server.mirror(fault), server.mirror("good")], timeout=0.4))
    assert names_in(cache) == set(TRAIN)


def test_a_mirror_that_refuses_the_connection_is_skipped(server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening
        refusing = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert is_the_tiny_set(data.mnist(mirrors=[refusing, server.mirror("good")]))


def test_a_mirror_with_an_address_of_no_known_kind_is_skipped(server):
    assert is_the_tiny_set(data.mnist(mirrors=["mnist", "gopher://x/", server.mirror("good")]))


def test_an_endless_answer_is_read_no_further_than_the_size_of_the_file(server):
    with pytest.raises(ConnectionError):
        data.mnist(mirrors=[server.mirror("endless")], offline_fallback=False)
    assert server.left.wait(30)
    assert server.sent < 50e6  # what the buffers of the two sockets hold, and no more


def test_a_mirror_that_was_given_up_is_soon_hung_up_on(server):
    data.mnist(mirrors=[server.mirror("trickling")], timeout=0.1)
    assert server.left.wait(10)


def test_a_silent_name_server_costs_no_more_than_the_timeout(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: over.wait(30) and [])
    begin = time.monotonic()
    with pytest.raises(ConnectionError, match="less than"):
        data.mnist(mirrors=["http://mirror.invalid/"], timeout=0.3, offline_fallback=False)
    assert time.monotonic() - begin < 5
    over.set()


# Without any mirror


def test_without_a_mirror_one_line_says_that_other_digits_are_used(server, capsys):
    images, labels = data.mnist(mirrors=[server.mirror("404"), server.mirror("500")])
    out, _ = capsys.readouterr()
    assert out.count("\n") == 1
    for part in ("404: Not Found", "500: Internal", "1,500 train images of scikit-learn's 8 × 8 digits"):
        assert part in out
    expected = data.digits("train")
    assert torch.equal(images, expected[0])
    assert torch.equal(labels, expected[1])


def test_the_same_reason_of_two_mirrors_is_printed_once(server, capsys):
    data.mnist("test", mirrors=[server.mirror("404"), server.mirror("404").rstrip("/")])
    out, _ = capsys.readouterr()
    assert out.count("404: Not Found") == 1
    assert "297 test images" in out


def test_without_the_labels_the_images_are_not_used_either(server, monkeypatch):
    monkeypatch.setattr(downloads, "FILES", TABLE | {TRAIN[1]: ("0" * 64, TABLE[TRAIN[1]][1])})
    images, labels = data.mnist(mirrors=[server.mirror("good")])
    assert len(images) == len(labels) == 1500


def test_the_error_without_a_fallback_says_what_failed_where_and_what_to_do(server):
    mirrors = [server.mirror("404"), server.mirror("tampered")]
    with pytest.raises(ConnectionError) as caught:
        data.mnist(mirrors=mirrors, offline_fallback=False)
    first, *tried, remedy = str(caught.value).splitlines()
    assert TRAIN[0] in first
    assert [line.split(": ")[0].strip() for line in tried] == mirrors
    assert "404" in tried[0]
    assert "SHA-256" in tried[1]
    for part in (*TRAIN, *TEST, "folder mnist", "LECTURE_LIB_DATA"):
        assert part in remedy


def test_no_mirrors_at_all_is_a_failure_that_says_so():
    with pytest.raises(ConnectionError, match="no mirrors given"):
        data.mnist(mirrors=[], offline_fallback=False)


def test_one_mirror_given_as_a_string_is_an_error_that_shows_the_list():
    with pytest.raises(TypeError, match=r"mirrors .*write \['http://x/'\]"):
        data.mnist(mirrors="http://x/")


@pytest.mark.parametrize("load", [data.mnist, data.digits])
@pytest.mark.parametrize("split", ["validation", "t10k", None, ["train"]])
def test_an_unknown_split_is_named_with_the_allowed_ones(load, split):
    with pytest.raises(ValueError, match='split must be "train" or "test", got'):
        load(split)


# The cache and the user's own folder


@pytest.mark.parametrize("damage", [tampered, lambda content: content[:-7], lambda content: b""])
def test_a_damaged_file_in_the_cache_is_replaced(server, cache, capsys, damage):
    put(cache, {TRAIN[0]: damage(CONTENT[TRAIN[0]]), TRAIN[1]: CONTENT[TRAIN[1]]})
    assert is_the_tiny_set(data.mnist(mirrors=[server.mirror("good")]))
    assert (cache / TRAIN[0]).read_bytes() == CONTENT[TRAIN[0]]
    assert server.requests == [f"/good/{TRAIN[0]}"]
    assert "is ignored" in capsys.readouterr().out


def test_a_damaged_file_in_the_cache_stays_until_a_good_one_is_there_and_is_not_used(server, cache):
    damaged = tampered(CONTENT[TRAIN[0]])
    put(cache, {TRAIN[0]: damaged, TRAIN[1]: CONTENT[TRAIN[1]]})
    assert len(data.mnist(mirrors=[server.mirror("404")])[0]) == 1500
    assert (cache / TRAIN[0]).read_bytes() == damaged


def test_own_files_are_used_first_and_without_any_request(server, cache, tmp_path, monkeypatch, capsys):
    put(tmp_path / "own" / "mnist", CONTENT)
    monkeypatch.setenv("LECTURE_LIB_DATA", str(tmp_path / "own"))
    assert is_the_tiny_set(data.mnist(mirrors=[server.mirror("good")]))
    assert server.requests == []
    assert names_in(cache) == set()
    assert capsys.readouterr() == ("", "")


def test_own_files_are_found_from_the_home_folder(tmp_path, monkeypatch):
    put(tmp_path / "own" / "mnist", CONTENT)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LECTURE_LIB_DATA", "~/own")
    assert is_the_tiny_set(data.mnist(mirrors=[]))


def test_a_damaged_own_file_is_left_alone_and_one_line_says_why_it_is_ignored(server, tmp_path, monkeypatch, capsys):
    damaged = tampered(CONTENT[TRAIN[0]])
    own = put(tmp_path / "own" / "mnist", {TRAIN[0]: damaged, TRAIN[1]: CONTENT[TRAIN[1]]})
    monkeypatch.setenv("LECTURE_LIB_DATA", str(tmp_path / "own"))
    assert is_the_tiny_set(data.mnist(mirrors=[server.mirror("good")]))
    out, _ = capsys.readouterr()
    assert out.startswith(f"{own / TRAIN[0]} is ignored: ")
    assert out.count("\n") == 1
    assert "SHA-256" in out
    assert (own / TRAIN[0]).read_bytes() == damaged
    assert names_in(own) == set(TRAIN)


def test_an_own_folder_that_is_empty_missing_or_a_file_is_passed_over(server, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    for own in ("", str(tmp_path / "missing"), str(tmp_path / "file")):
        monkeypatch.setenv("LECTURE_LIB_DATA", own)
        assert is_the_tiny_set(data.mnist(mirrors=[server.mirror("good")]))
    assert capsys.readouterr().out == ""


# A cache that can't be written


def fail(error: int):
    def failing(*args, **kwargs):
        raise OSError(error, os.strerror(error))

    return failing


def assert_kept_in_memory(server, capsys, cache, reason):
    assert is_the_tiny_set(data.mnist(mirrors=[server.mirror("good")]))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for name, line in zip(TRAIN, lines, strict=True):
        assert line.startswith(f"{name} could not be cached")
        assert reason in line
    assert names_in(cache) == set()
    assert is_the_tiny_set(data.mnist(mirrors=[server.mirror("good")]))
    assert len(server.requests) == 2
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_costs_the_cache_and_not_the_data(server, cache, monkeypatch, capsys, call):
    monkeypatch.setattr(os, call, fail(errno.ENOSPC))
    assert_kept_in_memory(server, capsys, cache, os.strerror(errno.ENOSPC))


def test_a_write_that_ends_halfway_leaves_nothing(server, cache, capsys):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        assert_kept_in_memory(server, capsys, cache, os.strerror(errno.EFBIG))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_cache_folder_without_permission_costs_the_cache_and_not_the_data(server, cache, monkeypatch, capsys):
    monkeypatch.setattr(Path, "mkdir", fail(errno.EACCES))
    assert_kept_in_memory(server, capsys, cache, os.strerror(errno.EACCES))


def test_a_cache_folder_that_cannot_exist_costs_the_cache_and_not_the_data(server, cache, capsys):
    cache.parent.write_text("a file where the folder should be")
    assert_kept_in_memory(server, capsys, cache / "nowhere", str(cache.parent))


# Several processes


def test_four_processes_at_once_download_into_one_cache(server, cache):
    script = "print([len(content) for content in get()])"
    processes = [start(script, cache, server.mirror("together")) for _ in range(4)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        assert json.loads(out) == [len(CONTENT[name]) for name in TRAIN]
    assert len(server.requests) == 8  # the barrier made them simultaneous
    assert names_in(cache) == set(TRAIN)
    assert all((cache / name).read_bytes() == CONTENT[name] for name in TRAIN)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("moment", ["downloading", "writing"])
def test_a_killed_process_leaves_no_file_under_the_final_name_and_the_next_one_works(server, cache, moment):
    if moment == "downloading":
        process = start("get()", cache, server.mirror("stalling halfway"))
        while not server.requests and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.1)
        process.kill()
    else:
        kill = "os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n"
        process = start(kill + "get()", cache, server.mirror("good"))
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert len(names_in(cache)) == (moment == "writing")
    assert not names_in(cache) & set(TRAIN)
    assert is_the_tiny_set(data.mnist(mirrors=[server.mirror("good")]))


def test_old_temporary_files_are_removed_and_those_of_running_processes_kept(server, cache):
    put(cache, {f"{TRAIN[0]}.old.part": b"1", f"{TRAIN[0]}.new.part": b"2", "notes.txt": b"3"})
    for name in (f"{TRAIN[0]}.old.part", "notes.txt"):
        os.utime(cache / name, (time.time() - 7200,) * 2)
    data.mnist(mirrors=[server.mirror("good")])
    assert names_in(cache) == {*TRAIN, f"{TRAIN[0]}.new.part", "notes.txt"}


# The formats


@pytest.mark.parametrize("shape", [(3, 2, 5), (4,)])
def test_an_idx_file_gives_back_the_array_it_was_made_from(shape):
    array = np.random.default_rng(0).integers(256, size=shape)
    parsed = data.parse_idx(idx(array), n_dims=len(shape))
    assert parsed.dtype == torch.uint8
    assert np.array_equal(parsed.numpy(), array)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "0 bytes: …"),
        (b"\0\0\x08\x03" + b"\0\0\0\1" * 3 + b"x", "17 bytes: 0000080300000001…"),
        (b"\0\0\x0d\x01" + b"\0\0\0\1" + b"x", "9 bytes: 00000d0100000001…"),
        (b"\0\0\x08\x01" + b"\0\0\0\5" + b"1234", "12 bytes: 0000080100000005…"),
        (b"\0\0\x08\x01" + b"\0\0\0\3" + b"1234", "12 bytes: 0000080100000003…"),
        (b"\0\0\x08\x01" + b"\0\0", "6 bytes: 000008010000…"),
    ],
)
def test_a_file_that_is_not_idx_is_refused(raw, message):
    with pytest.raises(ValueError, match=f"content must be 00000801, 1 sizes .* got {message}"):
        data.parse_idx(gzip.compress(raw), n_dims=1)


def test_dequantized_greys_stay_in_their_interval_and_fill_it():
    greys = torch.arange(256, dtype=torch.uint8).repeat(400, 1)
    u = data.dequantize(greys, torch.Generator().manual_seed(0))
    assert torch.equal((u * 256).floor(), greys.float())
    within = (u * 256).frac()
    assert abs(float(within.mean()) - 0.5) < 5 * math.sqrt(1 / 12 / within.numel())
    assert abs(float(within.var()) - 1 / 12) < 5 * math.sqrt(1 / 180 / within.numel())


def test_dequantize_takes_scaled_batches_and_repeats_with_its_generator():
    greys = torch.arange(256, dtype=torch.uint8)
    results = [
        data.dequantize(x, torch.Generator().manual_seed(3)) for x in (greys, greys.float() / 255, greys.numpy())
    ]
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
    with pytest.raises(ValueError, match=r"images holds torch\.int64"):
        data.dequantize(torch.zeros(3, dtype=torch.int64))


@pytest.mark.skipif(not OWN_FILES, reason="LECTURE_LIB_DATA does not say where MNIST is")
def test_mnist_is_the_mnist_that_everybody_has(monkeypatch):
    monkeypatch.setattr(downloads, "FILES", REAL_TABLE)
    monkeypatch.setenv("LECTURE_LIB_DATA", OWN_FILES)
    images, labels = data.mnist("train", offline_fallback=False, mirrors=[])
    assert labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert images.shape == (60000, 784)
    assert images.double().mean().item() == pytest.approx(33.3184, abs=1e-4)
    images, labels = data.mnist("test", offline_fallback=False, mirrors=[])
    assert labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert images.shape == (10000, 784)
    assert images.double().mean().item() == pytest.approx(33.7912, abs=1e-4)


# Digits without a network


def test_digits_fill_the_middle_of_the_image_with_all_grey_levels():
    for split, n in (("train", 1500), ("test", 297)):
        images, labels = data.digits(split)
        assert (images.shape, images.dtype, labels.shape, labels.dtype) == ((n, 784), torch.uint8, (n,), torch.int64)
        assert (images.min(), images.max()) == (0, 255)
        assert set(labels.tolist()) == set(range(10))
        square = images.view(n, 28, 28)
        assert square.sum() == square[:, 4:24, 4:24].sum()


def test_each_digit_is_in_one_split_once_under_its_own_label():
    source = load_digits()
    images, labels = (torch.cat(parts) for parts in zip(data.digits("train"), data.digits("test"), strict=True))
    middle = images.view(-1, 28, 28)[:, 4:24, 4:24].flatten(1).double()
    enlarged = scipy.ndimage.zoom(source.images * 255 / 16, (1, 2.5, 2.5), order=3, mode="nearest", grid_mode=True)
    distances, nearest = torch.cdist(middle, torch.tensor(enlarged).flatten(1)).min(1)
    assert distances.max() / 20 < 25  # root mean square of the grey values: the two cubics differ a little
    assert nearest.sort().values.tolist() == list(range(1797))
    assert labels.tolist() == source.target[nearest].tolist()


def test_digits_are_the_same_every_time_and_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    first, second = data.digits("test"), data.digits("test")
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert torch.equal(torch.get_rng_state(), state)


# Binarization


@pytest.mark.parametrize(("dtype", "white"), [(torch.uint8, 255), (torch.float32, 1.0), (torch.float64, 1.0)])
def test_black_stays_zero_and_white_becomes_one_always(dtype, white):
    rng = torch.Generator().manual_seed(0)
    assert (data.binarize(torch.zeros(1_000_000, dtype=dtype), rng) == 0).all()
    assert (data.binarize(torch.full((1_000_000,), white, dtype=dtype), rng) == 1).all()


@pytest.mark.parametrize("scale", [1, 255.0])
def test_each_grey_level_becomes_one_with_its_own_probability(scale):
    n, levels = 10_000, torch.arange(256, dtype=torch.uint8)
    images = levels.expand(n, 256) if scale == 1 else (levels / scale).expand(n, 256)
    frequency = data.binarize(images, torch.Generator().manual_seed(0)).double().mean(0)
    p = levels.double() / 255
    z = ((frequency - p) / (p * (1 - p) / n).sqrt())[1:-1]  # 0 and 255 have no standard error
    assert z.abs().max() < 4.5
    assert abs((z**2).sum() - 254) < 4 * (2 * 254) ** 0.5


def test_pixels_are_drawn_independently_of_each_other():
    ones = data.binarize(torch.full((20_000, 8), 0.5), torch.Generator().manual_seed(0)).double()
    correlation = torch.corrcoef(ones.T) - torch.eye(8)
    assert correlation.abs().max() < 4.5 / 20_000**0.5


@pytest.mark.parametrize("images", [torch.full((3, 784), 100, dtype=torch.uint8), torch.full((3, 784), 0.4)])
def test_the_generator_alone_decides(images):
    a, b, c = (data.binarize(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    torch.manual_seed(3)
    d = data.binarize(images)
    torch.manual_seed(3)
    assert torch.equal(d, data.binarize(images))
    assert not torch.equal(d, data.binarize(images))


@pytest.mark.parametrize("shape", [(), (0, 784), (5,), (2, 3, 28, 28)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_the_shape_is_kept_and_the_values_are_float32_zeros_and_ones(shape, dtype):
    images = torch.rand(shape).to(dtype) if dtype.is_floating_point else torch.randint(256, shape, dtype=dtype)
    before = images.clone()
    ones = data.binarize(images)
    assert (ones.shape, ones.dtype, ones.requires_grad) == (images.shape, torch.float32, False)
    assert ((ones == 0) | (ones == 1)).all()
    assert torch.equal(images, before)


def test_numpy_arrays_even_read_only_ones_are_accepted():
    white = np.frombuffer(b"\xff" * 10, dtype=np.uint8)
    assert torch.equal(data.binarize(white), torch.ones(10))
    assert torch.equal(data.binarize(np.zeros((2, 3))), torch.zeros(2, 3))


def test_transposed_images_keep_their_places():
    images = torch.tensor([[0, 255, 0], [255, 255, 0]], dtype=torch.uint8)
    assert torch.equal(data.binarize(images.T), images.T / 255)


def test_images_that_require_a_gradient_give_zeros_and_ones_without_one():
    assert not data.binarize(torch.rand(5, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.tensor([0.5, 1.5]), "float32 from 0.5 to 1.5"),
        (torch.tensor([-0.1, 0.5]), "float32 from -0.1 to 0.5"),
        (torch.tensor([0.2, float("nan")]), "nan"),
        (torch.tensor([0.2, float("inf")]), "inf"),
        (np.array([0.0, 255.0]), "float64 from 0 to 255"),
        (torch.tensor([0, 255]), "int64 from 0 to 255"),
        (torch.tensor([True, False]), "bool"),
    ],
)
def test_anything_that_is_no_probability_is_refused(images, message):
    with pytest.raises(ValueError, match=rf"images must be uint8 or floats in \[0, 1\], got .*{message}"):
        data.binarize(images)


def test_images_away_from_the_cpu_are_binarized_without_looking_at_a_value():
    """A tensor on the meta device has none: reading one, which on a GPU would wait for it, is an error."""
    for dtype in (torch.uint8, torch.float32):
        assert data.binarize(torch.empty(2, 784, dtype=dtype, device="meta")).shape == (2, 784)
    with pytest.raises(RuntimeError):
        bool(torch.empty((), device="meta") > 0)
