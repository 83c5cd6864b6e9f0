"""What code in the sandbox must not be able to do, tried: each attempt is a cell, `True` means that it got out."""

import dataclasses
import os
import socket
import tempfile
from pathlib import Path

import psutil

from lecture_lib.grading import bridge, sandbox
from lecture_lib.grading.limits import Limits

LIMITS = Limits(memory=2**30)
HELLO = {"message": LIMITS.message, "output": LIMITS.output, "call_seconds": 10, "seed": 0, "forbidden": []}
HELLO["limits"] = dataclasses.asdict(LIMITS)
ATTEMPTS = {
    "read the notebook with solutions": "open({secret!r}).read() and True",
    "list the folder of the solutions": "import os; bool(os.listdir({folder!r}))",
    "write beside the solutions": "open({folder!r} + '/escaped', 'w').write('x') and True",
    "write into the library": "import lecture_lib; open(lecture_lib.__file__, 'a').write('#') and True",
    "write into the installed packages": "import torch; open(torch.__file__, 'a').write('#') and True",
    "read the passwords of the machine": "open('/etc/shadow').read() and True",
    "see the grader's environment": "import os; any({token!r} in open(f'/proc/{{p}}/environ').read() for p in "
    "os.listdir('/proc') if p.isdigit() and os.access(f'/proc/{{p}}/environ', os.R_OK))",
    "see the grader's processes": "import os; {pid} in [int(p) for p in os.listdir('/proc') if p.isdigit()] and "
    "b'selfcheck' in open('/proc/{pid}/cmdline', 'rb').read()",
    "reach a server of this machine": "import socket; socket.create_connection(('127.0.0.1', {port}), 2) and True",
    "reach the network": "import socket; socket.create_connection(('1.1.1.1', 53), 2) and True",
    "mount something": "import ctypes; ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0",
    "become another user": "import ctypes; ctypes.CDLL(None).unshare(0x10000000) == 0",
    "fill the disk": "sum(open(f'/tmp/{{i}}', 'wb').write(bytes(2**26)) for i in range(64)) > 0",
    "use too much memory": "import numpy; bool(sum(numpy.ones(2**26).sum() for _ in range(1)) and "
    "[numpy.ones(2**26) for _ in range(64)])",
    "leave a process behind": "import os, time; os.fork() and True or (os.setsid(), time.sleep(600))",
}
KILLED = "leave a process behind"  # succeeds inside; what counts is that nothing is left when the sandbox is closed


def escaped(kind: str = "bwrap", names=tuple(ATTEMPTS)) -> list[str]:
    """The attempts, by name, that got out of a sandbox of this kind; none, if it holds."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        before = {process.pid for process in psutil.Process().children(recursive=True)}
        secret = Path(folder, "solution.ipynb")
        secret.write_text("secret")
        os.environ["LECTURE_LIB_TOKEN"] = token = os.urandom(8).hex()
        values = {"secret": str(secret), "folder": folder, "token": token, "pid": os.getpid()}
        values["port"] = server.getsockname()[1]
        try:
            codes = {name: ATTEMPTS[name].format(**values) for name in names}
            out = _tried(kind, codes, Path(folder))
        finally:
            del os.environ["LECTURE_LIB_TOKEN"]
        left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before and p.is_running()]
        return [name for name in out if name != KILLED] + ([KILLED] if left else [])


def _tried(kind: str, codes: dict[str, str], protect: Path) -> list[str]:
    """The names of those lines of code that give True in a sandbox; a new one takes the place of one that is lost."""
    box, link, out = None, None, []
    for name, code in codes.items():
        try:
            if link is None:
                box = sandbox.start(kind, LIMITS, protect=[protect])
                link = bridge.Link(box, HELLO)
            link.run(_cell(code), 20)
            out += [name] if link.look(["outcome"]).get("outcome") is True else []
        except bridge.SandboxLost:
            box.close()
            link = None
    box.close()
    return out


def _cell(code: str) -> str:
    *setup, expression = code.split("; ") if code.startswith("import ") else [code]
    attempt = ["try:", f"    outcome = bool({expression})", "except BaseException:", "    outcome = False"]
    return "\n".join(["outcome = None", *setup, *attempt])
