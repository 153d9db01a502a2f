"""`netiv up` as a process tree: restarts what dies, drains in order, leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from simulation.stack import Stack, encode, run

from netiv.http import Client

LIMIT_S = 60.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    running = Stack(tmp_path)
    yield running
    running.kill()


def roles(stack: Stack) -> dict[str, psutil.Process]:
    """The living children by their role."""
    found: dict[str, psutil.Process] = {}
    for child in psutil.Process(stack.process.pid).children():
        with contextlib.suppress(psutil.Error):  # it ended while we looked
            command = child.cmdline()
            if command[2:3] == ["netiv"]:
                found[command[-1]] = child
    return found


def family(stack: Stack) -> list[psutil.Process]:
    return psutil.Process(stack.process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def answers(stack: Stack) -> bool:
    client = Client(stack.url, timeout_s=5)
    try:
        return client.request("GET", "/healthz").status == 200
    except OSError:
        return False
    finally:
        client.close()


def send(stack: Stack, name: str) -> None:
    client = Client(stack.url)
    headers = {"Authorization": f"Bearer {stack.welcome['write_key']}", "Content-Type": "application/json"}
    events = [{"type": "page", "visitor_id": name, "event_id": f"{name}{number}"} for number in range(5)]
    assert client.patient("POST", "/v1/events", encode(events), headers).status == 202
    client.close()


def test_it_comes_up_with_a_first_site_and_stops_clean(stack: Stack) -> None:
    assert set(roles(stack)) == {"collector", "consumers"}
    assert stack.welcome["site"] == "default"
    assert stack.process.pid == stack.welcome["pid"]
    send(stack, "v")
    children = family(stack)
    assert stack.stop() == 0
    assert gone(children)
    assert "Traceback" not in stack.errors.read_text()
    # What was accepted just before the end is in the tables of the next start: nobody's event waits for luck.
    again = Stack(stack.folder)
    try:
        assert "write_key" not in again.welcome, "keys are shown once"
        again.wait_derived()
        warehouse = again.warehouse()
        assert int(warehouse.query("SELECT events FROM v_sessions WHERE visitor_id = 'v'").rows[0][0]) == 5
        warehouse.close()
    finally:
        again.kill()


def test_keys_of_a_start_that_failed_are_not_lost(tmp_path: Path) -> None:
    rules = tmp_path / "data" / "rules" / "sessions.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text("gap_minutes: none\n")
    failed = run(tmp_path, "up", "--port", "0", "--clickhouse-port", "0")
    assert (failed.returncode, "consumers stopped while starting" in failed.stderr) == (1, True), failed.stderr
    rules.unlink()
    with Stack(tmp_path) as stack:
        assert stack.welcome["site"] == "default"
        send(stack, "v")


def test_what_was_sent_is_not_for_other_users_of_the_machine(stack: Stack) -> None:
    send(stack, "v")
    data = stack.folder / "data"
    for path in (data, data / "log", data / "warehouse"):
        assert path.stat().st_mode & 0o077 == 0, path
    stack.netiv("doctor")
    data.chmod(0o755)
    (data / "log").chmod(0o755)  # as former versions made it
    told = json.loads(stack.netiv("doctor", "--json").stdout)
    assert {"check": "data folder", "state": "warn"}.items() <= next(
        one for one in told if "other users" in one["detail"]
    ).items()


def test_a_query_that_the_engine_does_not_interrupt_holds_up_no_stop(stack: Stack) -> None:
    send(stack, "v")
    sql = b"SELECT sum(editDistance(materialize(repeat('a', 60000)), repeat('b', 60000))) FROM numbers(1000)"
    host, _, port = stack.welcome["clickhouse"].removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as reader:
        reader.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(sql), sql))
        consumers = roles(stack)["consumers"]
        before = consumers.cpu_times().user
        until(lambda: consumers.cpu_times().user > before + 3, "the engine at work")
        assert stack.stop() == 0
    told = stack.errors.read_text()
    assert "queries_left_behind" in told
    assert "did not stop" not in told
    again = Stack(stack.folder)
    try:
        again.wait_derived()
    finally:
        again.kill()


@pytest.mark.parametrize("role", ["collector", "consumers"])
def test_a_child_that_dies_is_started_again(stack: Stack, role: str) -> None:
    victim = roles(stack)[role]
    victim.kill()
    until(lambda: (now := roles(stack).get(role)) is not None and now.pid != victim.pid, f"another {role}")
    until(lambda: answers(stack), "answers again")
    send(stack, "after")
    stack.wait_derived()
    said = stack.errors.read_text()
    assert f"{role} stopped (killed by SIGKILL)" in said
    assert f"{role} started again" in said


def test_killing_the_supervisor_takes_everything_down(stack: Stack) -> None:
    children = family(stack)
    assert len(children) >= 2
    stack.process.kill()
    stack.process.wait()
    until(lambda: gone(children), "children of a killed supervisor end")
    again = Stack(stack.folder)  # the folder and its locks are free
    assert again.stop() == 0


def test_a_second_ctrl_c_stops_at_once(stack: Stack) -> None:
    children = family(stack)
    roles(stack)["collector"].suspend()  # it can't drain now
    stack.process.send_signal(signal.SIGINT)
    until(lambda: "Stopping" in stack.errors.read_text(), "it says that it drains")
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(LIMIT_S) == 1
    until(lambda: gone(children), "nothing is left")


def test_sigterm_drains_too(stack: Stack) -> None:
    send(stack, "v")
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(LIMIT_S) == 0
