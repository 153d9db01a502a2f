"""Sends parcels through the real endpoints, over a few keep-alive connections, and counts what the collector said."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from urllib.parse import quote

import msgspec

from netiv.demo.parcels import Parcel, pixel_query
from netiv.errors import CommandError
from netiv.http import Answer, Client

CONNECTIONS = 6


class Keys(msgspec.Struct, frozen=True):
    """The keys of the demo's site, as they are sent."""

    write_key: str
    secret_key: str


class Counts(msgspec.Struct):
    """What the collector answered."""

    requests: int = 0
    events: int = 0
    duplicates: int = 0
    rejected: list[str] = []


class Sender:
    """Sends to one collector."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._url = url
        self._keys = keys
        self._local = threading.local()
        self._clients: list[Client] = []

    def send(self, parcels: Sequence[Parcel], report: Callable[[int], None]) -> Counts:
        """Send all of them; `report` is told the events of each. Raises at the first parcel that is refused."""
        counts = Counts()
        with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="demo") as pool:
            work = {pool.submit(self._send, parcel): parcel for parcel in parcels}
            try:
                for done in as_completed(work):
                    _count(counts, work[done], done.result())
                    report(len(work[done].events))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        for client in self._clients:
            client.close()
        return counts

    def _send(self, parcel: Parcel) -> Answer:
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = Client(self._url)
            self._clients.append(client)
        key = self._keys.secret_key if parcel.secret else self._keys.write_key
        headers = {"User-Agent": parcel.user_agent, "Accept-Language": "he-IL,he;q=0.9,en;q=0.8"}
        if parcel.form == "pixel":
            answer = client.patient(
                "GET", f"/p.gif?write_key={quote(key)}&{pixel_query(parcel.events[0])}", headers=headers
            )
        else:
            headers |= {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            body = msgspec.json.encode(parcel.events[0] if parcel.form == "single" else {"events": parcel.events})
            if parcel.form == "gzip":
                body = gzip.compress(body, 6, mtime=0)
                headers["Content-Encoding"] = "gzip"
            answer = client.patient("POST", "/v1/events", body, headers)
        if answer.status not in {200, 202}:
            raise refused(answer)
        return answer


def refused(answer: Answer) -> CommandError:
    """What to tell a user when the collector refuses."""
    text = answer.body.decode("utf-8", "replace")[:300]
    if answer.status == 401:
        return CommandError(
            f"The collector does not know the demo's key (401): {text}",
            "Run `netiv demo` where NETIV_DATA is the stack's data folder, or give --write-key and --secret-key.",
        )
    return CommandError(f"The collector answered {answer.status}: {text}", "See its log, and `netiv doctor`.")


def _count(counts: Counts, parcel: Parcel, answer: Answer) -> None:
    counts.requests += 1
    counts.events += len(parcel.events)
    if parcel.form == "pixel":
        return
    verdict = answer.json()
    counts.duplicates += int(verdict.get("duplicates", 0))
    counts.rejected += [f"{item['code']} {item.get('pointer', '')}" for item in verdict.get("rejected", [])]
