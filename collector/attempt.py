"""The answer of an endpoint for servers, whatever becomes of its work: faults and accidents are answered and counted."""

from __future__ import annotations

from collections.abc import Awaitable

import structlog

from collector import metrics as m
from collector.answers import Answer, Fault, error_answer
from collector.ingest import Tools
from collector.logs import place_of
from collector.wire import Disconnected


async def attempt(tools: Tools, endpoint: str, work: Awaitable[Answer]) -> Answer | None:
    """What `work` answers, or the answer of its fault; None when the client has left."""
    try:
        answer = await work
    except Fault as fault:
        tools.metrics.count(m.REFUSED, fault.code)
        answer = error_answer(fault.code, fault.message, fault.headers, fault.hint)
    except Disconnected:
        return None
    except Exception as error:  # noqa: BLE001  (the last resort: never a traceback to a sender)
        log = structlog.get_logger(f"netiv.{endpoint}")
        log.error("request_failed", error=type(error).__name__, place=place_of(error))
        answer = error_answer("internal_error")
    tools.metrics.count(m.REQUESTS, f"{endpoint} {answer.status}")
    return answer
