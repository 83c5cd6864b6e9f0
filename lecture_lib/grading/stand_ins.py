"""Which stand-in a description from the sandbox asks for, and which of the sandbox's things a stand-in stands for."""

from lecture_lib.grading import classes, errors, nets, proxies


def number(thing, link) -> int | None:
    """The sandbox's number of a stand-in; None for anything else."""
    if isinstance(thing, classes.Mirror):
        owner, found = thing._there
    else:
        try:
            owner, node = proxies.at(thing)
        except AttributeError:
            return None
        found = node["i"]
    if owner is not link:
        raise errors.StudentError("belongs to a run of your notebook that has been stopped")
    return found


def make(link, node: dict):
    """The stand-in for what a description stands for: the same one for the same thing, as long as anybody has it."""
    if type(node["i"]) is not int:
        raise ValueError
    if node["kind"] == "class":
        return link.class_of(node["i"])
    thing = link.things.get(node["i"])
    if thing is None:
        thing = link.things[node["i"]] = _new(link, node)
    elif hasattr(thing, "_over_there"):
        object.__setattr__(thing, "_over_there", (link, node))
    return thing


async def _awaited(link, number: int):
    return link.call(number, (), {}, "__await__")


def _new(link, node: dict):
    if node["kind"] == "function":
        return proxies.Function(link, node)
    if node["kind"] == "coroutine":
        return _awaited(link, node["i"])
    kind = link.class_of(node["c"])
    if not isinstance(kind, classes.Mirror):
        raise ValueError
    if issubclass(kind, nets.Net):
        thing = object.__new__(kind)
        nets.Net.__init__(thing, link, node)
        return thing
    if issubclass(kind, errors.Error):
        thing = Exception.__new__(kind)
        object.__setattr__(thing, "_over_there", (link, node | {"text": str(node["text"])}))
        arguments = node["args"] if isinstance(node["args"], list) else [node["text"]]
        errors.fill(thing, [str(argument) if isinstance(argument, dict) else argument for argument in arguments])
        return thing
    thing = object.__new__(kind)
    object.__setattr__(thing, "_over_there", (link, node))
    return thing
