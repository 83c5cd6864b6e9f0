"""Lists, dictionaries and sets that both sides have a copy of: the latest ones, by number. Both sides use this.

In one process a list that an object keeps and one that a test holds may be the same list. Here a change of either
copy is told to the other side; whether it is followed there is decided there.
"""

import collections

MOST = 50  # containers that are remembered
LARGEST = 10_000  # elements of one that is looked at
KINDS = (list, dict, set)


class Held:
    """The containers, with what was in them when the other side last knew."""

    def __init__(self):
        self.known: collections.OrderedDict[int, list] = collections.OrderedDict()  # number: [container, content]

    def add(self, number: int, thing) -> None:
        """Remember a container, whose content the other side knows."""
        if type(thing) in KINDS and len(thing) <= LARGEST:
            self.known[number] = [thing, _content(thing)]
            while len(self.known) > MOST:
                self.known.popitem(last=False)

    def number(self, thing) -> int | None:
        """The number of a container."""
        return next((number for number, (other, _) in self.known.items() if other is thing), None)

    def changed(self) -> list[tuple]:
        """(number, container) of those that have changed since the other side was told."""
        found = []
        for number, entry in self.known.items():
            now = _content(entry[0])
            if len(now) != len(entry[1]) or any(a is not b for a, b in zip(now, entry[1], strict=True)):
                entry[1] = now
                found.append((number, entry[0]))
        return found

    def follow(self, number: int, content) -> None:
        """Give a container the content that its copy has got over there."""
        thing, _ = self.known.get(number, (None, None))
        if thing is None or type(content) is not type(thing):
            return
        if isinstance(thing, list):
            thing[:] = content
        else:
            thing.clear()
            thing.update(content)
        self.known[number][1] = _content(thing)


def _content(thing) -> list:
    return [part for pair in list(thing.items()) for part in pair] if isinstance(thing, dict) else list(thing)
