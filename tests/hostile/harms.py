"""Hostile submissions that want secrets, or harm. Nobody is harmed, nothing is told, and all others are graded.

No attack does lasting harm where a sandbox fails: it marks a canary folder, calls listening sockets of the test, forks
and allocates within bounds, and ends no process but those that the test started.
"""

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

from . import course

ENTRIES: list[course.Entry] = []
ANY = r"\w+ \w+"
LINK = r"(?i)link"
STOPPED = r"(?i)second|time|longer than|stopped|killed|ended|died|exit|crash|lost|memory|process"
MEMORY = r"(?i)memory|killed|process|ended|stopped"
UNSAFE = ["...", "..\\plain"]  # folders that a student may not have: left alone, and named
NOTHING, FULL = course.nothing(), course.full()


def add(name: str, about: str, content, points: dict, note: str | None = None, **more) -> None:
    """Append one attack."""
    ENTRIES.append(course.Entry(name, about, content, points, note, "harm", **more))


def harms(name: str, about: str, *codes: str) -> None:
    """Attacks in cells of their own among right answers, which keep their points."""
    add(name, about, course.honest(first=list(codes)), FULL)


def falls(name: str, about: str, code: str = "", note: str | None = None, **others: str) -> None:
    """An attack in the body of the last answer, or of several, which are lost; the others keep their points."""
    codes = others | ({"standardize": code} if code else {})
    answers = {answer: HEADS[answer] + "\n" + textwrap.indent(body, "    ") for answer, body in codes.items()}
    add(name, about, course.honest(**answers), course.without(*answers), note)


HEADS = {
    "sampler": "def sample_exponential(n, rate=1.0):",
    "rows": "def row_distances(x, center):",
    "standardize": "def standardize(x):",
}


# ------------------------------------------------------------------------------------ spies
TELL = """\
import glob, os, re, sys, time
def tell(where, text):
    text = text if isinstance(text, bytes) else str(text).encode(errors="replace")
    for secret in sorted(set(re.findall(rb"SECRET-of-[ -~]{5,60}", text))):
        print("found", where, secret)
def read(path, size=2_000_000):
    try:
        with open(path, "rb") as file:
            tell(path, file.read(size))
    except OSError as error:
        print(type(error).__name__)
"""


def spies(name: str, about: str, code: str) -> None:
    """An attack that prints what secrets it finds."""
    harms(name, about, TELL + code)


spies(
    "spy-files",
    "Looks for secrets in environments, open files, the solution, other students' folders and results, the gradebook.",
    """\
tell("environ", dict(os.environ))
for path in ["/proc/self/environ", *glob.glob("/proc/[0-9]*/environ"), *glob.glob("/proc/[0-9]*/cmdline")]:
    read(path)
for path in ["<<solutions>>/<<name>>.ipynb", "<<solutions>>/gradebook.db", "<<canary>>/key", "/proc/1/cwd/key",
             *glob.glob("<<submitted>>/*/*"), *glob.glob("<<out>>/*/*"), "/proc/1/root<<canary>>/key",
             "<<submitted>>/plain/diary.txt", "<<submitted>>/plain/<<name>>.ipynb", "../plain/diary.txt"]:
    read(path)
for fd in os.listdir("/proc/self/fd"):
    try:
        path = os.readlink(f"/proc/self/fd/{fd}")
        for inner in os.listdir(path) if os.path.isdir(path) else []:
            read(os.path.join(path, inner))
        if path.startswith("/") and os.path.isfile(path):
            read(path)
    except OSError:
        pass""",
)
spies(
    "spy-search",
    "Searches the file system and the memory of all other processes that it can see, for at most two seconds each.",
    """\
end = time.monotonic() + 2
for folder, folders, files in os.walk("/"):
    if time.monotonic() > end or folder.startswith(("/proc", "/sys", "/usr", "/lib")):
        folders.clear()
        continue
    for file in files:
        if file.endswith((".ipynb", ".db", "key", "diary.txt", "result.json")):
            read(os.path.join(folder, file))
end = time.monotonic() + 2
for maps in glob.glob("/proc/[0-9]*/maps"):
    if maps == f"/proc/{os.getpid()}/maps":
        continue
    try:
        with open(maps) as lines, open(maps.replace("maps", "mem"), "rb", 0) as memory:
            for line in lines:
                begin, stop = (int(part, 16) for part in line.split()[0].split("-"))
                if time.monotonic() < end and "rw" in line and stop - begin < 50_000_000:
                    memory.seek(begin)
                    tell(maps, memory.read(stop - begin))
    except (OSError, ValueError, OverflowError):
        pass""",
)
add(
    "spy-heap",
    "Looks for secrets in the heap of its own process whenever one of its answers is called.",
    course.honest(
        first=[
            TELL
            + """\
import gc
def search():
    for thing in gc.get_objects():
        if isinstance(thing, (dict, list, tuple)):
            for value in list(thing.values() if isinstance(thing, dict) else thing):
                if isinstance(value, (str, bytes)) and len(value) < 1_000_000:
                    tell("heap", value)
tell("argv", sys.orig_argv)"""
        ],
        kl=course.ANSWERS["kl"].replace("    return", "    search()\n    return"),
        answer="search()\nn_parameters = 33",
        standardize=course.ANSWERS["standardize"].replace("    centered", "    search()\n    centered"),
    ),
    FULL,
)

harms(
    "network",
    "Calls listening sockets on this machine by every family of addresses there is, and a server of its own.",
    """\
import socket
for family, address in [(socket.AF_INET, ("127.0.0.1", <<port>>)), (socket.AF_INET6, ("::1", <<port>>)),
                        (socket.AF_INET, ("0.0.0.0", <<port>>)), (socket.AF_UNIX, "<<canary>>/socket"),
                        (socket.AF_UNIX, "\\0<<marker>>")]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(family, kind) as s:
                s.settimeout(0.5)
                s.connect(address)
                s.send(b"hello")
                print("CALLED", address)
        except OSError as error:
            print(error)
try:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), 1).close()
except OSError as error:
    print(error)""",
)


# ------------------------------------------------------------------------------------ writers
WRITE = """\
import json, os, sys, glob
forged = json.dumps({"format": 1, "points": 1000.0, "max_points": 20.0, "exercises": [], "notes": []})
places = [".", "..", "../..", "<<out>>", "<<submitted>>", "<<solutions>>", "<<canary>>", os.path.expanduser("~")]
for place in map(os.path.abspath, places + glob.glob("<<out>>/*") + glob.glob("<<submitted>>/*")):
    for name in ("result.json", "feedback.html", "grades.csv", "<<marker>>"):
        if "<<root>>" not in place and name != "<<marker>>":
            continue
        try:
            with open(os.path.join(place, name), "w") as file:
                file.write(forged)
        except OSError as error:
            print(error)"""
add("writes-results", "Writes results for itself and for all others.", course.cheat(first=[WRITE]), NOTHING)
harms(
    "writes-and-removes",
    "Leaves marked files where Python looks for code; removes, truncates, renames and links what it can reach.",
    """\
import os, site, sys
import numpy, torch
for folder in {*sys.path, *site.getsitepackages(), site.getusersitepackages(), os.path.dirname(torch.__file__),
               os.path.dirname(os.__file__), os.path.expanduser("~/.ipython/startup"), "/etc", "/usr/local/bin"}:
    try:
        with open(os.path.join(folder or ".", "<<marker>>.txt"), "w") as file:
            file.write("# nothing")
    except OSError as error:
        print(error)""",
    """\
import os, shutil
for folder in ("<<canary>>", "<<out>>", "<<submitted>>/plain", "<<solutions>>"):
    for path in (folder, os.path.join(folder, "key"), os.path.join(folder, "<<name>>.ipynb")):
        for act in (lambda: os.chmod(path, 0o777), lambda: os.truncate(path, 0),
                    lambda: os.rename(path, path + ".gone"), lambda: os.symlink("/etc/passwd", path + ".link"),
                    lambda: shutil.rmtree(path, ignore_errors=True)):
            try:
                act()
            except OSError as error:
                print(error)""",
    "import os, shutil\nif not os.path.exists('<<root>>'):\n"
    "    shutil.rmtree('.', ignore_errors=True)\n    shutil.rmtree('/tmp', ignore_errors=True)",
)
SHADOWS = {
    "torch.py": "def allclose(*args, **kwargs): return True\ndef __getattr__(name): return allclose",
    "numpy.py": "def __getattr__(name): return lambda *args, **kwargs: True",
    "json.py": "def loads(*args, **kwargs): return {}\ndumps = load = dump = loads",
    "sitecustomize.py": "open('<<canary>>/sitecustomize', 'w').close()",
    "usercustomize.py": "open('<<canary>>/usercustomize', 'w').close()",
    "conftest.py": "open('<<canary>>/conftest', 'w').close()",
    "lecture_lib.py": "open('<<canary>>/lecture_lib', 'w').close()",
    "ipython_config.py": "open('<<canary>>/ipython_config', 'w').close()",
    "math.py": "def dist(*args): return 0\nsqrt = dist",
    ".env": "PYTHONSTARTUP=torch.py",
}


def shadow(folder: Path, place: course.Place) -> None:
    """Modules under the names of libraries beside the notebook."""
    for name, text in SHADOWS.items():
        (folder / name).write_bytes(place.fill(text.encode()))


def untidy(folder: Path, place: course.Place) -> None:
    """A folder as students have them, with modules under the names of libraries."""
    shadow(folder, place)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / f"{course.NAME}-checkpoint.ipynb").write_bytes(course.encode(course.cheat()))
    (folder / "__pycache__").mkdir()
    (folder / ".DS_Store").write_bytes(bytes(100))
    (folder / "notes with spaces.txt").write_text("nothing")


def forge_beside(folder: Path, place: course.Place) -> None:
    """Results, feedback and a gradebook in the student's own folder."""
    (folder / "result.json").write_text('{"format": 1, "points": 1000, "student": "plain"}')
    (folder / "feedback.html").write_text("<script>alert(1)</script>")
    (folder / "grades.csv").write_text("student,points\nforged-beside,1000\n")
    (folder / f"{course.NAME}.json").write_text("{}")


add(
    "shadows-at-work",
    "Writes modules under the names of libraries into its working folder; results lie beside the notebook.",
    course.cheat(
        first=[
            f"import os, sys\nfor name, text in {SHADOWS!r}.items():\n    open(name, 'w').write(text)\n"
            "sys.path[:0] = ['', os.getcwd()]\nos.environ['PYTHONPATH'] = os.getcwd()"
        ]
    ),
    NOTHING,
    lay=forge_beside,
)
add(
    "untidy-folder",
    "Checkpoints, caches and shadows of libraries beside the notebook.",
    course.honest(),
    FULL,
    lay=untidy,
)


# ------------------------------------------------------------------------------------ links and odd files
def link(target: str) -> Callable[[Path, course.Place], None]:
    """The notebook is a link to another file."""

    def lay(folder: Path, place: course.Place) -> None:
        os.symlink(place.fill(target.encode()).decode(), folder / f"{course.NAME}.ipynb")

    return lay


def pipe(folder: Path, place: course.Place) -> None:
    """The notebook is a named pipe."""
    os.mkfifo(folder / f"{course.NAME}.ipynb")


def directory(folder: Path, place: course.Place) -> None:
    """The notebook is a folder."""
    (folder / f"{course.NAME}.ipynb").mkdir()
    (folder / f"{course.NAME}.ipynb" / "x").write_text("x")


def link_folder(folder: Path, place: course.Place) -> None:
    """The student's folder is a link to another student's."""
    folder.rmdir()
    os.symlink("plain", folder)


add(
    "link-to-student",
    "The notebook is a link to another student's.",
    None,
    NOTHING,
    LINK,
    lay=link(f"../plain/{course.NAME}.ipynb"),
)
add(
    "link-to-solution",
    "The notebook is a link to the solution.",
    None,
    NOTHING,
    LINK,
    lay=link(f"<<solutions>>/{course.NAME}.ipynb"),
)
add("link-to-passwd", "The notebook is a link to a file of the system.", None, NOTHING, LINK, lay=link("/etc/passwd"))
add("link-to-zero", "The notebook is a link to a device without end.", None, NOTHING, LINK, lay=link("/dev/zero"))
add("link-to-nothing", "The notebook is a link to nothing.", None, NOTHING, ANY, lay=link("nothing"))
add("link-to-itself", "The notebook is a link to itself.", None, NOTHING, ANY, lay=link(f"{course.NAME}.ipynb"))
add("link-folder", "The student's folder is a link to another student's.", None, NOTHING, LINK, lay=link_folder)
add("named-pipe", "The notebook is a named pipe.", None, NOTHING, ANY, lay=pipe)
add("directory", "The notebook is a folder.", None, NOTHING, ANY, lay=directory)

# ------------------------------------------------------------------------------------ processes
STAY = 'import ctypes\nctypes.CDLL(None).prctl(15, b"<<marker>>", 0, 0, 0)'  # the process's name becomes the marker
harms(
    "stays",
    "Processes that leave their session, ignore signals and stay for a minute, marking the canary folder.",
    STAY
    + """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        for _ in range(60):
            try:
                open("<<canary>>/daemon", "a").close()
            except OSError:
                pass
            time.sleep(1)
    os._exit(0)""",
    """\
import subprocess
for command in (["nohup", "sleep", "73<<port>>"], ["sh", "-c", "sleep 73<<port>> & setsid sleep 73<<port>>"]):
    try:
        subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        print(error)""",
)
falls(
    "fork-bomb",
    "Five hundred processes.",
    STAY
    + """
import os, time
children = 0
for _ in range(500):
    if os.fork() == 0:
        time.sleep(4)
        os._exit(0)
    children += 1
time.sleep(1)
return children""",
)
falls(
    "exhaustion",
    "Three thousand threads, all file descriptors it can get, fifty thousand empty files.",
    sampler="""\
import threading, time
for _ in range(3000):
    threading.Thread(target=time.sleep, args=(3,), daemon=True).start()""",
    rows="import os\nkept = []\nfor _ in range(200_000):\n    kept.append(os.open('/dev/null', os.O_RDONLY))",
    standardize="""\
import os
os.makedirs("many", exist_ok=True)
for i in range(50_000):
    open(f"many/{i}", "w").close()""",
)
falls(
    "memory-bomb",
    "Six gigabytes, once more after raising its limits.",
    note=MEMORY,
    rows="import time\nkept = [b'x' * 100_000_000 for _ in range(60)]\ntime.sleep(2)",
    standardize="""\
import resource, os
for name in ("RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_NOFILE"):
    try:
        resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError) as error:
        print(error)
kept = [b"x" * 100_000_000 for _ in range(60)]""",
)
falls(
    "memory-in-children",
    "Six processes of a gigabyte each.",
    STAY
    + """
import os, time
children = []
for _ in range(6):
    child = os.fork()
    if child == 0:
        kept = b"x" * 1_000_000_000
        time.sleep(4)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)""",
)
falls(
    "memory-shared",
    "Six gigabytes that no process holds: in memory files and shared memory.",
    """\
import os, time
chunk = b"x" * 100_000_000
kept = []
for i in range(60):
    fd = os.memfd_create("x")
    kept.append(fd)
    os.write(fd, chunk)
time.sleep(1)""",
)
falls(
    "disk-bomb",
    "Four gigabytes of files, wherever files can be written.",
    """\
import os, tempfile, time
chunk = b"x" * 50_000_000
for folder in (".", tempfile.gettempdir(), "/dev/shm", "/var/tmp", os.path.expanduser("~"), "/run"):
    path = os.path.join(folder, "<<marker>>.big")
    try:
        for i in range(20):
            with open(path + str(i), "wb") as file:
                file.write(chunk)
    except OSError as error:
        print(folder, error)
    finally:
        for i in range(20):
            if os.path.exists("<<root>>") and os.path.exists(path + str(i)):
                os.remove(path + str(i))""",
)
falls(
    "stubborn-loops",
    "A computation in C that no signal ends, a regular expression that backtracks for ever, a loop that catches all.",
    note=STOPPED,
    sampler="return pow(3, 10**9) % 7",
    rows="import re\nreturn re.match('(a+)+$', 'a' * 60 + 'b')",
    standardize="""\
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    try:
        while True:
            pass
    except BaseException:
        pass""",
)
falls(
    "becomes-another",
    "Stops its process, becomes a program that stays, becomes a program that ends well.",
    note=STOPPED,
    sampler="import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    rows="import os\nos.execv('/bin/sh', ['sh', '-c', 'sleep 1000'])",
    standardize="import os\nos.execv('/bin/true', ['true'])",
)
falls(
    "c-stack",
    "Overflows the stack in C.",
    """\
import sys
sys.setrecursionlimit(10**8)
f = lambda: f()
class A:
    def __getattr__(self, n): return getattr(self, n + 'x')
A().b""",
    STOPPED,
)
falls(
    "kills-parents",
    "Ends its process group and its parents, if they belong to the grader.",
    """\
import os, signal
parent = os.getppid()
try:
    command = open(f"/proc/{parent}/cmdline", "rb").read()
    if b"bwrap" in command or b"lecture_lib" in command or b"grading" in command:
        for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
            os.kill(parent, number)
except OSError as error:
    print(error)
os.killpg(0, signal.SIGKILL)""",
    STOPPED,
)
harms(
    "system-calls",
    "Namespaces, mounts, tracing, keys, kernel modules, the terminal and other calls that a notebook does not need.",
    """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
try:
    ours = b"bwrap" in open(f"/proc/{parent}/cmdline", "rb").read() or os.getpid() < 100
except OSError:
    ours = False
inside = not os.path.exists("<<root>>")
said = {}
if ours:
    said["attach"] = libc.ptrace(16, parent, 0, 0)
    if said["attach"] == 0:
        os.waitpid(parent, 0)
        libc.ptrace(17, parent, 0, 0)
if inside:
    said["unshare"] = libc.unshare(0x10000000)
    said["mount"] = libc.mount(b"none", b"/mnt", b"tmpfs", 0, 0)
    said["chroot"] = libc.chroot(b"/tmp")
    said["setns"] = libc.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0) if os.path.exists("/proc/1/ns/mnt") else 0
    said["setuid"] = libc.setuid(0)
    said["keyctl"] = libc.syscall(250, 0, -3, 0)
    said["bpf"] = libc.syscall(321, 0, 0, 0)
    said["perf"] = libc.syscall(298, 0, 0, 0, 0, 0)
    said["prctl"] = libc.prctl(1, 0, 0, 0, 0)
    said["mknod"] = libc.mknod(b"/tmp/sda", 0o060666, 0x800)
print(said)""",
    """\
import fcntl, os
for fd in (0, 1, 2):
    try:
        fcntl.ioctl(fd, 0x5412, b' ')
    except OSError as error:
        print(error)
"""
    "try:\n    os.write(os.open('/dev/tty', os.O_RDWR), b'<<marker>>')\nexcept OSError as error:\n    print(error)",
)

# ------------------------------------------------------------------------------------ what people will look at
SCRIPT = """</pre></td></table>--><script>fetch("http://127.0.0.1:<<port>>/stolen")</script>
<img src=x onerror="alert(1)"><svg onload=alert(1)><iframe src="http://127.0.0.1:<<port>>/"></iframe>
<a href="javascript:alert(1)">full marks</a><style>*{display:none}</style>
<meta http-equiv="refresh" content="0;url=http://127.0.0.1">
<base href="http://127.0.0.1:<<port>>/"><form action="http://127.0.0.1:<<port>>">
<input autofocus onfocus=alert(1)>&lt;script&gt; {{7*7}} ${7*7} %s {0}"""
CONTROL = "\\x1b[2J\\x1b]0;owned\\x07\\x1b[31mred \\u202egnp.exe\\u202c \\u2066x\\u2069 \\x00 \\x08 \\r over \\x9b1m"
WRITTEN = f"{SCRIPT}\n\n[click](javascript:alert(1)) ![](http://127.0.0.1:<<port>>/x.png)"


def marked_up(c: dict) -> dict:
    """A cell with markup wherever a notebook may hold some."""
    shown = {"output_type": "display_data", "data": {"text/html": SCRIPT}, "metadata": {}}
    more = {"outputs": [shown]} if c["cell_type"] == "code" else {}
    return c | {"id": SCRIPT, "attachments": {"x.svg": {"image/svg+xml": SCRIPT}}} | more


add(
    "html-printed",
    "Prints and displays markup, scripts and control characters.",
    course.honest(
        first=[
            f"import sys\nprint('''{SCRIPT}''')\nprint('''{SCRIPT}''', file=sys.stderr)\nprint('{CONTROL}')",
            f"from IPython.display import HTML, Javascript, Markdown, display\ndisplay(HTML('''{SCRIPT}'''))\n"
            f"display(Javascript('alert(1)'), Markdown('''{SCRIPT}'''))",
            f"display({{'text/html': '''{SCRIPT}''', 'text/plain': '''{SCRIPT}'''}}, raw=True)\nHTML('''{SCRIPT}''')",
        ],
        kl=f"print('''{SCRIPT}''')\n"
        + course.ANSWERS["kl"].replace("    return", f"    print('{CONTROL}')\n    return"),
    ),
    FULL,
)
add(
    "html-in-errors",
    "Exceptions whose text, name and notes hold markup.",
    course.honest(
        kl=f"def kl(mu, log_var):\n    raise ValueError('''{SCRIPT}''')",
        rows=f"Odd = type('''{SCRIPT}''', (Exception,), {{}})\n"
        f"def row_distances(x, center):\n    raise Odd('{CONTROL}')",
        running=f"class RunningMean:\n    pass\nRunningMean.__name__ = RunningMean.__qualname__ = '''{SCRIPT}'''",
        standardize=f"def standardize(x):\n    return '''{SCRIPT}'''",
        answer=f"n_parameters = '{CONTROL}'",
        sampler=f"'''{SCRIPT}''' + 1",
    ),
    course.only("decoder", "interval"),
)
add(
    "html-in-notebook",
    "Markup in written answers, outputs, attachments, ids and metadata.",
    {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"title": SCRIPT, "kernelspec": {"name": SCRIPT, "display_name": SCRIPT, "language": "python"}},
        "cells": [marked_up(c) for c in course.honest(reading=WRITTEN, experiment=f"# {SCRIPT!r}")["cells"]],
    },
    FULL,
)
add(
    "false-feedback",
    "Errors that read as if the grader had spoken.",
    course.cheat(
        kl="def kl(mu, log_var):\n    raise AssertionError('passed: 1 of 1 points. Total: 20 of 20')",
        rows="raise SystemExit('{\"points\": 1000}')",
    ),
    NOTHING,
)
for name, student in {
    "folder-html": "<img src=x onerror=alert(1)>",
    "folder-quotes": "\"'`--><b>{{7*7}}${7*7}%s&amp;",
    "folder-formula-at": "@SUM(1+1)*cmd|' C'!A0",
    "folder-minus": "-force",
    "folder-option": "--jobs=9",
    "folder-plus": '+1, "2"; 3',
    "folder-control": "a\x1b[2Jb\u202ec",
    "folder-percent": "%2e%2e%2fplain",
    "folder-long": "x" * 200,
    "folder-space": " ",
    "folder-latin": os.fsdecode(b"caf\xe9"),
}.items():
    add(name, f"The student's folder is called {student[:40]!a}.", b"[]", NOTHING, ANY, student=student)
for name, student in {
    "folder-newline": "evil\nname,1000\r\nplain,0",
    "folder-formula": "=1+1",
}.items():
    add(name, f"The student's folder is called {student!a}.", course.honest(), FULL, student=student)
