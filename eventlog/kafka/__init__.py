"""The Kafka backend of the `Log` contract: one topic, any number of writers and of readers per group."""

import logging

from eventlog.kafka.log import KafkaLog, open_kafka_log
from eventlog.kafka.topic import ensure_topic

# The client writes of whatever it tries again, in words of its own; what it can't mend comes to callers as `LogError`.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

__all__ = ["KafkaLog", "ensure_topic", "open_kafka_log"]
