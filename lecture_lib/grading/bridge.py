"""The trusted end of the pipe: sends requests into the sandbox and turns what comes back into plain values and proxies.

What the sandbox sends is data about values, whatever it claims: it can make a call fail or give a wrong value, no more.
"""

import base64
import math
import pickle
import time
import types

from lecture_lib.grading import mirrors, nets, proxies, transfer, watching, wire
from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding, encode

GRACE = 3.0  # seconds that the sandbox gets to stop by itself when its time is over


class SandboxLost(BaseException):
    """The sandbox is gone: killed by a limit, by itself, or for breaking the protocol; the text says which."""


class NoSandbox(BaseException):
    """There is no sandbox to run anything in: nothing can be said about a submission."""


class Link:
    """A running sandbox and everything that both sides refer to by number."""

    def __init__(self, sandbox, hello: dict, methods: frozenset[str] = frozenset()):
        self.sandbox, self.limit, self.methods = sandbox, hello["message"], methods
        self.seconds = hello["call_seconds"]
        self.mirrors = mirrors.Mirrors(self)
        self.callbacks: dict[int, object] = {}
        self.guests: dict[int, object] = {}
        self.mutated = False  # whether the student's code changed arguments in place, since a test began
        self.follow_mutations = False  # whether the test's own arguments then change as well
        self.late = False  # whether a call took longer than it may, since a test began
        self.seeded: set[str] = set()  # generators that a test has seeded since the last call
        self.watch = watching.Watch(sandbox)
        self.end = math.inf  # monotonic time after which nothing is asked any more
        self._exchange(hello, [], 60.0)

    def request(self, message: dict, out: Encoding | None = None, seconds: float | None = None) -> tuple[dict, list]:
        """Send a request, serve the calls back that it causes, give the answer; StudentError if it says so."""
        if pushed := self.mirrors.changed():
            self._exchange({"op": "push", "tensors": pushed[0]}, pushed[1], self.seconds + GRACE)
        answer, blobs = self._exchange(message, out.blobs if out else [], (seconds or self.seconds) + GRACE)
        if "error" in answer and message["op"] != "run":
            self.late = self.late or proxies.is_late(answer["error"])
            raise proxies.student_error(answer["error"])
        return answer, blobs

    def _exchange(self, message: dict, blobs: list, seconds: float) -> tuple[dict, list]:
        if time.monotonic() > self.end:
            raise SandboxLost("the whole notebook took longer than it may")
        try:
            with self.watch.limited(min(seconds, self.end + GRACE - time.monotonic())):
                wire.send(self.sandbox.writer, message, blobs)
                while True:
                    answer, come = wire.receive(self.sandbox.reader, self.limit)
                    if not isinstance(answer, dict):
                        raise wire.WireError("an answer that is none")
                    if "callback" not in answer:
                        self.mirrors.update(answer.get("changed"), come)
                        return answer, come
                    wire.send(self.sandbox.writer, *self._call_back(answer, come))
        except (EOFError, OSError, ValueError):
            raise SandboxLost(self._reason()) from None
        except wire.WireError as error:
            self.sandbox.kill()
            raise SandboxLost(f"it wrote to the grader's own pipe ({error})") from None
        except BaseException:  # the exchange was cut off in the middle: what would come next belongs to it
            self.sandbox.kill()
            raise

    def _reason(self) -> str:
        time.sleep(0.05)  # the watcher of the sandbox may be about to say why
        if self.watch.fired:
            return "it did not stop when its time was over"
        reasons = {"memory": "it used more memory than allowed", "processes": "it started too many processes"}
        reasons["time"] = "it used more time than allowed"
        return reasons.get(self.sandbox.reason, "its process ended (by exit, a crash, or a limit of the system)")

    def _call_back(self, message: dict, blobs: list) -> tuple[dict, list]:
        """Call a function of a test on the sandbox's behalf. Only functions handed over as arguments can be called."""
        out = self.encoding()
        try:
            function = self.callbacks[message["callback"]]
            come = self.decoding(blobs)
            value = function(*decode(message["args"], come), **decode(message["kwargs"], come))
            return {"op": "return", "value": encode(value, out)}, out.blobs
        except (Exception, wire.WireError) as error:
            return {"op": "return", "error": f"{type(error).__name__}: {error}"[:500]}, []

    def encoding(self) -> Encoding:
        return Encoding(self.limit, self.export, self.mirrors.mark)

    def decoding(self, blobs: list) -> Decoding:
        return Decoding(blobs, self.resolve, self.mirrors.receive)

    def export(self, thing, out: Encoding) -> dict:
        """How an argument of a test's goes over: by number, by name, as a function to call back, or as a copy."""
        if (number := nets.number(thing, self)) is not None:
            return {"t": "mine", "i": number}
        if (name := transfer.importable(thing)) is not None:
            return {"t": "import", "module": name[0], "name": name[1]}
        if isinstance(thing, types.FunctionType | types.MethodType | types.BuiltinFunctionType | types.LambdaType):
            self.callbacks[id(thing)] = thing
            return {"t": "callback", "i": id(thing), "name": getattr(thing, "__name__", "function")}
        try:
            data = base64.b64encode(pickle.dumps(thing)).decode()
        except Exception:
            raise TypeError(f"a test cannot hand a {type(thing).__name__} to a student's function") from None
        self.guests[id(thing)] = thing
        return {"t": "guest", "i": id(thing), "data": data, "version": transfer.version(thing, data)}

    def resolve(self, node: dict):
        """What a description stands for: a proxy, or one of our own functions or objects coming back."""
        if node["t"] == "handle":
            return nets.make(self, node)
        if node["t"] == "yours":
            return self.callbacks[node["i"]]
        if node["t"] == "guest":
            return self.guests[node["i"]]
        if node["t"] == "bad":
            raise proxies.StudentError(f"is too much or no data: {str(node['v'])[:200]}")
        raise wire.WireError(f"a {str(node['t'])[:50]!r} that is none")

    def call(self, number: int, args: tuple, kwargs: dict, method: str = ""):
        """Call thing `number` of the sandbox, or a special method of it."""
        self.mirrors.begin()
        out = self.encoding()
        message = {"op": "call", "o": number, "args": encode(list(args), out), "kwargs": {"t": "dict", "v": []}}
        message["kwargs"]["v"] = [[key, encode(value, out)] for key, value in kwargs.items()]
        if method:
            message["method"] = method
        if self.seeded:
            message["rng"] = encode(transfer.random_states(self.seeded), out)
            self.seeded.clear()
        answer, blobs = self.request(message, out)
        if "mutated" in answer:
            self._mutated([list(args), kwargs], answer["mutated"], blobs)
        return self.value(answer.get("value"), blobs)

    def _mutated(self, arguments: list, node, blobs: list) -> None:
        self.mutated = True
        if self.follow_mutations:
            plain = Decoding(blobs, None)
            plain.resolve = lambda node: mirrors.State([decode(tensor, plain) for tensor in node.get("state", [])])
            mirrors.follow(arguments, decode(node, plain))

    def value(self, node, blobs: list):
        try:
            return decode(node, self.decoding(blobs))
        except wire.WireError as error:
            raise proxies.StudentError(f"gave {error}") from None

    def look(self, names: list[str]) -> dict:
        """The values of the student's names, proxies for what is no plain data; undefined names are missing."""
        answer, blobs = self.request({"op": "look", "names": names})
        found = answer.get("values")
        if not isinstance(found, dict):
            raise wire.WireError("an answer that is none")
        values = {}
        for name in names:
            if name in found:
                try:
                    values[name] = self.value(found[name], blobs)
                except proxies.StudentError as error:
                    values[name] = proxies.Broken(name, str(error))
        return values

    def get(self, number: int, name: str):
        answer, blobs = self.request({"op": "get", "o": number, "name": name})
        return self.value(answer.get("value"), blobs)

    def set(self, number: int, name: str, value) -> None:
        out = self.encoding()
        self.request({"op": "set", "o": number, "name": name, "value": encode(value, out)}, out)

    def run(self, text: str, seconds: float) -> dict:
        """Run a cell of the student's: {"output": str, "error": dict or missing}."""
        return self.request({"op": "run", "text": text, "seconds": seconds}, seconds=seconds)[0]
