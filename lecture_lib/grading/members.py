"""What a student's class holds, as descriptors of the class that stands for it here."""

import dataclasses

from lecture_lib.grading import proxies, signatures

OURS = ("_over_there", "_there", "_special", "_kind", "_label", "_also")


def may(name) -> bool:
    """Whether a member can be had under this name: what decides, and what is ours, is no member."""
    return (
        isinstance(name, str)
        and name.isidentifier()
        and (not name.startswith("__") or name == "__init__")
        and name not in OURS
    )


class Attribute:
    """An attribute that is asked of the sandbox, of an object or of its class."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, thing, kind=None):
        if thing is None:
            link, number = kind._there
            return link.get(number, self.name)
        link, node = proxies.at(thing)
        return link.get(node["i"], self.name)

    def __set__(self, thing, value):
        link, node = proxies.at(thing)
        link.set(node["i"], self.name, value)


class Doc:
    """A docstring: of the class as it was described, of an object as it is asked for."""

    def __init__(self, text: str | None):
        self.text = text

    def __get__(self, thing, kind=None):
        if thing is None:
            return self.text
        text = Attribute("__doc__").__get__(thing)
        return proxies.at(thing)[0].handing.restored(text) if isinstance(text, str) else text


def member(link, number: int, name: str, described):
    """The descriptor of a function or a property of class `number`."""
    if described is None:
        attribute = Attribute(name)
        return property(attribute.__get__, attribute.__set__)

    def method(self, *args, **kwargs):
        own = next((vars(kind)[name] for kind in type(self).__mro__ if name in vars(kind)), None)
        if own is method and hasattr(self, "_over_there"):
            return link.call(proxies.at(self)[1]["i"], args, kwargs, attribute=name)
        return link.call(number, (self, *args), kwargs, attribute=name)  # by super(), or of the class itself

    method.__name__, method.__doc__ = name, str(described.get("doc") or "") or None
    method.__qualname__ = method.described = str(described.get("qualname"))[:200]
    method.link = link
    if isinstance(described.get("parameters"), list):
        method.__signature__ = signatures.make(described["parameters"])
    return method


def dataclass(fields: list) -> dict:
    """What makes a class one that `dataclasses.fields`, `asdict` and `replace` know."""
    made = [(str(name), object, dataclasses.field(init=init is True)) for name, init in fields]
    kind = dataclasses.make_dataclass("fields", made)
    return {name: vars(kind)[name] for name in ("__dataclass_fields__", "__dataclass_params__", "__match_args__")}
