"""A bad event, patched, as the records it would have been: at its own time, of its own sender. Pure."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from collector.accept import Sender, Verdict, judge, refuse
from collector.bounds import suspect
from collector.costs import DIALECT as COSTS
from collector.costs import record_of
from collector.foreign_judging import as_relayed, derived_visitor
from collector.statements import statements_of
from eventlog.contract import Record
from netiv.replaying.foreign import BY_NAME, document_of, is_canonical, request_of
from netiv.replaying.patch import Operation, PatchFailed, apply
from schemas.decoding import DECODE_ERRORS
from schemas.record import Bad, encode, key_of
from schemas.rejection import Rejection
from schemas.sites import Site


class Replayed(msgspec.Struct, frozen=True):
    """What a bad event became: records for the log, and why some of it is bad still."""

    records: list[Record] = []
    rejections: list[Rejection] = []


def replayed(bad: Bad, position: str, operations: list[Operation], site: Site | None = None) -> Replayed:
    """A bad event after the patch. An event without an id is named by its place in the log, so that a second replay is the
    same event. `site` is needed to name the visitors of clients that keep no id."""
    try:
        payload = _patched(bad, operations)
    except PatchFailed as error:
        return Replayed(rejections=[Rejection("undecodable", "", str(error))])
    if bad.dialect == COSTS:
        statements = statements_of(payload, bad.site, bad.received_at, "" if site is None else site.currency)
        if isinstance(statements, Rejection):
            return Replayed(rejections=[statements])
        return Replayed([record_of(one) for one in statements])
    verdicts = _verdicts(bad, payload, position, site)
    return Replayed(
        [Record(key_of(one.record.site, one.subject), encode(one.record)) for one in verdicts if one.rejection is None],
        [one.rejection for one in verdicts if one.rejection is not None],
    )


def _verdicts(bad: Bad, payload: bytes, position: str, site: Site | None) -> list[Verdict]:
    sender = Sender(
        site or Site(bad.site),
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
    if is_canonical(payload, bad.dialect):
        raw = _with_address(payload, bad)
        return [judge(raw, sender, suspect(raw), partial(_id_of, position, 0))]
    decoded = BY_NAME[bad.dialect].decode(request_of(payload, bad.dialect))
    verdicts = [refuse(one.payload, sender, one.rejection) for one in decoded.refused]
    for number, item in enumerate(decoded.items):
        event, from_whom = item.event, as_relayed(sender, item.event)
        if BY_NAME[bad.dialect].cookieless and event.get("visitor_id") is None and site is not None and not bad.secret:
            event = {**event, "visitor_id": derived_visitor(event, site, from_whom)}
        raw = _with_address(msgspec.json.encode(event), bad)
        verdicts.append(judge(raw, from_whom, suspect(raw), partial(_id_of, position, number)))
    return verdicts or [refuse(payload, sender, Rejection("empty_batch", "", "no events in it"))]


def _id_of(position: str, number: int) -> str:
    return f"replay-{position}-{number}" if number else f"replay-{position}"


def _patched(bad: Bad, operations: list[Operation]) -> bytes:
    if not operations:
        return bad.payload
    try:
        document: Any = document_of(bad.payload, bad.dialect)
    except ValueError as error:
        if operations[0].op in ("add", "replace") and operations[0].path == "":
            document = None  # a patch that gives the whole document mends what is no JSON
        else:
            raise PatchFailed(str(error)) from None
    return msgspec.json.encode(apply(document, operations))


def _with_address(raw: bytes, bad: Bad) -> bytes:
    """A server's event lost its address and kept the anonymised one beside it: it goes back where it is read from."""
    if not (bad.secret and bad.ip):
        return raw
    try:
        event = msgspec.json.decode(raw)
    except DECODE_ERRORS:
        return raw
    if isinstance(event, dict) and isinstance(event.get("context", {}), dict):
        event["context"] = {**event.get("context", {}), "ip": bad.ip}
    return msgspec.json.encode(event)
