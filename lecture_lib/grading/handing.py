"""What tests hand to a student's code besides plain data, and what of it comes back.

By number: the student's own things. By name: what libraries offer. As a copy that is kept and known again: networks,
optimizers, generators, instances of classes of the set-up. To be asked here, by calls back: functions, iterators,
streams, mocks and instances of classes that the test itself defines.
"""

import base64
import collections.abc
import io
import itertools
import pickle
import types
import unittest.mock

from torch import nn

from lecture_lib.grading import errors, operators, signatures, stand_ins, transfer
from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding, encode
from lecture_lib.grading.wire import WireError

CALLED = types.FunctionType | types.MethodType | types.BuiltinFunctionType | types.LambdaType
MOCK = frozenset(dir(unittest.mock.Mock()))  # what would tell a mock, or be told by it, how it is used


class Handing:
    """Everything of ours that the sandbox may refer to by number."""

    def __init__(self, link):
        self.link = link
        self.asked: dict[int, object] = {}  # what is asked here
        self.guests: dict[int, object] = {}  # what has a copy there
        self.raised_here: dict[int, Exception] = {}
        self.numbers = itertools.count()

    def forget(self) -> None:
        """A new test begins; the numbers of an earlier one mean nothing any more."""
        self.asked.clear()
        self.guests.clear()
        self.raised_here.clear()

    def _number(self, table: dict, thing) -> int:
        found = next((number for number, other in table.items() if other is thing), None)
        if found is None:
            found = next(self.numbers)
            table[found] = thing
        return found

    def export(self, thing, out: Encoding) -> dict:
        """The description of an argument that is no plain data."""
        if (number := stand_ins.number(thing, self.link)) is not None:
            return {"t": "mine", "i": number}
        if (name := transfer.importable(thing)) is not None:
            return {"t": "import", "module": name[0], "name": name[1]}
        if isinstance(thing, types.TracebackType):
            return {"t": "tuple", "v": []}
        if isinstance(thing, CALLED) or self._only_here(thing):
            return self._asked_here(thing)
        number = self._number(self.guests, thing)
        try:
            data = self._pickled(thing)
        except Exception:
            del self.guests[number]
            raise TypeError(f"a test cannot hand a {type(thing).__name__} to a student's function") from None
        return {"t": "guest", "i": number, "data": data, "version": transfer.version(thing, data)}

    def _asked_here(self, thing) -> dict:
        function = isinstance(thing, CALLED)
        name = getattr(thing, "__name__", None) or type(thing).__name__
        node = {"t": "asked", "i": self._number(self.asked, thing), "name": name, "function": function}
        if function:
            return node | {"parameters": signatures.describe(thing), "doc": str(thing.__doc__ or "")[:1000]}
        return node | {"special": operators.defined(type(thing))}

    def _only_here(self, thing) -> bool:
        """Whether its copy would not do: it is changed by its use, or the sandbox lacks its class."""
        kind = thing if isinstance(thing, type) else type(thing)
        own = kind.__module__ == "__main__" and kind not in self.link.given.values()
        return own or isinstance(thing, io.IOBase | unittest.mock.NonCallableMock | collections.abc.Iterator)

    def _pickled(self, thing) -> str:
        file = io.BytesIO()
        _Pickler(file, self).dump(thing)
        return base64.b64encode(file.getvalue()).decode()

    def resolve(self, node: dict, come: Decoding):
        """What a description stands for: a stand-in, or one of our own things coming back."""
        if node["t"] == "handle":
            return stand_ins.make(self.link, node)
        if node["t"] == "yours":
            return self.asked[node["i"]]
        if node["t"] == "guest":
            return self._guest(self.guests[node["i"]], come.objects[node["k"]] if "k" in node else None)
        if node["t"] == "bad":
            raise errors.StudentError(f"is too much or no data: {str(node['v'])[:200]}")
        raise WireError(f"a {str(node['t'])[:50]!r} that is none")

    def _guest(self, ours, copy):
        """An object of ours that comes back: itself, unless its copy has become another."""
        if copy is None or self.link.follow_mutations or self._alike(ours, copy):
            return ours
        return copy

    def _alike(self, ours, copy) -> bool:
        try:
            return self._pickled(ours) == self._pickled(copy)
        except Exception:
            return False

    def call_back(self, message: dict, blobs: list) -> tuple[dict, list]:
        """Do on the sandbox's behalf what can be done with a thing that a test handed over, and with no other."""
        out = self.link.encoding()
        try:
            come, what = self.link.decoding(blobs), message.get("what")
            with self.link.mirrors.tracing():
                args, kwargs = decode(message["args"], come), decode(message["kwargs"], come)
                thing = None if what == "backward" else self.asked[message["callback"]]
                value = (
                    self.link.mirrors.own_backward(*args) if what == "backward" else self._do(thing, what, args, kwargs)
                )
                answer = {"op": "return", "value": encode(value, out)}
        except (Exception, WireError) as error:
            answer, out = {"op": "return", "error": self._described(error)}, self.link.encoding()
        return self.link.keeping.told(answer, out), out.blobs

    def _do(self, thing, what, args: list, kwargs: dict):
        if what is None:
            return thing(*args, **kwargs)
        if what in operators.ALL:
            return operators.ALL[what](thing, *args)
        mock = isinstance(thing, unittest.mock.NonCallableMock)
        if what not in ("get", "set") or args[0].startswith("_") or (mock and (args[0] in MOCK or what == "set")):
            raise AttributeError(f"{args[0]!r} of what the test handed over cannot be used")
        value = getattr(thing, args[0]) if what == "get" else setattr(thing, *args)
        if what == "get" and not callable(value) and not self.link.asking.may_read(thing, args[0]):
            raise AttributeError(f"{args[0]!r} of what the test handed over cannot be read")
        return value

    def _described(self, error: BaseException) -> dict:
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        number = self._number(self.raised_here, error)
        return {
            "name": type(error).__name__,
            "builtin": kinds[0] if kinds else "Exception",
            "text": str(error)[:500],
            "yours": number,
        }

    def raised(self, record, blobs: list) -> BaseException:
        """The exception that a record stands for; one that a function of ours raised is itself again."""
        own = self.raised_here.get(record.get("yours")) if isinstance(record, dict) else None
        return errors.student_error(record, self.link, blobs) if own is None else own


class _Pickler(pickle.Pickler):
    """Refers to parameters and to the student's own things by number, so that copies share them."""

    def __init__(self, file, handing: Handing):
        super().__init__(file)
        self.link, self.handing = handing.link, handing

    def persistent_id(self, thing):
        if isinstance(thing, nn.Parameter):
            number = self.link.mirrors.number(thing)
            return ("lent", self.link.mirrors.loans.number(thing)) if number is None else ("mine", number)
        if (number := stand_ins.number(thing, self.link)) is not None:
            return "mine", number
        if isinstance(thing, types.FunctionType) and "<" in thing.__qualname__:
            return ("asked", self.handing._asked_here(thing)["i"], thing.__name__)
        return None
