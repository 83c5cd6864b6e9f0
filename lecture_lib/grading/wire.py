"""Messages over a pipe: JSON and raw bytes, with limits on both; never pickle.

A message is a header (`PREFIX`), JSON, and the bytes of its arrays ("blobs"). What plain values look like in them is
the business of `encoding` and `decoding`.
"""

import itertools
import json
import struct

PREFIX = struct.Struct(">4sQI")  # magic, bytes of JSON, number of blobs
MAGIC = b"LLw1"
MOST_BLOBS = 200_000
MOST_PARTS = 5_000_000  # commas and opening brackets of JSON: what it takes up once it is read


class WireError(Exception):
    """What arrived, or was to be sent, is no plain data within the limits."""


def send(stream, message, blobs) -> None:
    """Write one message: JSON and the bytes that it refers to by position."""
    text = json.dumps({"m": message, "b": [len(blob) for blob in blobs]}).encode()
    stream.write(b"".join(itertools.chain([PREFIX.pack(MAGIC, len(text), len(blobs)), text], blobs)))
    stream.flush()


def receive(stream, limit: int):
    """Read one message: (JSON value, blobs). EOFError when the sender is gone, WireError when it is no message."""
    magic, size, count = PREFIX.unpack(_exactly(stream, PREFIX.size))
    if magic != MAGIC or size > limit or count > MOST_BLOBS:
        raise WireError("bytes that are no message, or too many")
    text = _exactly(stream, size)
    if sum(map(text.count, (b",", b"[", b"{"))) > MOST_PARTS:
        raise WireError("a message of too many values")
    try:
        envelope = json.loads(text.decode("ascii"))
        message, sizes = envelope["m"], envelope["b"]
        if type(sizes) is not list or len(sizes) != count or any(type(n) is not int or n < 0 for n in sizes):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WireError("text that is no message") from None
    if sum(sizes) > limit:
        raise WireError(f"more than {limit // 2**20} MiB of data")
    return message, [_exactly(stream, n) for n in sizes]


def _exactly(stream, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = stream.read(min(size - len(data), 2**20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
