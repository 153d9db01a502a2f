"""The configuration of small brokers: KRaft, broker and controller in one process, quick to notice a lost peer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec


class Node(msgspec.Struct, frozen=True):
    """One broker's place in the world."""

    number: int
    port: int
    controller_port: int
    advertised_port: int = 0
    """What clients are told, when something stands in between; 0 = the port itself."""


def properties(node: Node, nodes: list[Node], data: Path, changes: Mapping[str, str] | None = None) -> str:
    """server.properties of one of the nodes; `changes` win."""
    copies = min(3, len(nodes))
    values = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": ",".join(f"{n.number}@127.0.0.1:{n.controller_port}" for n in nodes),
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.advertised_port or node.port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": 1,
        # Small and quick: a developer's machine, not a cluster.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1_000,
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 3_000,
        "controller.quorum.election.timeout.ms": 500,
        "controller.quorum.fetch.timeout.ms": 1_500,
        "controller.quorum.request.timeout.ms": 1_500,
        "replica.lag.time.max.ms": 4_000,
        "num.network.threads": 2,
        "num.io.threads": 3,
        "background.threads": 2,
        "log.cleaner.dedupe.buffer.size": 4 * 1024**2,
        "metadata.log.segment.bytes": 8 * 1024**2,
    }
    return "".join(f"{name}={value}\n" for name, value in {**values, **(changes or {})}.items())
