"""What tests hand to a student's function besides plain data: by name, and with the random state that they chose."""

import importlib
import random
import sys
import types

FRIENDS = ("torch", "numpy", "math", "builtins", "scipy", "sklearn", "statistics", "lecture_lib", "operator")


def importable(thing) -> tuple[str, str] | None:
    """Module and name under which a well-known library offers exactly this function or class."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if isinstance(thing, types.ModuleType):
        return None
    if module is None and isinstance(thing, types.BuiltinFunctionType) and hasattr(sys.modules.get("torch"), str(name)):
        module = "torch"
    if not isinstance(module, str) or not isinstance(name, str) or module.split(".")[0] not in FRIENDS:
        return None
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return (module, name) if found is thing else None


def random_states(which: set[str]) -> dict:
    """The present states of the named random generators, as plain data."""
    states = {}
    if "random" in which:
        states["random"] = random.getstate()
    if "numpy" in which:
        states["numpy"] = sys.modules["numpy"].random.get_state()
    if "torch" in which:
        states["torch"] = sys.modules["torch"].get_rng_state()
    return states


def version(thing, pickled: str) -> str:
    """What changes when an object does: a copy of it in the sandbox goes on as it is as long as this stays the same."""
    if type(thing).__name__ == "Generator" and hasattr(thing, "get_state"):
        return str(thing.get_state().tolist())  # torch: equal generators may be pickled differently
    return pickled
