"""Stand-ins for a student's classes: real classes here, whose instances are stand-ins for instances over there."""

import abc
import builtins
import enum
import sys
import types

from lecture_lib.grading import decoding, errors, members, nets, operators, proxies, signatures
from lecture_lib.grading.wire import WireError

DATA = (int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
DEEPEST = 30  # classes above a class
MOST = 2_000  # classes, and members of one
# Libraries' classes that may be among the bases, so that isinstance holds and a library can work with the object. Their
# own code asks for attributes only; that of others might decide comparisons.
BASES = ("torch.utils.data.", "torch.distributions.", "torch.optim.", "collections.abc", "abc")


class Mirror(abc.ABCMeta):
    """The class of such classes. Calling one makes an instance over there."""

    def __init__(cls, name: str, bases: tuple, space: dict):
        super().__init__(name, bases, space)
        if "_there" not in space:
            _derive(cls, name, bases, space)

    def mro(cls) -> list[type]:
        """With a class at the end that counts as a base but whose metaclass does not go together with this one."""
        return [*super().mro()[:-1], *vars(cls).get("_also", ()), object]

    def __call__(cls, *args, **kwargs):
        link, number = cls._there
        return link.call(number, args, kwargs)

    def __getattr__(cls, name: str):
        if name.startswith("_abc") or name in members.OURS or (name.startswith("__") and name not in proxies.READABLE):
            raise AttributeError(name)
        link, number = cls._there
        return link.get(number, name)

    def __setattr__(cls, name: str, value) -> None:
        if name.startswith(("_abc", "__")) or name in members.OURS:
            super().__setattr__(name, value)
        else:
            link, number = cls._there
            link.set(number, name, value)

    def __bool__(cls) -> bool:
        return True

    for _method in ("__iter__", "__len__", "__getitem__", "__contains__"):  # as classes of enumerations have
        locals()[_method] = lambda cls, *args, _method=_method: cls._there[0].call(cls._there[1], args, {}, _method)


def _derive(cls: Mirror, name: str, bases: tuple, space: dict) -> None:
    """Make the counterpart of a class that a test derives from a student's: its methods are called back."""
    link = next(base._there[0] for base in bases if isinstance(base, Mirror))
    above = [base._there[1] for base in bases if isinstance(base, Mirror)]
    own = {key: thing for key, thing in space.items() if isinstance(thing, types.FunctionType) or key[0] != "_"}
    cls._there, cls._label = (link, link.derive(name, above, own)), name
    cls._special = cls._special | (own.keys() & operators.ALL.keys())
    link.classes[cls._there[1]] = cls


def build(link, number: int, node, depth: int) -> type:
    """The class that a description from the sandbox stands for."""
    if depth > DEEPEST or len(link.classes) >= MOST:
        raise WireError("too many classes, or classes above classes without end")
    try:
        return _built(link, number, node, depth)
    except Exception as error:  # any, as code of the instructor's classes may run
        raise WireError(f"a class that is none ({type(error).__name__})") from None


def _built(link, number: int, node: dict, depth: int) -> type:
    if node.get("given") in link.given:
        return link.given[node["given"]]
    if node.get("named"):
        return decoding.named(str(node["named"][0]), [*map(str, node["named"][1])], link.named)
    bases = [link.class_of(base, depth + 1) for base in node["bases"][:DEEPEST] if type(base) is int]
    root, error = _root(node)
    extra = [base for base in bases if not isinstance(base, Mirror)]
    extra += [base for base in map(_of_library, node["libraries"][:DEEPEST]) if base][:1]
    mirrors = [base for base in bases if isinstance(base, Mirror)]
    also = [base for base in map(loaded, node["libraries"][:DEEPEST]) if base in (enum.Flag, enum.Enum)][:1]
    space = _space(link, number, node, [*extra, *also]) | {"_also": tuple(also)}
    ends = [error] if error and not any(issubclass(base, Exception) for base in bases) else []
    for some in ([*extra, *ends], ends):  # where the libraries' do not go together, without
        try:
            made = Mirror(_name(node["name"]), (*(mirrors or [root]), *some), space)
        except TypeError:
            continue
        made.__abstractmethods__ = frozenset(map(str, node["abstract"]))
        return made
    raise WireError("a class that is none")


def _root(node: dict) -> tuple[type, type | None]:
    if node["net"] is True:
        return nets.Net, None
    kind = getattr(builtins, str(node["error"]), None) if node["error"] else None
    kind = kind if isinstance(kind, type) and issubclass(kind, Exception) else Exception
    return (errors.Error, kind) if node["error"] else (proxies.Thing, None)


def _name(name) -> str:
    return name if isinstance(name, str) and name.isidentifier() else "Thing"


def loaded(place) -> type | None:
    """The class of a library at [module, qualified name], if it is loaded here."""
    module, name = map(str, place)
    if (module, name) == ("builtins", "generator"):
        return types.GeneratorType
    found = sys.modules.get(module)
    for part in name.split("."):
        found = vars(found).get(part) if found is not None and hasattr(found, "__dict__") else None
    return found if isinstance(found, type) and not name.startswith("_") else None


def _of_library(place) -> type | None:
    return loaded(place) if f"{place[0]}.".startswith(BASES) else None


def _space(link, number: int, node: dict, extra: list[type]) -> dict:
    """The namespace of a class: special methods, and those attributes that others among the bases would hide."""
    special = frozenset(name for name in node["special"] if name in operators.ALL or name == "__call__")
    space = {"__module__": "__main__", "__doc__": members.Doc(str(node["doc"] or "") or None), "_there": (link, number)}
    space |= {"_special": special, "_label": str(node["label"])[:100], "_kind": _claimed(node)}
    space |= {name: proxies.value(name) for name in special & operators.VALUES.keys()}
    if "__call__" in special:
        space["__call__"] = lambda self, *args, **kwargs: link.call(proxies.at(self)[1]["i"], args, kwargs)
    space |= {name: members.Attribute(name) for base in extra for name in dir(base) if not name.startswith("__")}
    shown = {name: described for name, described in node["members"][:MOST] if members.may(name)}
    space |= {name: members.member(link, number, name, described) for name, described in shown.items()}
    if isinstance(node["parameters"], list):
        space["__signature__"] = signatures.make(node["parameters"])
    if isinstance(node["fields"], list):
        space |= members.dataclass(node["fields"][:MOST])
    return space | {"__dict__": property(lambda self: dict(link.get(proxies.at(self)[1]["i"], "__dict__")))}


def _claimed(node: dict) -> type | None:
    """What an object says it is of: a library's class, or one of its own name that builds on a class of data."""
    kinds = [kind for kind in map(loaded, node["libraries"][:DEEPEST]) if kind]
    data = tuple(filter(None, (*DATA, *map(loaded, (("torch", "Tensor"), ("numpy", "ndarray"), ("numpy", "generic"))))))
    if node["own"]:
        base = next((kind for kind in kinds if kind in DATA), None)
        return base and type(_name(node["name"]), (base,), {})
    return kinds[0] if kinds and not issubclass(kinds[0], data) else None
