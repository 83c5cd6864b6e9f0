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
from lecture_lib.grading.decoding import Decoding
from lecture_lib.grading.encoding import Encoding
from lecture_lib.grading.wire import WireError

CALLED = types.FunctionType | types.MethodType | types.BuiltinFunctionType | types.LambdaType


class Handing:
    """Everything of ours that the sandbox may refer to by number."""

    def __init__(self, link):
        self.link = link
        self.asked: dict[int, object] = {}  # what is asked here
        self.guests: dict[int, object] = {}  # what has a copy there
        self.raised_here: dict[int, Exception] = {}  # by functions of ours that were called back
        self.failed: AssertionError | None = None  # the first one in a call back, whatever becomes of it over there
        self.docs: dict[str, str] = {}  # by what stands for them over there
        self.numbers = itertools.count()

    def forget(self) -> None:
        """A new test begins; the numbers of an earlier one mean nothing any more."""
        self.asked.clear()
        self.guests.clear()
        self.raised_here.clear()
        self.docs.clear()
        self.failed = None

    def number(self, table: dict, thing) -> int:
        """The number of a thing in a table, where it is from now on if it was not before."""
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
            return self.asked_here(thing)
        number = self.number(self.guests, thing)
        try:
            data = self._pickled(thing)
        except Exception:
            del self.guests[number]
            raise TypeError(f"a test cannot hand a {type(thing).__name__} to a student's function") from None
        return {"t": "guest", "i": number, "data": data, "version": transfer.version(thing, data)}

    def asked_here(self, thing) -> dict:
        """The description of what is asked for its values by calls back: no code, no text, no defaults."""
        function = isinstance(thing, CALLED)
        name = getattr(thing, "__name__", None) or type(thing).__name__
        node = {"t": "asked", "i": self.number(self.asked, thing), "name": name, "function": function}
        if function:
            return node | {"parameters": signatures.describe(thing, defaults=False), "doc": self._doc(thing)}
        return node | {"special": operators.defined(type(thing))}

    def _doc(self, thing) -> str | None:
        """Something in the place of a docstring: whoever wraps a function can take it over, not read it."""
        if not isinstance(thing.__doc__, str):
            return None
        known = {text: mark for mark, text in self.docs.items()}
        found = known.get(thing.__doc__, f"(docstring {len(self.docs)} of a test)")
        self.docs[found] = thing.__doc__
        return found

    def restored(self, text: str) -> str:
        """A docstring of the student's side, with ours in it."""
        for mark, doc in self.docs.items():
            text = text.replace(mark, doc)
        return text

    def _only_here(self, thing) -> bool:
        """Whether its copy would not do: it is changed by its use, or the sandbox lacks its class."""
        return self.is_own(thing if isinstance(thing, type) else type(thing)) or isinstance(
            thing, io.IOBase | unittest.mock.NonCallableMock | collections.abc.Iterator
        )

    def is_own(self, kind: type) -> bool:
        """Whether a test has made a class: no code of the test's goes over."""
        return kind.__module__ == "__main__" and kind not in self.link.given.values()

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

    def caught(self) -> AssertionError | None:
        """A failed assertion of the test's that the student's code, which called it, has caught."""
        allowed = self.failed is None or self.link.asking.may_give("an end to a failed assertion")
        return None if allowed else self.failed

    def raised(self, record, blobs: list, may_end: bool = False) -> BaseException:
        """The exception that a record stands for; one that a function of ours raised is itself again.

        Only what gives the next of several things `may_end` a loop.
        """
        own = self.raised_here.get(record.get("yours")) if isinstance(record, dict) else None
        error = errors.student_error(record, self.link, blobs) if own is None else own
        ends = isinstance(error, StopIteration | StopAsyncIteration) and not may_end
        if ends and not self.link.asking.may_give("the end of a loop"):  # `all(map(f, xs))` would hold
            return errors.stopped(error)
        return error


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
        local = isinstance(thing, types.FunctionType) and "<" in thing.__qualname__
        if local or self.handing.is_own(type(thing)):
            return "asked", self.handing.asked_here(thing)
        return None
