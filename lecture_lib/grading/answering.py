"""The student's side: values and exceptions on their way to the other side."""

from lecture_lib.grading import bare, shell, watching, wire
from lecture_lib.grading.encoding import Encoding, encode


class Unsendable(BaseException):
    """What a student's code gave cannot cross the pipe; it has not raised an exception."""


class Answers:
    """How they are written, for one worker."""

    def __init__(self, handles, hello: dict):
        self.handles, self.limit, self.seconds = handles, hello["message"], hello["call_seconds"]
        self.named = frozenset(hello.get("names", ()))  # what the exercises ask for, by name

    def encoding(self, mark=None, hold=None) -> Encoding:
        mark, given = mark or self.handles.mark, self.handles.given
        plain = lambda value: None if type(value) in given else bare.plain(value, self.named)  # noqa: E731
        return Encoding(self.limit, self.handles.export, mark, hold=hold, given=given, plain=plain)

    def result(self, value) -> tuple[dict, Encoding]:
        out = self.encoding(hold=self.handles.visitors.hold)
        with watching.limited(self.seconds):
            try:
                return {"value": encode(value, out)}, out
            except wire.WireError as error:
                raise Unsendable(str(error)) from None

    def failed(self, error: BaseException) -> tuple[dict, Encoding]:
        """What is said of an exception; as far as it goes, with the exception itself."""
        record, out = shell.describe(error), self.encoding()
        try:
            if type(error).__module__ == "__main__" and isinstance(error, Exception):
                record["value"] = encode(error, out)
            record["args"] = encode(list(error.args), out)
            if type(error).__module__ not in ("__main__", "builtins"):
                record["state"] = encode({name: v for name, v in vars(error).items() if isinstance(v, str | int)}, out)
        except BaseException:
            record.pop("value", None)
            out = self.encoding()
        return {"error": record}, out
