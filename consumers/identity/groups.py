"""Groups of identifiers that are one: the connected parts of a set of edges, each named after its smallest member. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=tuple[str, ...])


def groups_of(edges: Iterable[tuple[Node, Node]]) -> Mapping[Node, Node]:
    """Member -> smallest member of its group."""
    parents: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for one, other in edges:
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    return {node: root(node) for node in parents}


def larger_than(most: int, groups: Mapping[Node, Node]) -> set[Node]:
    """The smallest members of those groups that have more members."""
    return {smallest for smallest, size in Counter(groups.values()).items() if size > most}
