"""The student's side, inside the sandbox: runs cells and answers calls that come over a pipe.

Everything here shares a process with the student's code and may be changed by it. That is harmless: this side only ever
supplies values, as the student's functions do anyway; what they are worth is decided on the other side, in `bridge`.
"""

import contextlib
import os
import pathlib
import sys
import warnings

from lecture_lib import checks
from lecture_lib.grading import (
    answering,
    describing,
    handles,
    limits,
    operators,
    randomness,
    replacing,
    shell,
    visitors,
    watching,
    wire,
)
from lecture_lib.grading.decoding import decode
from lecture_lib.grading.encoding import Encoding, contents, encode


class Worker:
    """A shell with the student's names, and the pipe."""

    def __init__(self, reader, writer, hello: dict):
        self.reader, self.writer, self.limit = reader, writer, hello["message"]
        self.pid, self.output, self.warned = os.getpid(), shell.Captured(hello["output"]), []
        self.shell = shell.start(self.output, self.warned)
        self.handles = handles.Handles(self.call_back)
        self.names = replacing.Replacing(self.shell.user_ns)
        self.seconds, self.answers = hello["call_seconds"], answering.Answers(self.handles, hello)
        randomness.seed(hello["seed"])
        checks.enforced = True  # whoever forked us may have switched it off
        checks.forbid(*hello["forbidden"])

    def serve(self) -> object:
        """Answer requests until the pipe ends, or until the value of a call to the other side returns."""
        while True:
            message, blobs = wire.receive(self.reader, self.limit)
            come = self.handles.decoding(blobs)
            self.handles.visitors.lend(message.get("lent", []), message.get("held", []), come)
            if message["op"] == "return":
                return self.returned(message, come)
            operation = getattr(self, f"do_{message['op']}")
            try:
                answer, out = operation(message, come)
            except BaseException as error:
                self.forked()
                answer, out = self.answers.failed(error)
            self.forked()
            self.send(answer, out)

    def send(self, answer: dict, out: Encoding | None) -> None:
        """Send an answer or a call, with what else the other side must know."""
        out = out or self.answers.encoding()
        try:
            answer["changed"] = self.handles.changed(out)
            answer["lent"] = self.handles.visitors.changed(out)
            answer["held"] = [[number, contents(thing, out)] for number, thing in self.handles.visitors.held.changed()]
        except Exception:
            answer["changed"] = answer["lent"] = answer["held"] = []
        if "output" not in answer:
            answer["printed"] = self.output.take()
        answer["warned"], self.warned[:] = self.warned[:100], []
        wire.send(self.writer, answer, out.blobs)

    def forked(self) -> None:
        """A child that a cell forked must not go on here as a second worker."""
        if os.getpid() != self.pid:
            os._exit(0)

    def do_begin(self, message, come):
        self.handles.visitors.forget()
        return {}, None

    def do_lay(self, message, come):
        path = pathlib.Path(message["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(decode(message["data"], come))
        return {}, None

    def do_run(self, message, come):
        self.names.replace([])
        error = shell.run(self.shell, message["text"], message["seconds"])
        answer, out = self.answers.failed(error) if error is not None else ({}, None)
        sys.stdout, sys.stderr = self.output, self.output.errors_stream
        found = {name: self.shell.user_ns.get(name) for name in message["given"]}
        self.handles.given |= {kind: name for name, kind in found.items() if isinstance(kind, type)}
        return answer | {"output": "".join(text for _, text in self.output.take())}, out

    def do_look(self, message, come):
        """The values of names; those that are not defined are left out."""
        self.names.replace([])
        out, found = self.answers.encoding(), {}
        for name in message["names"]:
            if name in self.shell.user_ns:
                try:
                    found[name] = encode(self.shell.user_ns[name], out)
                except wire.WireError as error:
                    found[name], out.nodes = {"t": "bad", "v": str(error)}, 0
        return {"values": found}, out

    def do_describe(self, message, come):
        kind = self.handles.things[message["o"]]
        return {"class": describing.kind(kind, self.handles.number, self.handles.given)}, None

    def do_call(self, message, come):
        if "rng" in message:
            randomness.restore(decode(message["rng"], come))
        thing, method, name = self.handles.things[message["o"]], message["method"], message["attribute"]
        args, kwargs = decode(message["args"], come), decode(message["kwargs"], come)
        self.names.replace([[*place, decode(node, come)] for *place, node in message["patched"]])
        before = self.handles.snapshot(args, kwargs)  # of copies: the originals are out of reach
        with watching.limited(self.seconds), warnings.catch_warnings():
            if method:
                value = operators.ALL[method](thing, *args)
            else:
                value = (getattr(thing, name) if name else thing)(*args, **kwargs)
        answer, out = self.answers.result(value)
        answer["argument"] = next((place for place, one in enumerate(args) if one is value), None)
        answer["kept"] = self.handles.visitors.keep(args, kwargs)
        if before is not None and self.handles.snapshot(args, kwargs) != before:
            out.mark, out.hold = handles.with_gradient, None
            answer["mutated"] = encode([args, kwargs], out)
        return answer, out

    def do_get(self, message, come):
        with watching.limited(self.seconds):
            value = getattr(self.handles.things[message["o"]], message["name"])
            value = dict(value) if message["name"] == "__dict__" else value
        return self.answers.result(value)

    def do_set(self, message, come):
        value = [decode(node, come) for node in message["value"]]
        (setattr if value else delattr)(self.handles.things[message["o"]], message["name"], *value)
        return {}, None

    def do_derive(self, message, come):
        return {"number": self.handles.derive(message["name"], message["above"], message["space"], come)}, None

    def do_push(self, message, come):
        self.handles.overwrite(message["tensors"], come)
        return {}, None

    def do_backward(self, message, come):
        with watching.limited(self.seconds):
            grads = decode(message["grads"], come)
            return self.answers.result(
                self.handles.backward(message["root"], grads, message["inputs"], message["again"])
            )

    def call_back(self, number: int, what: str | None, args, kwargs):
        """Do something with a thing of the other side; gives the value or raises what it raised."""
        inputs = []

        def mark(tensor, node, out):
            inputs.extend([tensor] if tensor.requires_grad else [])
            return self.handles.mark(tensor, node, out)

        out = self.answers.encoding(mark)
        message = {"callback": number, "what": what, "args": encode(list(args), out)}
        message["kwargs"] = {"t": "dict", "v": [[key, encode(value, out)] for key, value in kwargs.items()]}
        self.send(message, out)
        outer, self.handles.visitors.inputs = self.handles.visitors.inputs, inputs
        try:
            return self.serve()
        finally:
            self.handles.visitors.inputs = outer

    def returned(self, message, come):
        if "error" in message:
            raise visitors.error(message["error"])
        return decode(message["value"], come)


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
