"""A trace from the HTTP request to the ClickHouse insert, in memory; and that nothing of it is there when it is off."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from collector_server import WRITE, write_sites
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from collector.app import create_app
from consumers.app import Role, make_loop
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.embedded import open_embedded
from eventlog.embedded import open_embedded_log
from eventlog.tracing import Spans, open_spans
from eventlog.tracing_otel import OtelSpans
from schemas.settings import Settings

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def exporter() -> Iterator[tuple[InMemorySpanExporter, OtelSpans]]:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    spans = OtelSpans(provider)
    yield memory, spans
    spans.close()


def hexed(number: int) -> str:
    return f"{number:032x}"


@pytest.mark.anyio
async def test_from_the_request_to_the_insert(tmp_path: Path, exporter: tuple[InMemorySpanExporter, OtelSpans]) -> None:
    memory, spans = exporter
    settings = Settings(data=tmp_path)
    write_sites(settings)
    log = await open_embedded_log(tmp_path / "log")
    warehouse = await open_embedded(tmp_path / "warehouse")
    try:
        await prepare_tables(warehouse, load())
        transport = httpx2.ASGITransport(app=create_app(settings, log, spans))
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            body = {
                "type": "page",
                "event_id": "e1",
                "visitor_id": "dana@example.com",
                "context": {"url": "https://a.test/"},
            }
            headers = {"Authorization": f"Bearer {WRITE}", "traceparent": SENT}
            answer = await client.post("/v1/events", json=body, headers=headers)
            assert answer.status_code == 202, answer.text
        loop, refresher = make_loop(log, warehouse, load(), settings, Role(spans=spans))
        await refresher.prepare()
        stop = asyncio.Event()
        stop.set()
        await loop.run(stop)
        assert await warehouse.rows("SELECT event_id FROM events") == [("e1",)]
    finally:
        await log.close()
        await warehouse.close()

    finished: dict[str, ReadableSpan] = {span.name: span for span in memory.get_finished_spans()}
    request, append = finished["POST /v1/events"], finished["log append"]
    assert hexed(request.context.trace_id) == SENT.split("-")[1]  # the sender's trace goes on
    assert request.attributes["http.response.status_code"] == 202
    assert append.parent.span_id == request.context.span_id
    loaded, insert = finished["load facts"], finished["clickhouse INSERT INTO events"]
    assert [link.context.trace_id for link in loaded.links] == [request.context.trace_id]
    assert insert.parent.span_id == loaded.context.span_id
    assert insert.attributes["netiv.rows"] == 1
    derived = [
        span for span in memory.get_finished_spans() if span.name.startswith("clickhouse INSERT INTO netiv.sessions")
    ]
    refreshes = {span.context.span_id for span in memory.get_finished_spans() if span.name == "refresh"}
    assert derived
    assert all(span.parent.span_id in refreshes for span in derived)
    told = "\n".join(span.to_json() for span in memory.get_finished_spans())
    assert "dana@example.com" not in told
    assert WRITE not in told


def test_off_nothing_is_loaded_and_the_short_way_is_open(tmp_path: Path) -> None:
    write_sites(Settings(data=tmp_path))
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from collector.app import Collector, create_app; from eventlog.embedded import open_embedded_log\n"
        "from schemas.settings import Settings; import consumers.app\n"
        "async def main():\n"
        "    log = await open_embedded_log(Path(sys.argv[1]) / 'log')\n"
        "    app = create_app(Settings(data=Path(sys.argv[1])), log)\n"
        "    assert isinstance(app, Collector) and app._direct, app\n"
        "    await log.close()\n"
        "asyncio.run(main()); assert not [name for name in sys.modules if name.startswith('opentelemetry.sdk')]"
    )
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[2]
    )


def test_spans_that_are_off_do_nothing() -> None:
    spans = open_spans(Settings(), "x")
    assert type(spans) is Spans
    with spans.span("a", links=["b"], parent="c"):
        spans.note("n", 1)
        assert spans.present() == ""
    spans.close()


@pytest.mark.anyio
async def test_a_batch_links_to_some_of_many(exporter: tuple[InMemorySpanExporter, OtelSpans]) -> None:
    memory, spans = exporter
    traces = [f"00-{number:032x}-00f067aa0ba902b7-01" for number in range(1, 200)]
    with spans.span("batch", links=[*traces, *traces, "", "nonsense"]):
        pass
    assert len(memory.get_finished_spans()[0].links) == 64
