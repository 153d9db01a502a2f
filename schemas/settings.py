"""All settings, read once at a composition root: environment `NETIV_*`, then `netiv.toml`, then these defaults.

Every field works on a laptop as it stands. `docs/settings.md` is generated from the descriptions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from schemas.address import Address, address_of
from schemas.sites import FILE_NAME

_PATH: Final = r"^(/[A-Za-z0-9._~-]{1,60}){0,4}$"


class Settings(BaseSettings):
    """One frozen object; hand it down, never read the environment again."""

    model_config = SettingsConfigDict(env_prefix="NETIV_", toml_file="netiv.toml", frozen=True, extra="forbid")

    data: Path = Field(Path("data"), description="Folder of the embedded parts: log, tables, sites.")
    host: str = Field("127.0.0.1", description="Address the collector listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the collector.")
    clickhouse_port: int = Field(8123, ge=0, le=65535, description="Port of the embedded engine's HTTP interface.")
    workers: int = Field(1, ge=1, le=64, description="Collector processes.")
    url: str = Field(
        "",
        description="Where commands find a running stack, with `path_prefix` or without; empty = at `host` and `port`.",
    )
    kafka: str = Field("", description="Kafka bootstrap servers; empty = the embedded log.")
    kafka_topic: str = Field(
        "netiv.events", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="Kafka topic of the events."
    )
    kafka_partitions: int = Field(12, ge=1, le=65_535, description="Partitions of the topic when it is made.")
    kafka_replication: int = Field(
        -1, ge=-1, le=9, description="Copies of the topic when it is made; -1 = the brokers' default."
    )
    kafka_compression: Literal["lz4", "zstd", "gzip", "none"] = Field(
        "zstd", description="Compression of Kafka batches. (The client takes five times as long for lz4.)"
    )
    kafka_session_timeout_s: float = Field(
        10.0, ge=1, le=300, description="A consumer that is silent for so long is dead: others take its partitions."
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to Kafka."
    )
    kafka_ca_file: Path | None = Field(
        None, description="Certificates that vouch for the brokers; empty = the system's."
    )
    kafka_certificate_file: Path | None = Field(None, description="Client certificate for Kafka (PEM).")
    kafka_key_file: Path | None = Field(None, description="Its key (PEM).")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism for Kafka."
    )
    kafka_user: str = Field("", description="SASL user for Kafka.")
    kafka_password: str = Field("", repr=False, description="Its password.")
    consumer: str = Field(
        "", description="Name of this consumer among several; empty = the machine's name and a number."
    )
    consumer_metrics_port: int = Field(
        0, ge=0, le=65_535, description="Port where a consumer answers Prometheus on `/metrics`; 0 = it doesn't."
    )
    tracing: bool = Field(
        False, description="OpenTelemetry traces (extra `tracing`); OTEL_EXPORTER_OTLP_ENDPOINT says where they go."
    )
    spool_after_s: float = Field(
        2.0, gt=0, le=60, description="Kafka not answering for so long: events go to the local spool."
    )
    spool_bytes_max: int = Field(
        5 * 1024**3, gt=0, description="Size of one collector process's spool at which it answers 503."
    )
    clickhouse: str = Field(
        "",
        description="URL of a ClickHouse server, also with `user:password@` (%-encoded) and a proxy's path; without a port 8123, "
        "with https 8443; empty = the embedded engine.",
    )
    cluster: str = Field(
        "",
        pattern=r"^\w*$",
        description="ClickHouse cluster (of `remote_servers`) to spread tables over; empty = one server.",
    )
    database: str = Field("netiv", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="ClickHouse database.")
    sites: Path | None = Field(None, description="The sites file; empty = `sites.json` in the data folder.")
    rules: Path | None = Field(
        None, description="Your own rule files; empty = `rules` in the data folder, where it exists."
    )
    path_prefix: str = Field(
        "", pattern=_PATH, description="Path prefix of every endpoint, for first-party paths (`/nv`)."
    )
    requests_per_minute_max: int = Field(
        0,
        ge=0,
        description="Requests a minute from one address (with write keys, for each worker) before it gets 429; 0 = any.",
    )
    requests_in_flight_max: int = Field(
        1_024, ge=1, description="Ingest requests of one worker that may wait for the log; more get 503."
    )
    alias: str = Field(
        "",
        pattern=_PATH,
        description="Second path of script, events and pixel under short names that no blocking list knows (`/n`); "
        "empty = none.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="CIDRs whose X-Forwarded-For is believed: `'[\"10.0.0.0/8\"]'`."
    )
    log_partitions: int = Field(1, ge=1, le=256, description="Partitions of the embedded log (fixed when it is made).")
    log_age_max_s: float = Field(7 * 86_400, gt=0, description="How long the log keeps records that were derived.")
    log_bytes_max: int = Field(20 * 1024**3, gt=0, description="Size of the log at which it is full.")
    batch_records_max: int = Field(
        20_000,
        ge=1,
        le=50_000,
        description="Events in one insert; twenty times as many share one refresh under backlog.",
    )
    batch_bytes_max: int = Field(64 * 1024**2, ge=1024, description="Bytes of one read from the log, about at most.")
    engine_memory_mib: int = Field(
        1300,
        ge=1000,
        le=1024**2,
        description="What the embedded engine may take, in MiB; one query seven tenths of it, one of a reader's a quarter.",
    )
    clickhouse_user: str = Field(
        "", description="User for remote readers of the embedded engine, or of the server where its URL names none."
    )
    clickhouse_password: str = Field("", repr=False, description="Its password, unless it stands in the URL.")

    @field_validator("alias", "path_prefix", mode="before")
    @classmethod
    def _begins_with_a_slash(cls, value: object) -> object:
        """What the pattern would say of it, in words."""
        if isinstance(value, str) and value and not value.startswith("/"):
            raise PydanticCustomError("path", "begins with a slash: /{value}", {"value": value})
        return value

    @property
    def own_machine_only(self) -> bool:
        """Whether the collector listens where nobody else can ask."""
        return self.host in ("127.0.0.1", "localhost", "::1")

    @property
    def reachable_host(self) -> str:
        """How what listens on `host` is reached from this machine, ready for a URL."""
        if self.host in {"", "0.0.0.0"}:  # noqa: S104 - a comparison, nothing is bound
            return "127.0.0.1"
        if self.host == "::":
            return "[::1]"
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def warehouse_url(self) -> str:
        """Where the warehouse answers over HTTP: the server, or the embedded engine's port here."""
        return self.clickhouse.rstrip("/") or f"http://{self.reachable_host}:{self.clickhouse_port}"

    @property
    def warehouse_address(self) -> Address:
        """The same, taken apart, and who asks there. Raises `ValueError`."""
        return address_of(self.warehouse_url, self.clickhouse_user, self.clickhouse_password)

    @property
    def sites_file(self) -> Path:
        """Where sites and keys are kept."""
        return self.sites or self.data / FILE_NAME

    @property
    def rules_folder(self) -> Path:
        """Where own rule files are kept; a file that is not there is the shipped one."""
        return self.rules or self.data / "rules"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then `netiv.toml`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
