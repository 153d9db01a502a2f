"""Ports: refuse early, by name, what a server would refuse late with a traceback."""

from __future__ import annotations

import errno
import socket

from netiv.errors import CommandError


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
    """A free port by the operating system."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
