"""A bad event, patched, as the records it would have been: at its own time, of its own sender. Pure."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from collector.accept import Sender, Verdict, judge, refuse
from collector.bounds import suspect
from collector.costs import DIALECT as COSTS
from collector.costs import record_of
from collector.dialects.catalogue import DIALECTS
from collector.dialects.contract import Request
from collector.statements import statements_of
from eventlog.contract import Record
from netiv.replaying.patch import Operation, PatchFailed, apply
from schemas.record import Bad, encode, key_of
from schemas.rejection import Rejection

_WHO = frozenset({"visitor_id", "user_id", "email", "phone", "identifiers"})
_BY_NAME = {dialect.name: dialect for dialect in DIALECTS}


class Replayed(msgspec.Struct, frozen=True):
    """What a bad event became: records for the log, and why some of it is bad still."""

    records: list[Record] = []
    rejections: list[Rejection] = []


def replayed(bad: Bad, position: str, operations: list[Operation]) -> Replayed:
    """A bad event after the patch. An event without an id is named by its place in the log, so that a second replay is the
    same event."""
    try:
        payload = _patched(bad.payload, operations)
    except PatchFailed as error:
        return Replayed(rejections=[Rejection("undecodable", "", str(error))])
    if bad.dialect == COSTS:
        statements = statements_of(payload, bad.site, bad.received_at)
        if isinstance(statements, Rejection):
            return Replayed(rejections=[statements])
        return Replayed([record_of(one) for one in statements])
    verdicts = _verdicts(bad, payload, position)
    return Replayed(
        [Record(key_of(one.record.site, one.subject), encode(one.record)) for one in verdicts if one.rejection is None],
        [one.rejection for one in verdicts if one.rejection is not None],
    )


def _verdicts(bad: Bad, payload: bytes, position: str) -> list[Verdict]:
    sender = Sender(
        bad.site,
        bad.secret,
        bad.received_at,
        bad.ip,
        bad.user_agent,
        bad.language,
        bad.visitor_id,
        "",
        bad.sent_at,
        bad.dialect,
    )
    pieces = _canonical(bad.dialect, payload)
    if isinstance(pieces, Rejection):
        return [refuse(payload, sender, pieces)]
    return [
        judge(_with_address(raw, bad), sender, suspect(raw), partial(_id_of, position, number))
        for number, raw in enumerate(pieces)
    ]


def _id_of(position: str, number: int) -> str:
    return f"replay-{position}-{number}" if number else f"replay-{position}"


def _patched(payload: bytes, operations: list[Operation]) -> bytes:
    if not operations:
        return payload
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if operations[0].op in ("add", "replace") and operations[0].path == "":
            document = None  # a patch that gives the whole document mends what is no JSON
        else:
            raise PatchFailed("the payload is no JSON") from None
    return msgspec.json.encode(apply(document, operations))


def _canonical(dialect: str, payload: bytes) -> list[bytes] | Rejection:
    """A canonical event as it stands; a message of a foreign client decoded."""
    known = _BY_NAME.get(dialect)
    if known is None:
        return [payload]
    try:
        document: Any = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = None
    if isinstance(document, dict) and _WHO & document.keys():
        return [payload]
    path = "/v1/batch" if dialect == "segment" else min(known.paths, default="/v1.0/0/events")
    decoded = known.decode(Request("POST", path, b"", {}, payload))
    if decoded.refused:
        return decoded.refused[0].rejection
    return [msgspec.json.encode(item.event) for item in decoded.items]


def _with_address(raw: bytes, bad: Bad) -> bytes:
    """A server's event lost its address and kept the anonymised one beside it: it goes back where it is read from."""
    if not (bad.secret and bad.ip):
        return raw
    try:
        event = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return raw
    if isinstance(event, dict) and isinstance(event.get("context", {}), dict):
        event["context"] = {**event.get("context", {}), "ip": bad.ip}
    return msgspec.json.encode(event)
