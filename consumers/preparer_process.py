"""A process beside the consumer, of a `Preparer`: batches come in on standard input, loads go out on standard output, one for one.

It ends when its input does, so it never outlives the consumer. A frame is its length (8 bytes, little-endian), then
MessagePack.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import signal
import sys
from typing import IO, Final

import msgspec

from consumers.warehouse import frames
from eventlog.contract import Stored

_HEAD_BYTES: Final = 8
_QUIET_S: Final = 0.5


class Request(msgspec.Struct, array_like=True):
    """A batch; and the packed fingerprints of erased events, where they are others than before."""

    records: list[Stored]
    erased: bytes | None = None


def write_frame(pipe: IO[bytes], body: bytes) -> None:
    """One frame."""
    pipe.write(len(body).to_bytes(_HEAD_BYTES, "little"))
    pipe.write(body)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> bytes:
    """The next frame's body. Raises `EOFError` when there is none, or half of one."""
    head = pipe.read(_HEAD_BYTES)
    wanted = int.from_bytes(head, "little")
    body = pipe.read(wanted) if len(head) == _HEAD_BYTES else b""
    if len(head) != _HEAD_BYTES or len(body) != wanted:
        raise EOFError("the pipe was closed")
    return body


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer every batch with its load, until there are no more."""
    from consumers.identity.erased import Fingerprints
    from consumers.lookups import make_lookups
    from consumers.preparer import prepare

    lookups, erased = make_lookups(), Fingerprints()
    decode = msgspec.msgpack.Decoder(Request).decode
    encode = msgspec.msgpack.Encoder().encode
    gc.disable()  # nothing here has cycles, and batches of many small objects make it look again and again
    while True:
        if not select.select([source], [], [], _QUIET_S)[0]:
            give_back()
        try:
            request = decode(read_frame(source))
        except EOFError:
            return
        if request.erased is not None:
            erased = Fingerprints(request.erased)
        write_frame(sink, encode(prepare(request.records, lookups, erased)))
        del request  # as large as all that is made of it


def give_back() -> None:
    """Return what is free to the machine: between batches, while the engine is at its largest. (Of other C libraries than GNU's there
    is none to ask.)"""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def main() -> None:
    """Serve on the standard streams; whatever a library prints goes to standard error."""
    frames.do_without()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the consumer is told, and closes the input
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):  # the consumer is gone
        serve(sys.stdin.buffer, sink)
    os._exit(0)  # whoever waits for the end need not wait until everything is taken apart


if __name__ == "__main__":
    main()
