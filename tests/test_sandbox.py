"""A script in the sandbox tries to get out, to see what it must not, or to use too much, and tells what happened."""

import contextlib
import errno
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from lecture_lib.grading import bubblewrap, capture, forbidden, limits, sandbox, seccomp

PROBLEM = sandbox.unavailable()
CI = os.environ.get("CI") == "true"
in_bubblewrap = pytest.mark.skipif(bool(PROBLEM) and not CI, reason=f"the sandbox cannot be tested here: {PROBLEM}")

COURSE = Path(__file__).parents[1]
MB = 2**20
ROOMY = sandbox.Limits(total_seconds=60)
PRELUDE = """
import ctypes, fcntl, json, mmap, os, resource, signal, socket, subprocess, sys, time
questions, answers = os.fdopen(int(sys.argv[1]), "rb"), os.fdopen(int(sys.argv[2]), "w")

def tell(value):
    answers.write(json.dumps(value) + "\\n")
    answers.flush()

def attempt(action, *args):
    try:
        return action(*args) or "done"
    except BaseException as error:
        return type(error).__name__ + (" " + os.strerror(error.errno) if getattr(error, "errno", None) else "")

questions.readline()
"""


def begin(folder: Path, kind: str, code: str, allowed=ROOMY, **settings) -> sandbox.Sandbox:
    script = folder / "script.py"
    script.write_text(PRELUDE + code)
    box = sandbox.start(kind, allowed, script=script, **settings)
    box.writer.write(b"go\n")
    box.writer.flush()
    return box


@pytest.fixture
def inside(tmp_path):
    """Start a script in the sandbox; it is ended after the test."""
    boxes = []

    def run(code: str, allowed=ROOMY, **settings) -> sandbox.Sandbox:
        boxes.append(begin(tmp_path, "bwrap", code, allowed, **settings))
        return boxes[-1]

    yield run
    for box in boxes:
        box.close()


def told(box: sandbox.Sandbox):
    """The next thing that the script tells."""
    line = box.reader.readline()
    assert line, f"it told nothing, was ended for {box.reason}, and printed: {box.output()}"
    return json.loads(line)


def ended(box: sandbox.Sandbox) -> str | None:
    """The reason for which it was ended, once it has been."""
    assert not box.reader.read(1)
    box.close()
    assert not box.alive()
    return box.reason


def namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/pid")


def members(name: str) -> list[int]:
    """The processes of a pid namespace."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):  # it ended, or is somebody else's
            found += [pid] if namespace(pid) == name else []
    return found


def eventually(condition, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())


# What it sees


@in_bubblewrap
def test_only_the_library_of_the_course_is_visible(inside, tmp_path):
    (tmp_path / "secret").write_text("42")
    paths = [
        "/etc/shadow",
        "/etc/hostname",
        "/sys/kernel",
        "/dev/tty",
        "/dev/ptmx",
        "/dev/zero",
        "/var",
        "/home",
        "/mnt",
    ]
    paths += [str(COURSE / name) for name in ("tests", "pyproject.toml", "notebooks", ".git")]
    paths += [str(tmp_path / "secret"), str(tmp_path)]
    box = inside(f"tell([path for path in {paths} if os.path.exists(path)]); tell(os.listdir('/course/lecture_lib'))")
    assert told(box) == []
    assert set(told(box)) == {path.name for path in (COURSE / "lecture_lib").iterdir()}


@in_bubblewrap
def test_a_home_shows_nothing_but_what_python_needs(inside):
    home = Path.home()
    box = inside(f"tell(os.listdir({str(home)!r}) if os.path.isdir({str(home)!r}) else [])")
    needed = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix))]
    assert set(told(box)) <= {path.relative_to(home).parts[0] for path in needed if path.is_relative_to(home)}


@in_bubblewrap
def test_protected_paths_are_hidden_where_a_bound_folder_holds_them(inside, tmp_path):
    mnist = tmp_path / "data" / "mnist"
    (mnist / "solutions").mkdir(parents=True)
    for name in ("images", "key", "solutions/01.ipynb"):
        (mnist / name).write_text("42")
    (tmp_path / "link").symlink_to(mnist / "solutions")
    box = inside(
        """tell(sorted(os.listdir("/data/mnist"))); tell(os.listdir("/data/mnist/solutions"))
tell([attempt(lambda: open("/data/mnist/" + name).read()) for name in ("images", "key")])
tell(attempt(open, "/data/mnist/solutions/new", "w")); tell(os.environ["LECTURE_LIB_DATA"])""",
        data=tmp_path / "data",
        protect=[tmp_path / "link", mnist / "key", tmp_path],
    )
    assert told(box) == ["images", "key", "solutions"]
    assert told(box) == []
    assert told(box) == ["42", "PermissionError Permission denied"]
    assert told(box) in ("OSError Read-only file system", "PermissionError Permission denied")
    assert told(box) == "/data"


def test_a_protected_path_that_would_show_later_is_refused(tmp_path):
    (tmp_path / "mnist").mkdir()
    with pytest.raises(ValueError, match=r"protect holds .*out.* make it first"):
        sandbox.start("bwrap", ROOMY, data=tmp_path, protect=[tmp_path / "mnist" / "out"])


def test_a_data_folder_without_mnist_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no folder mnist"):
        sandbox.start("bwrap", ROOMY, data=tmp_path)


@in_bubblewrap
def test_nothing_of_the_graders_environment_gets_in(inside, monkeypatch, tmp_path):
    monkeypatch.setenv("TOKEN_OF_THE_GRADER", "42")
    box = inside(
        """tell(sorted(os.environ)); tell(open("/proc/1/cmdline").read())
tell(attempt(lambda: open("/proc/1/environ").read()))
open_ones = [f"/proc/self/fd/{number}" for number in range(64) if os.path.lexists(f"/proc/self/fd/{number}")]
tell([os.readlink(path).split(":")[0] for path in open_ones])
tell(attempt(os.listdir, "/proc/1/root")); tell(os.uname().nodename)"""
    )
    names = told(box)
    assert {"PATH", "HOME", "OMP_NUM_THREADS", "MPLBACKEND", "TQDM_DISABLE", "PYTHONHASHSEED"} <= set(names)
    assert "TOKEN_OF_THE_GRADER" not in names
    assert str(tmp_path) not in told(box)
    assert told(box) in ("done", "PermissionError Permission denied")  # empty, or the file of another user
    assert told(box) == ["pipe"] * 5
    assert "course" in (shown := told(box)) or shown == "PermissionError Permission denied"
    assert told(box) == "sandbox"


@in_bubblewrap
def test_no_other_process_can_be_seen_or_touched(inside):
    box = inside(
        f"""tell([pid for pid in os.listdir("/proc") if pid.isdigit()])
tell([attempt(os.kill, pid, 0) for pid in ({os.getpid()}, {os.getppid()}) if pid > 1000])
tell(attempt(os.kill, 1, signal.SIGKILL)); tell(os.getppid()); tell(attempt(open, "/proc/1/mem", "r+b"))"""
    )
    assert told(box) == ["1", "2"]
    assert set(told(box)) <= {"ProcessLookupError No such process"}
    assert told(box) in ("done", "PermissionError Operation not permitted")
    assert told(box) == 1  # the first process of a namespace ignores signals from within
    assert told(box) in ("OSError Read-only file system", "PermissionError Permission denied")


@in_bubblewrap
def test_killing_everything_kills_only_the_submission(inside):
    box = inside("os.kill(-1, signal.SIGSTOP); os.kill(-1, signal.SIGKILL); os.kill(os.getpid(), signal.SIGKILL)")
    assert ended(box) is None


@in_bubblewrap
def test_there_is_no_network(inside, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0lecture-lib-test")
        abstract.listen()
        with socket.socket(socket.AF_UNIX) as named:
            monkeypatch.chdir(tmp_path)  # an address has a hundred characters at most
            named.bind("listening")
            named.listen()
            box = inside(
                f"""for address in (("1.1.1.1", 80), ("127.0.0.1", {server.getsockname()[1]})):
    tell(attempt(socket.create_connection, address, 2))
tell(attempt(socket.socket(socket.AF_UNIX).connect, "\\0lecture-lib-test"))
tell(attempt(socket.socket(socket.AF_UNIX).connect, {str(tmp_path / "listening")!r}))
tell(attempt(socket.socket, socket.AF_INET6)); tell(attempt(socket.socket, 16))
tell([line.split(":")[0].strip() for line in open("/proc/net/dev")][2:])"""
            )
            assert [told(box) for _ in range(2)] == ["PermissionError Operation not permitted"] * 2
            assert told(box) == "ConnectionRefusedError Connection refused"
            assert told(box) in ("FileNotFoundError No such file or directory", "OSError")  # or too long
            assert [told(box) for _ in range(2)] == ["PermissionError Operation not permitted"] * 2
            assert told(box) == ["lo"]


# What it can change


@in_bubblewrap
def test_nothing_but_tmp_can_be_written_to(inside, tmp_path):
    (tmp_path / "mnist").mkdir()
    folders = ["/", "/usr", "/course", "/course/lecture_lib", "/dev", "/etc", "/data/mnist", "/data", "/proc/self"]
    folders += [sys.prefix, sys.base_prefix]
    files = ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/swappiness", "/proc/self/oom_score_adj", "/etc/passwd"]
    files += ["/course/lecture_lib/__init__.py", "/course/worker.py", os.__file__]
    box = inside(
        f"""tell([folder for folder in {folders} if attempt(os.mkdir, folder + "/x") == "done"])
tell([file for file in {files} if not attempt(open, file, "r+b").endswith(("Read-only file system", "denied"))])
tell([attempt(os.chmod, "/dev/null", 0o600), attempt(os.chown, "/dev/urandom", os.getuid(), -1)])
tell(attempt(lambda: open("/dev/null", "w").write("x"))); tell(len(open("/dev/urandom", "rb").read(4)))
tell(attempt(os.mkdir, "/tmp/x")); tell(os.getcwd()); tell(os.listdir("/tmp/x"))""",
        data=tmp_path,
    )
    mode = os.stat("/dev/null").st_mode
    assert told(box) == []
    assert told(box) == []
    assert "done" not in told(box)
    assert (told(box), told(box)) == (1, 4)
    assert (told(box), told(box), told(box)) == ("done", "/tmp", [])
    assert os.stat("/dev/null").st_mode == mode


@in_bubblewrap
def test_tmp_and_shared_memory_are_small_and_one(inside):
    allowed = sandbox.Limits(scratch=8 * MB, file_size=4 * MB, total_seconds=60)
    box = inside(
        """def fill(folder):
    for number in range(5):
        with open(f"{folder}/{number}", "wb") as file:
            file.write(bytes(3 << 20))
tell(attempt(fill, "/tmp")); tell(attempt(fill, "/dev/shm"))
for number in range(5):
    attempt(os.remove, f"/tmp/{number}")
from multiprocessing import shared_memory
memory = shared_memory.SharedMemory(create=True, size=1000)
tell(os.path.exists("/tmp/" + memory.name))
memory.unlink()""",
        allowed,
    )
    assert [told(box) for _ in range(2)] == ["OSError No space left on device"] * 2
    assert told(box) is True


@in_bubblewrap
def test_a_file_cannot_be_large(inside):
    box = inside(
        """file = open("/tmp/large", "wb")
tell(attempt(file.truncate, 10 << 30))
attempt(file.write, bytes(3 << 20)); tell(os.path.getsize("/tmp/large"))""",
        sandbox.Limits(file_size=2 * MB, total_seconds=60),
    )
    assert told(box) == "OSError File too large"
    assert told(box) <= 2 * MB


@in_bubblewrap
def test_it_has_no_rights_and_gets_none(inside):
    box = inside(
        """status = dict(line.split(":", 1) for line in open("/proc/self/status"))
tell([int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")])
tell([status["NoNewPrivs"].strip(), status["Seccomp"].strip(), len({*os.getresuid(), *os.getresgid()})])
tell(os.getuid())
tell([attempt(os.setuid, 0), attempt(os.chroot, "/tmp"), attempt(os.nice, -5)])
tell(subprocess.run(["unshare", "--user", "true"], stderr=subprocess.DEVNULL).returncode != 0)"""
    )
    assert told(box) == [0] * 5
    assert told(box) == ["1", "2", 1]
    assert told(box) > 0
    assert not {"done"} & set(told(box))
    assert told(box) is True


@in_bubblewrap
@pytest.mark.skipif(platform.machine() not in seccomp.MACHINES, reason="there is no filter for this processor")
def test_every_call_that_the_filter_names_is_refused(inside):
    column = seccomp.MACHINES[platform.machine()][0]
    numbers = {name: pair[column] for name, pair in seccomp.REFUSED.items() if pair[column] is not None}
    flags = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]
    box = inside(
        f"""call = ctypes.CDLL(None, use_errno=True).syscall
def error(*args):
    ctypes.set_errno(0)
    return ctypes.get_errno() if call(*map(ctypes.c_long, args)) < 0 else 0
tell({{name: error(number, 0, 0, 0, 0, 0, 0) for name, number in {numbers}.items()}})
tell([error({seccomp.CLONE[column]}, flag | signal.SIGCHLD, 0, 0, 0, 0) for flag in {flags}])
tell(error({seccomp.CLONE3[column]}, 0, 0)); tell(attempt(mmap.mmap, -1, 4096))
tell(str(attempt(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))); tell(attempt(os.memfd_create, "x"))
tell(attempt(fcntl.ioctl, 0, 0x5412, b"x")); tell(attempt(os.open, "/dev/tty", os.O_RDWR))"""
    )
    assert {name: error for name, error in told(box).items() if error != errno.EPERM} == {}
    assert set(told(box)) == {errno.EPERM}
    assert told(box) == errno.ENOSYS
    assert told(box) == "PermissionError Operation not permitted"
    assert "PermissionError" not in told(box)
    assert told(box) == "PermissionError Operation not permitted"
    assert told(box).startswith("OSError")
    assert told(box).startswith("FileNotFoundError")


def verdict(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What a BPF program says to a system call."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    steps, at, value = list(struct.iter_unpack("=HBBI", program)), 0, 0
    while True:
        code, yes, no, operand = steps[at]
        if code == seccomp.RETURN:
            return operand
        if code == seccomp.LOAD:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == seccomp.AND:
            value &= operand
        else:
            tests = {
                seccomp.EQUAL: value == operand,
                seccomp.AT_LEAST: value >= operand,
                seccomp.ANY_BIT: value & operand,
            }
            at += yes if tests[code] else no
        at += 1


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_refuses_what_it_names_and_nothing_else(machine):
    program, (column, architecture) = seccomp.program(machine), seccomp.MACHINES[machine]
    refused, missing = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
    named = {pair[column] for pair in seccomp.REFUSED.values()} - {None}
    special = {pair[column] for pair in (seccomp.CLONE, seccomp.CLONE3, seccomp.SOCKET, seccomp.MMAP)}
    assert {verdict(program, architecture, number) for number in named} == {refused}
    assert {verdict(program, architecture, number) for number in set(range(600)) - named - special} == {seccomp.ALLOW}
    assert verdict(program, architecture, seccomp.CLONE3[column]) == missing
    for number, argument, allowed, denied in [
        (seccomp.CLONE[column], 0, [0x11, 0x003D0F00], [0x10000011, 0x00020000]),
        (seccomp.SOCKET[column], 0, [1], [2, 10, 16, 17, 40]),
        (seccomp.MMAP[column], 3, [0x22, 0x01, 0x02, 0x4022], [0x21, 0x31, 0x23]),
    ]:
        before = [0] * argument
        assert {verdict(program, architecture, number, *before, value) for value in allowed} == {seccomp.ALLOW}
        assert {verdict(program, architecture, number, *before, value) for value in denied} == {refused}


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_kills_who_speaks_the_numbers_of_another_processor(machine):
    program, (_, architecture) = seccomp.program(machine), seccomp.MACHINES[machine]
    assert {verdict(program, other, 1) for other in (0x40000003, 0x40000028, architecture ^ 1)} == {seccomp.KILL}
    if machine == "x86_64":
        assert verdict(program, architecture, seccomp.X32 | 1) == seccomp.KILL


def test_there_is_no_filter_for_an_unknown_processor():
    assert seccomp.program("riscv64") is None


# What it uses


@in_bubblewrap
def test_memory_of_one_process_is_limited(inside):
    box = inside(
        "block = []\nwhile True: block.append(b'x' * 2**20)", sandbox.Limits(memory=150 * MB, total_seconds=60)
    )
    assert ended(box) == "memory"


@in_bubblewrap
def test_memory_of_many_processes_is_added_up(inside):
    box = inside(
        """for child in range(5):
    if not os.fork():
        block = b"x" * (50 << 20)
        time.sleep(60)
time.sleep(60)""",
        sandbox.Limits(memory=200 * MB, total_seconds=60),
    )
    assert ended(box) == "memory"


@in_bubblewrap
def test_memory_that_processes_share_counts_once(inside):
    box = inside(
        """block = b"x" * (100 << 20)
children = [os.fork() for child in range(1)]
for child in range(4):
    if children[-1]:
        children.append(os.fork())
if not children[-1]:
    time.sleep(60)
time.sleep(0.5)
tell("alive")
time.sleep(60)""",
        sandbox.Limits(memory=220 * MB, total_seconds=60),
    )
    assert told(box) == "alive"
    assert box.alive()
    assert box.reason is None


@in_bubblewrap
def test_a_huge_allocation_fails_and_the_rest_goes_on(inside):
    box = inside("tell(attempt(bytearray, 20 << 30)); tell('alive')")
    assert told(box) == "MemoryError"
    assert told(box) == "alive"


@in_bubblewrap
@pytest.mark.parametrize(
    "code",
    [
        "number = 0\nwhile True:\n    open(f'/tmp/{number}', 'w').close()\n    number += 1",
        "open('/tmp/x', 'wb').write(bytes(60 << 20)); open('/tmp/y', 'wb').write(bytes(60 << 20)); time.sleep(60)",
        "import threading\ndef grow():\n    block = []\n    while True: block.append(b'x' * 2**20)\n"
        "threading.Thread(target=grow).start()\nctypes.CDLL(None).syscall(__EXIT__, 0)",
        "m = mmap.mmap(-1, 1 << 37, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ)\n"
        "for i in range(1 << 16): m[i << 21]\ntime.sleep(60)",
    ],
    ids=["empty files", "files", "first thread ended", "page tables"],
)
def test_memory_that_no_process_shows_is_counted(inside, code):
    code = code.replace("__EXIT__", {"x86_64": "60", "aarch64": "93"}.get(platform.machine(), "1"))
    assert ended(inside(code, sandbox.Limits(memory=100 * MB, total_seconds=60))) == "memory"


@in_bubblewrap
def test_a_fork_bomb_is_ended_and_nothing_is_left(inside):
    box = inside(
        """while True:
    attempt(os.fork)
    attempt(signal.signal, signal.SIGTERM, signal.SIG_IGN)""",
        sandbox.Limits(processes=40, total_seconds=60),
    )
    name = namespace(box._processes.first)
    assert ended(box) == "processes"
    assert members(name) == []


@in_bubblewrap
def test_threads_count_as_processes(inside):
    box = inside(
        """import threading
for number in range(200): attempt(threading.Thread(target=time.sleep, args=(60,), daemon=True).start)
time.sleep(60)""",
        sandbox.Limits(processes=40, total_seconds=60),
    )
    assert ended(box) == "processes"


@in_bubblewrap
@pytest.mark.parametrize("last_act", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(60)"])
def test_no_daemon_outlives_the_worker(inside, last_act):
    box = inside(
        f"""if not os.fork():
    os.setsid()
    for number in set(signal.valid_signals()) - {{signal.SIGKILL, signal.SIGSTOP}}:
        attempt(signal.signal, number, signal.SIG_IGN)
    if not os.fork():
        time.sleep(600)
    time.sleep(600)
time.sleep(0.1)
tell(1)
{last_act}"""
    )
    name = namespace(box._processes.first)
    told(box)
    if "60" in last_act:
        assert len(members(name)) >= 4
        box.kill()
        assert members(name) == []
    assert eventually(lambda: not members(name))
    assert ended(box) is None


@in_bubblewrap
@pytest.mark.parametrize("children", [0, 3])
def test_processor_time_is_limited(inside, children):
    code = f"for child in range({children}): os.fork()\nwhile True: pass"
    assert ended(inside(code, sandbox.Limits(cpu_seconds=0.5, total_seconds=60))) == "time"


@in_bubblewrap
def test_time_is_limited(inside):
    assert ended(inside("time.sleep(60)", sandbox.Limits(total_seconds=0.5))) == "time"


@in_bubblewrap
def test_limits_cannot_be_raised(inside):
    box = inside(
        """names = ("RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_MSGQUEUE", "RLIMIT_NOFILE")
kinds = [getattr(resource, name) for name in names]
tell([attempt(resource.setrlimit, kind, [1 + resource.getrlimit(kind)[1]] * 2) for kind in kinds])
tell([resource.getrlimit(kind) for kind in kinds])"""
    )
    assert not {"done"} & set(told(box))
    expected = limits.rlimits(ROOMY)
    assert told(box) == [[value, value] for value in expected.values()]


# What it prints


@in_bubblewrap
def test_a_flood_of_output_is_cut_counted_and_quick(inside):
    before = psutil.Process().memory_info().rss
    box = inside("for number in range(1024): sys.stdout.write('x' * 2**20)\ntell('done')")
    start = time.monotonic()
    assert told(box) == "done"
    print(f"1 GiB of output: {time.monotonic() - start:.1f} s")
    assert box.output() == "x" * 20_000 + f"\n[... {2**30 - 20_000:,} more characters]"
    assert psutil.Process().memory_info().rss - before < 32 * MB


@in_bubblewrap
def test_output_can_be_told_apart_by_marks(inside):
    box = inside(
        """print("first"); tell(1)
questions.readline(); print("second", file=sys.stderr); os.write(1, b"\\xff\\xfe"); tell(2)
questions.readline(); print("x" * 30); tell(3)
time.sleep(60)""",
        sandbox.Limits(output=12, total_seconds=60),
    )
    told(box)
    first = box.mark()
    box.writer.write(b"\n")
    box.writer.flush()
    told(box)
    second = box.mark()
    box.writer.write(b"\n")
    box.writer.flush()
    told(box)
    assert box.since(second) == "x" * 12 + "\n[... 19 more characters]"
    assert box.since(first).startswith("second\n\ufffd\ufffdxxx\n[... ")
    assert box.output().startswith("first\nsecond\n[... ")
    box.close()
    assert box.since(second) == "x" * 12 + "\n[... 19 more characters]"


def test_a_character_that_is_cut_in_two_by_a_read_is_one():
    reader, writer = os.pipe()
    captured = capture.Capture(reader, 100)
    os.write(writer, "ü".encode()[:1])
    assert captured.since() == ""
    os.write(writer, "ü".encode()[1:])
    assert captured.since() == "ü"
    os.close(writer)
    captured.finish()
    os.close(reader)
    assert captured.since() == "ü"


# The pipe


@in_bubblewrap
def test_closing_or_copying_the_pipe_blocks_nobody(inside):
    box = inside(
        """copies = [os.dup(answers.fileno()) for number in range(50)]
tell(1)
if not os.fork(): time.sleep(600)
for descriptor in range(3, 200): attempt(os.close, descriptor)
time.sleep(600)"""
    )
    assert told(box) == 1
    threading.Timer(0.3, box.kill).start()
    assert box.reader.read(1) == b""  # the copy of a child ends with it
    with pytest.raises(BrokenPipeError):
        box.writer.write(bytes(MB))
    assert ended(box) is None


@in_bubblewrap
def test_killing_ends_a_write_that_nobody_reads(inside):
    box = inside("time.sleep(600)")
    threading.Timer(0.3, box.kill, ["time"]).start()
    with pytest.raises(BrokenPipeError):
        box.writer.write(bytes(8 * MB))
    assert ended(box) == "time"


# Forbidden functions


@in_bubblewrap
def test_a_forbidden_function_is_gone_from_source_and_bytecode(inside):
    box = inside(
        """import pathlib, statistics, inspect
tell([attempt(statistics.pstdev, [1, 2]), attempt(statistics.NormalDist().pdf, 0), statistics.pvariance([1, 2])])
tell(inspect.getsource(statistics.pstdev)); tell(inspect.getsource(statistics.pvariance).strip().splitlines()[-1])
compiled = pathlib.Path(statistics.__file__).parent.glob("__pycache__/statistics.*.pyc")
tell([path.name for path in compiled if path.read_bytes() and b"may not be used" not in path.read_bytes()])
tell(attempt(open, statistics.__file__, "r+"))""",
        forbidden=("statistics.pstdev", "statistics.NormalDist.pdf", "math.lgamma"),
    )
    assert told(box) == ["NotImplementedError", "NotImplementedError", 0.25]
    source, kept = told(box), told(box)
    assert "statistics.pstdev may not be used in this exercise: write it yourself" in source
    assert "sqrt" not in source
    assert "return " in kept
    assert told(box) == []
    assert told(box) in ("OSError Read-only file system", "PermissionError Permission denied")
    assert box.runtime_forbidden == ("math.lgamma",)


def test_bodies_are_replaced_in_place_and_everything_else_stays():
    source = '''
@decorate
def f(a, b="é"):
    """Sum."""
    c = a + b

    return c


def g(x): return f(x, "é"); 1


class A:
    def f(self):
        def f():
            pass
        return 2

    if True:
        def h(self): return [
            3]
'''
    changed = forbidden.without(source.encode(), {"f": "m.f", "g": "m.g", "A.h": "m.A.h"}).decode()
    assert len(changed.splitlines()) == len(source.splitlines())
    names = {"decorate": lambda f: f}
    exec(changed, names)
    for call, name in [(lambda: names["f"](1, 2), "m.f"), (lambda: names["g"](1), "m.g"), (names["A"]().h, "m.A.h")]:
        with pytest.raises(NotImplementedError, match=f"{name} may not be used"):
            call()
    assert names["A"]().f() == 2
    assert names["f"].__defaults__ == ("é",)
    exec(forbidden.without(source.encode(), {"A": "m.A"}).decode(), names)
    with pytest.raises(NotImplementedError, match=r"m\.A may not be used"):
        names["A"]().f()
    assert names["f"](1, 2) == 3


@pytest.mark.parametrize("name", ["statistics.nothing", "no_such_module.f", "statistics", "statistics.mean.x", ""])
def test_a_forbidden_name_that_does_not_exist_is_an_error_for_the_instructor(name):
    with pytest.raises(ValueError, match=f"forbidden holds {name!r}"):
        sandbox.start("none", ROOMY, forbidden=(name,))


def test_a_forbidden_module_is_an_error_for_the_instructor():
    with pytest.raises(ValueError, match="a module; expected a function"):
        forbidden.filtered(("json.decoder",))


def test_what_has_no_source_of_its_own_is_left_to_the_worker():
    class_call = "statistics.NormalDist"
    found = forbidden.filtered(("math.sqrt", "fractions.Fraction.conjugate", class_call, "statistics.mean"))
    assert found.runtime == ("math.sqrt", "fractions.Fraction.conjugate", class_call)
    assert {path.name for path in found.files if path.suffix == ".py"} == {"statistics.py"}


@in_bubblewrap
def test_the_libraries_of_the_course_work_and_lack_what_is_forbidden(inside):
    box = inside(
        """import IPython, matplotlib.pyplot as plt, numpy, torch
from lecture_lib import gaussians
plt.plot([1]); plt.savefig("/tmp/figure.png"); tell(os.path.getsize("/tmp/figure.png"))
x = torch.randn(50, 50, requires_grad=True); (x @ x).sum().backward(); tell(x.grad.shape)
tell(numpy.linalg.eigh(numpy.eye(3))[0].tolist())
zero = torch.zeros(2); normal = torch.distributions.Normal(zero, zero.exp())
tell([attempt(gaussians.kl_to_standard_normal, zero, zero), attempt(torch.distributions.kl_divergence, normal, normal)])
tell(attempt(torch.nn.functional.mse_loss, zero, zero)); tell(gaussians.entropy(zero).item() > 0)
loader = torch.utils.data.DataLoader([torch.ones(1000)] * 4, num_workers=2)
tell(sum(batch.sum().item() for batch in loader))""",
        forbidden=(
            "lecture_lib.gaussians.kl_to_standard_normal",
            "torch.distributions.kl_divergence",
            "torch.nn.functional.mse_loss",
            "torch.sqrt",
        ),
    )
    assert told(box) > 1000
    assert told(box) == [50, 50]
    assert told(box) == [1.0, 1.0, 1.0]
    assert told(box) == ["NotImplementedError"] * 2
    assert told(box) == "NotImplementedError"
    assert told(box) is True
    assert told(box) == 4000
    assert box.runtime_forbidden == ("torch.sqrt",)
    assert box.output() == ""


# Start and end


@in_bubblewrap
def test_it_outlives_the_thread_that_started_it(inside):
    boxes = []
    starter = threading.Thread(target=lambda: boxes.append(inside("questions.readline(); tell('alive')")))
    starter.start()
    starter.join()
    time.sleep(0.2)
    boxes[0].writer.write(b"\n")
    boxes[0].writer.flush()
    assert told(boxes[0]) == "alive"


@in_bubblewrap
def test_it_dies_with_the_grader(tmp_path):
    (tmp_path / "script.py").write_text("import os, time\nos.fork()\ntime.sleep(600)")
    code = f"""
import os, time
from lecture_lib.grading import sandbox
box = sandbox.start("bwrap", sandbox.Limits(), script={str(tmp_path / "script.py")!r})
print(os.readlink(f"/proc/{{box._processes.first}}/ns/pid"), flush=True)
time.sleep(600)"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=COURSE) as grader:
        name = grader.stdout.readline().strip()
        assert eventually(lambda: len(members(name)) == 3)
        grader.kill()
    assert eventually(lambda: not members(name))


@in_bubblewrap
def test_a_worker_that_cannot_start_says_why(tmp_path):
    with pytest.raises(sandbox.SandboxError, match=r"bubblewrap could not start: .*no-such-script"):
        sandbox.start("bwrap", ROOMY, script=tmp_path / "no-such-script")


@in_bubblewrap
def test_closing_twice_and_asking_afterwards_is_allowed(inside):
    box = inside("print('hello'); tell(1); time.sleep(60)")
    told(box)
    with box:
        assert box.alive()
    box.close()
    box.kill("memory")
    assert (box.alive(), box.reason, box.output()) == (False, None, "hello\n")


@in_bubblewrap
def test_the_sandbox_costs_less_than_a_tenth_of_a_second(tmp_path):
    def seconds(kind: str) -> float:
        start = time.perf_counter()
        with begin(tmp_path, kind, "tell(1)\ntime.sleep(60)") as box:
            told(box)
            return time.perf_counter() - start

    within, without = [seconds("bwrap")], [seconds("none")]
    while len(within) < 5 or (len(within) < 20 and min(within) - min(without) > 0.1):  # a busy machine needs more tries
        within.append(seconds("bwrap"))
        without.append(seconds("none"))
    print(f"start: {min(within) * 1000:.0f} ms in the sandbox, {min(without) * 1000:.0f} ms without")
    assert min(within) - min(without) < 0.1


# Without a sandbox


@pytest.fixture
def outside(tmp_path):
    """Start a script without a sandbox."""
    boxes = []

    def run(code: str, allowed=ROOMY, **settings) -> sandbox.Sandbox:
        boxes.append(begin(tmp_path, "none", code, allowed, **settings))
        return boxes[-1]

    yield run
    for box in boxes:
        box.close()


def test_without_a_sandbox_it_has_a_folder_and_an_environment_of_its_own(outside, monkeypatch):
    monkeypatch.setenv("TOKEN_OF_THE_GRADER", "42")
    box = outside(
        "open('x', 'w').close(); print('hello'); tell(sorted(os.environ)); tell(os.getcwd())", forbidden=("math.sqrt",)
    )
    assert "TOKEN_OF_THE_GRADER" not in told(box)
    folder = Path(told(box))
    assert folder.is_dir()
    assert box.runtime_forbidden == ("math.sqrt",)
    box.close()
    assert not folder.exists()
    assert box.output() == "hello\n"


@pytest.mark.parametrize(
    ("code", "allowed", "reason"),
    [
        ("block = b'x' * (300 << 20); time.sleep(60)", {"memory": 200 * MB}, "memory"),
        ("for i in range(30): subprocess.Popen(['sleep', '60'])\ntime.sleep(60)", {"processes": 20}, "processes"),
        ("time.sleep(60)", {"total_seconds": 0.5}, "time"),
        ("while True: pass", {"cpu_seconds": 0.5}, "time"),
    ],
)
def test_without_a_sandbox_limits_are_watched(outside, code, allowed, reason):
    assert ended(outside(code, sandbox.Limits(**({"total_seconds": 60} | allowed)))) == reason


def test_without_a_sandbox_what_was_seen_is_ended(outside):
    box = outside(
        """read, write = os.pipe()
if not os.fork():
    daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
    os.write(write, b"%d" % daemon.pid)
    time.sleep(1)
    os._exit(0)
tell(int(os.read(read, 20))); os.wait(); tell(1); time.sleep(60)"""
    )
    daemon = psutil.Process(told(box))
    told(box)  # its parent has ended
    box.close()
    assert eventually(lambda: not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE)


def test_limits_are_applied_by_the_worker_itself():
    code = """if True:
        import dataclasses, resource
        from lecture_lib.grading import limits
        limits.apply(dataclasses.asdict(limits.Limits(file_size=1000)) | {"seconds": 7})
        print(*resource.getrlimit(resource.RLIMIT_FSIZE))
        limits.apply({"file_size": 5000})
        print(*resource.getrlimit(resource.RLIMIT_FSIZE))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=COURSE, check=True)
    assert done.stdout.split() == ["1000"] * 4


# The choice


def test_auto_means_the_sandbox_where_it_works(monkeypatch):
    monkeypatch.setattr(bubblewrap, "unavailable", lambda: None)
    assert [sandbox.choose(kind, False) for kind in ("auto", "bwrap")] == ["bwrap", "bwrap"]


@pytest.mark.parametrize("kind", ["auto", "bwrap"])
@pytest.mark.parametrize("consent", [False, True])
def test_where_it_does_not_work_nothing_is_chosen_silently(monkeypatch, kind, consent):
    monkeypatch.setattr(bubblewrap, "unavailable", lambda: "bubblewrap is not installed: install it.")
    with pytest.raises(sandbox.SandboxError, match=r"not installed: install it\. Grade on another machine"):
        sandbox.choose(kind, consent)


def test_no_sandbox_needs_consent():
    assert sandbox.choose("none", True) == "none"
    with pytest.raises(sandbox.SandboxError, match=r"Without a sandbox .* say so"):
        sandbox.choose("none", False)


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="kind='docker'"):
        sandbox.choose("docker", True)
    with pytest.raises(ValueError, match="kind='auto'"):
        sandbox.start("auto", ROOMY)


def test_what_is_missing_is_said_with_what_to_do(monkeypatch):
    ask = bubblewrap.unavailable.__wrapped__
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Linux only" in ask()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    assert "install it" in ask()
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    answer = subprocess.CompletedProcess([], 0, "bubblewrap 0.6.1\n")
    monkeypatch.setattr(bubblewrap.subprocess, "run", lambda *args, **settings: answer)
    assert "too old (0.6.1)" in ask()


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap runs on Linux only")
def test_where_the_system_forbids_it_the_reason_and_the_setting_are_named(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 0.11.0 && exit\necho No permissions; exit 1\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    sentence = bubblewrap.unavailable.__wrapped__()
    assert sentence.startswith("bubblewrap could not start: No permissions. Unprivileged user namespaces must be")
    with pytest.raises(sandbox.SandboxError, match="No permissions"):
        sandbox.start("bwrap", ROOMY, script=fake)
