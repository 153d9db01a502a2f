"""Commits and marks of groups that this process is no member of, as ordinary committed offsets of the brokers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import NoError, for_code
from aiokafka.protocol.api import Request
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest

from eventlog.kafka.faults import patiently
from eventlog.kafka.topic import Topic


class Progress:
    """Reads and writes offsets at the groups' coordinators."""

    def __init__(self, client: AIOKafkaClient, topic: Topic) -> None:
        self._client = client
        self._topic = topic
        self._coordinators: dict[str, int] = {}

    async def read(self, group: str) -> dict[int, int]:
        """Every partition's next offset by the group's last commit (0 = none yet)."""
        request = OffsetFetchRequest(group, [(self._topic.name, list(range(self._topic.partitions)))])
        answer = await patiently(lambda: self._ask(group, request))
        found = {partition: offset for _, partitions in answer.topics for partition, offset, *_ in partitions}
        return {partition: max(0, found.get(partition, 0)) for partition in range(self._topic.partitions)}

    async def write(self, group: str, offsets: Mapping[int, int]) -> None:
        """Set a group's offsets as given. The brokers refuse while the group has members."""
        places = [(partition, offset, "") for partition, offset in offsets.items()]
        request = OffsetCommitRequest(
            group, OffsetCommitRequest.DEFAULT_GENERATION_ID, "", -1, [(self._topic.name, places)]
        )
        await patiently(lambda: self._ask(group, request))

    async def _ask(self, group: str, request: Request[Any]) -> Any:
        node = self._coordinators.get(group)
        if node is None:
            node = await self._client.coordinator_lookup(CoordinationType.GROUP, group)
            self._coordinators[group] = node
        try:
            answer = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
            _require_success(answer)
        except BaseException:
            self._coordinators.pop(group, None)
            raise
        return answer


def _require_success(answer: Any) -> None:
    for _, partitions in answer.topics:
        for *_, code in partitions:
            if for_code(code) is not NoError:
                raise for_code(code)
