"""The Kafka backend of the `Log` contract: one topic, any number of writers and of readers per group."""

from eventlog.kafka.log import KafkaLog, open_kafka_log
from eventlog.kafka.topic import ensure_topic

__all__ = ["KafkaLog", "ensure_topic", "open_kafka_log"]
