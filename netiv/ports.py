"""Ports: refuse early, by name, what a server would refuse late with a traceback."""

from __future__ import annotations

import errno
import random
import socket

from netiv.errors import CommandError

_QUIET_PORTS = range(20_000, 32_000)


def require_free(host: str, port: int, option: str) -> None:
    """Raise when nobody can listen on `host:port`; `option` is how the user gives another one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _refusal(error, host, port, option) from None
        except (OverflowError, UnicodeError):
            raise CommandError(f"{host}:{port} is not an address.", "Check --host and the port.", code=2) from None


def _refusal(error: OSError, host: str, port: int, option: str) -> CommandError:
    if error.errno == errno.EADDRINUSE:
        return CommandError(
            f"Port {port} on {host} is already in use.",
            f"Stop what listens there (another `netiv up`?), or choose another port with {option}.",
        )
    if error.errno == errno.EACCES:
        return CommandError(f"Port {port} needs special rights.", f"Choose a port over 1023 with {option}.")
    return CommandError(f"Can't listen on {host}:{port}: {error.strerror or error}.", "Check --host.")


def choose(host: str) -> int:
    """A free port that stays free until it is used: below the range from which systems take ports for outgoing
    connections (32768 on Linux, 49152 by RFC 6335), where another program's connection takes it between two looks."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in random.SystemRandom().sample(_QUIET_PORTS, 200):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise _refusal(error, host, port, "--port") from None
            return port
    raise CommandError(f"No free port on {host}.", "Give one with --port.")
