"""The student's side, inside the sandbox: runs cells and answers calls that come over a pipe.

Everything here shares a process with the student's code and may be changed by it. That is harmless: this side only ever
supplies values, as the student's functions do anyway; what they are worth is decided on the other side, in `bridge`.
"""

import contextlib
import importlib
import os
import random
import sys

from lecture_lib import checks
from lecture_lib.grading import limits, shell, watching, wire
from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding, encode
from lecture_lib.grading.handles import Handles


class Unsendable(BaseException):
    """What a student's code gave cannot cross the pipe; it has not raised an exception."""


class Worker:
    """A shell with the student's names, and the pipe."""

    def __init__(self, reader, writer, hello: dict):
        self.reader, self.writer, self.limit = reader, writer, hello["message"]
        self.pid = os.getpid()
        self.output = shell.Captured(hello["output"])
        self.shell = shell.start(self.output)
        self.handles = Handles(self.call_back)
        self.seconds = hello["call_seconds"]
        _seed(hello["seed"])
        checks.enforced = True  # whoever forked us may have switched it off
        checks.forbid(*hello["forbidden"])

    def serve(self) -> object:
        """Answer requests until the pipe ends, or until the value of a call to the other side returns."""
        while True:
            message, blobs = wire.receive(self.reader, self.limit)
            if message["op"] == "return":
                return self.returned(message, blobs)
            operation = getattr(self, f"do_{message['op']}")
            try:
                answer, out = operation(message, Decoding(blobs, self.handles.resolve, self.handles.leaf))
            except BaseException as error:
                self.forked()
                answer, out = {"error": shell.describe(error)}, None
            self.forked()
            self.answer(answer, out)

    def answer(self, answer: dict, out: Encoding | None) -> None:
        out = out or self.encoding()
        try:
            answer["changed"] = self.handles.changed(out)
        except Exception:
            answer["changed"] = []
        wire.send(self.writer, answer, out.blobs)

    def forked(self) -> None:
        """A child that a cell forked must not go on here as a second worker."""
        if os.getpid() != self.pid:
            os._exit(0)

    def encoding(self) -> Encoding:
        return Encoding(self.limit, self.handles.export, self.handles.mark)

    def result(self, value) -> tuple[dict, Encoding]:
        out = self.encoding()
        with watching.limited(self.seconds):
            try:
                return {"value": encode(value, out)}, out
            except wire.WireError as error:
                raise Unsendable(str(error)) from None

    def do_run(self, message, come):
        error = shell.run(self.shell, message["text"], message["seconds"])
        answer = {"error": shell.describe(error)} if error is not None else {}
        sys.stdout = sys.stderr = self.output
        return answer | {"output": self.output.take()}, None

    def do_look(self, message, come):
        """The values of names; those that are not defined are left out."""
        out, found = self.encoding(), {}
        for name in message["names"]:
            if name in self.shell.user_ns:
                try:
                    found[name] = encode(self.shell.user_ns[name], out)
                except wire.WireError as error:
                    found[name], out.nodes = {"t": "bad", "v": str(error)}, 0
        return {"values": found}, out

    def do_call(self, message, come):
        if "rng" in message:
            _restore(decode(message["rng"], come))
        function = self.handles.things[message["o"]]
        args, kwargs = decode(message["args"], come), decode(message["kwargs"], come)
        before = self.handles.snapshot(args, kwargs)  # of copies: the originals are out of reach
        with watching.limited(self.seconds):
            value = _special(function, message["method"], args) if message.get("method") else function(*args, **kwargs)
        answer, out = self.result(value)
        if before is not None and self.handles.snapshot(args, kwargs) != before:
            answer["mutated"] = encode([args, kwargs], out)
        return answer, out

    def do_get(self, message, come):
        with watching.limited(self.seconds):
            value = getattr(self.handles.things[message["o"]], message["name"])
        return self.result(value)

    def do_set(self, message, come):
        setattr(self.handles.things[message["o"]], message["name"], decode(message["value"], come))
        return {}, None

    def do_push(self, message, come):
        self.handles.overwrite(message["tensors"], come)
        return {}, None

    def do_backward(self, message, come):
        with watching.limited(self.seconds):
            grads = decode(message["grads"], come)
            return self.result(self.handles.backward(message["roots"], grads, message["inputs"]))

    def call_back(self, number: int, args, kwargs):
        """Call a function of the other side, by its number; gives its value or raises what it raised."""
        out = self.encoding()
        message = {"callback": number, "args": encode(args, out), "kwargs": encode(kwargs, out)}
        wire.send(self.writer, message, out.blobs)
        return self.serve()

    def returned(self, message, blobs):
        if "error" in message:
            raise RuntimeError(message["error"])
        return decode(message["value"], Decoding(blobs, self.handles.resolve, self.handles.leaf))


def _special(thing, method: str, args):
    return getattr(type(thing), method)(thing, *args)


def _seed(seed: int) -> None:
    random.seed(seed)
    for module, call in (("numpy", "numpy.random.seed"), ("torch", "torch.manual_seed")):
        with contextlib.suppress(ImportError):
            target = importlib.import_module(module)
            for part in call.split(".")[1:]:
                target = getattr(target, part)
            target(seed % 2**32)


def _restore(states: dict) -> None:
    """Set the random states that a test chose by seeding."""
    if "random" in states:
        version, numbers, gauss = states["random"]
        random.setstate((version, tuple(numbers), gauss))
    if "numpy" in states:
        sys.modules["numpy"].random.set_state(tuple(states["numpy"]))
    if "torch" in states:
        sys.modules["torch"].set_rng_state(states["torch"])


def main() -> None:
    """Serve requests on the two descriptors named on the command line, until the pipe ends."""
    descriptors = [int(text) for text in sys.argv[1:3]]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    reader, writer = os.fdopen(descriptors[0], "rb"), os.fdopen(descriptors[1], "wb")
    hello, _ = wire.receive(reader, 2**24)
    limits.apply(hello["limits"])
    worker = Worker(reader, writer, hello)
    wire.send(writer, {"ready": True}, [])
    with contextlib.suppress(EOFError, BrokenPipeError):
        worker.serve()


if __name__ == "__main__":
    main()
