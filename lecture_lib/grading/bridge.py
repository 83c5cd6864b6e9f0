"""The trusted end of the pipe: sends requests into the sandbox and turns what comes back into plain values and proxies.

What the sandbox sends is data about values, whatever it claims: it can make a call fail or give a wrong value, no more.
"""

import math
import threading
import time
import weakref

from lecture_lib.grading import (
    asking,
    calling_back,
    classes,
    decoding,
    errors,
    handing,
    keeping,
    mirrors,
    texts,
    transfer,
    watching,
    wire,
)
from lecture_lib.grading.encoding import Encoding, encode

ENDING = {"__next__", "__anext__", "send", "throw", "asend", "athrow"}  # by StopIteration
GRACE = 3.0  # seconds that the sandbox gets to stop by itself when its time is over


class SandboxLost(BaseException):
    """The sandbox is gone: killed by a limit, by itself, or for breaking the protocol; the text says which."""


class NoSandbox(BaseException):
    """There is no sandbox to run anything in: nothing can be said about a submission."""


class Link:
    """A running sandbox and everything that both sides refer to by number."""

    def __init__(self, sandbox, hello: dict):
        self.sandbox, self.limit, self.seconds = sandbox, hello["message"], hello["call_seconds"]
        self.mirrors, self.handing, self.keeping = mirrors.Mirrors(self), handing.Handing(self), keeping.Keeping(self)
        self.things: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # stand-ins by number
        self.classes: dict[int, type] = {}
        self.named: dict[tuple, type] = {}  # named tuples, by their names
        self.given: dict[str, type] = {}  # classes of the instructor's set-up, which both sides have
        self.asking, self.texts = asking.Asking(), texts.Texts()
        self.mutated = False  # whether the student's code changed arguments in place, since a test began
        self.follow_mutations = False  # whether the test's own arguments then change as well
        self.late = False  # whether a call took longer than it may, since a test began
        self.seeded: set[str] = set()  # generators that a test has seeded since the last call
        self.patched = dict  # gives what a test has put in the place of names that the student's code uses
        self.called = lambda: None  # is told after each call
        self.watch, self.lock = watching.Watch(sandbox), threading.RLock()
        self.end = math.inf  # monotonic time after which nothing is asked any more
        self._exchange(hello, [], 60.0)

    def begin(self, known: set | None, follow: bool) -> None:
        """A test begins: what earlier ones handed over is forgotten."""
        self.mutated = self.late = False
        self.follow_mutations, self.asking.known, self.asking.noted = follow, known, set()
        self.handing.forget()
        self.keeping.forget()
        self.request({"op": "begin"})

    def request(self, message: dict, out: Encoding | None = None, seconds: float | None = None) -> tuple[dict, list]:
        """Send a request, serve the calls back that it causes, give the answer; StudentError if it says so."""
        with self.lock:  # a test may have threads
            if pushed := self.mirrors.changed():
                self._exchange({"op": "push", "tensors": pushed[0]}, pushed[1], self.seconds + GRACE)
            told = self.keeping.told(message, out := out or self.encoding())
            answer, blobs = self._exchange(told, out.blobs, (seconds or self.seconds) + GRACE)
        errors.warn(self.keeping.warnings)
        if "error" in answer and message["op"] != "run":
            self.late = self.late or errors.is_late(answer["error"])
            ends = {message.get("method"), message.get("attribute")} & ENDING
            raise self.handing.raised(answer["error"], blobs, bool(ends))
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
                    self.keeping.besides(answer, come)
                    if "callback" not in answer:
                        return answer, come
                    wire.send(self.sandbox.writer, *calling_back.serve(self, answer, come))
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

    def encoding(self) -> Encoding:
        given = frozenset(self.given.values())
        known = self.keeping.held.number
        return Encoding(self.limit, self.handing.export, self.mirrors.mark, known=known, given=given)

    def decoding(self, blobs: list) -> decoding.Decoding:
        come = decoding.Decoding(blobs, None, self.mirrors.receive, named=self.named, given=self.given)
        come.hold, come.unusual = self.keeping.hold, self.asking.may_give
        come.resolve = lambda node: self.handing.resolve(node, come)
        return come

    def class_of(self, number: int, depth: int = 0) -> type:
        """What stands for class `number` of the sandbox: described once, then always the same."""
        if number not in self.classes:
            node, _ = self.request({"op": "describe", "o": number})
            self.classes.setdefault(number, classes.build(self, number, node.get("class"), depth))
        return self.classes[number]

    def call(self, number: int, args: tuple, kwargs: dict, method: str = "", attribute: str = ""):
        """Call thing `number` of the sandbox, or a special method of it, or what an attribute of it is."""
        self.mirrors.begin()
        out = self.encoding()
        message = {"op": "call", "o": number, "method": method, "attribute": attribute}
        message["args"] = encode(list(args), out)
        message["kwargs"] = {"t": "dict", "v": [[key, encode(value, out)] for key, value in kwargs.items()]}
        message["patched"] = [[*place, encode(thing, out)] for place, thing in self.patched().items()]
        if self.seeded:
            message["rng"] = encode(transfer.random_states(self.seeded), out)
            self.seeded.clear()
        answer, blobs = self.request(message, out)
        self.keeping.keep(args, kwargs, answer.get("kept"))
        if "mutated" in answer:
            self.mutated = True
            if self.follow_mutations:
                self.keeping.follow([list(args), kwargs], answer["mutated"], blobs)
        value, place = self.value(answer.get("value"), blobs), answer.get("argument")
        self.called()
        return args[place] if self.follow_mutations and place in range(len(args)) else value

    def value(self, node, blobs: list):
        try:
            return decoding.decode(node, self.decoding(blobs))
        except wire.WireError as error:
            raise errors.StudentError(f"gave {error}") from None

    def look(self, names: list[str]) -> dict:
        """The values of the student's names, proxies for what is no plain data; undefined names are missing."""
        answer, blobs = self.request({"op": "look", "names": names})
        found = answer.get("values")
        if not isinstance(found, dict):
            raise wire.WireError("an answer that is none")
        values = {}
        for name in filter(found.__contains__, names):
            if isinstance(found[name], dict) and type(found[name].get("i")) is int:
                self.texts.names.setdefault(found[name]["i"], name)
            try:
                values[name] = self.value(found[name], blobs)
            except errors.StudentError as error:
                values[name] = errors.Broken(name, str(error))
        return values

    def get(self, number: int, name: str):
        answer, blobs = self.request({"op": "get", "o": number, "name": name})
        return self.value(answer.get("value"), blobs)

    def set(self, number: int, name: str, *value) -> None:
        """Set an attribute; without a value, delete it."""
        out = self.encoding()
        self.request({"op": "set", "o": number, "name": name, "value": [encode(one, out) for one in value]}, out)

    def derive(self, name: str, above: list[int], own: dict) -> int:
        """Make a class over there whose methods are ours; its number."""
        out = self.encoding()
        space = [[key, encode(thing, out)] for key, thing in own.items()]
        answer, _ = self.request({"op": "derive", "name": name, "above": above, "space": space}, out)
        return answer["number"]

    def lay(self, files: dict[str, bytes]) -> None:
        """Write files into the folder in which the student's code works."""
        for name, data in files.items():
            out = self.encoding()
            self.request({"op": "lay", "name": name, "data": encode(data, out)}, out)

    def run(self, text: str, seconds: float, given: list[str] = ()) -> dict:
        """Run a cell: {"output": str, "error": dict or missing}. `given` are classes in it that both sides have."""
        self.texts.cells.append(text)
        return self.request({"op": "run", "text": text, "seconds": seconds, "given": list(given)}, seconds=seconds)[0]
