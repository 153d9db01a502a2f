"""Deployment files, checked offline: linted, validated against Kubernetes' schemas, names compared with the product's."""

from __future__ import annotations

import configparser
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from collector.metrics import CATALOGUE, SECONDS_NAME
from consumers.metrics import CATALOGUE as CONSUMER_CATALOGUE
from schemas.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
MANIFESTS = sorted(path for path in BASE.glob("*.yaml") if path.name != "kustomization.yaml")
SETTINGS = {f"NETIV_{name.upper()}" for name in Settings.model_fields}
OTHERS = {"NETIV_BI_PASSWORD"}  # of the ClickHouse user for reports, not of the product
EXPRESSION_WORDS = {
    "sum", "by", "rate", "max", "histogram_quantile", "le", "predict_linear", "deriv", "increase", "and", "up", "job",
    "code", "site", "dialect", "answer", "endpoint", "part", "instance", "min",
}  # fmt: skip


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text("utf-8")) if document]


def metric_names() -> set[str]:
    names = {f"{SECONDS_NAME}{suffix}" for suffix in ("_bucket", "_count", "_sum")}
    both = [*CATALOGUE, *CONSUMER_CATALOGUE]
    return names | {metric.name + ("_total" if metric.kind == "counter" else "") for metric in both}


def test_the_dockerfile_is_clean() -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), str(DEPLOY / "docker" / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_images_are_what_they_promise() -> None:
    text = (DEPLOY / "docker" / "Dockerfile").read_text()
    stages = {match[2]: match[0] for match in re.finditer(r"FROM (\S+) AS (\S+)\n(?:(?!FROM ).*\n?)*", text)}
    for name in ("collector", "consumers", "all"):
        assert "USER 10001" in stages[name]
        assert "HEALTHCHECK" in stages[name]
    assert "embedded" not in stages["build"]
    assert "--from=build " in stages["collector"] + stages["consumers"]
    copied = re.findall(r"^COPY (\w+)/ ", text, re.MULTILINE)
    assert all((DEPLOY.parent / folder).is_dir() for folder in copied)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_valid(path: Path) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, "1.34", strict=True)


def test_overlays_patch_what_is_there() -> None:
    known = {(one["kind"], one["metadata"]["name"]) for path in MANIFESTS for one in documents(path)}
    for overlay in sorted((DEPLOY / "kubernetes" / "overlays").iterdir()):
        (kustomization,) = documents(overlay / "kustomization.yaml")
        for resource in kustomization["resources"]:
            assert (overlay / resource / "kustomization.yaml").exists()
        for patch in kustomization.get("patches", []):
            (document,) = documents(overlay / patch["path"])
            assert (document["kind"], document["metadata"]["name"]) in known
    (base,) = documents(BASE / "kustomization.yaml")
    assert {BASE / name for name in base["resources"]} == set(MANIFESTS)


def pods() -> list[tuple[str, dict[str, Any]]]:
    kinds = {"StatefulSet", "Deployment", "Job"}
    found = [one for path in MANIFESTS for one in documents(path) if one["kind"] in kinds]
    return [(one["metadata"]["name"], one["spec"]["template"]["spec"]) for one in found]


@pytest.mark.parametrize(("name", "spec"), pods(), ids=lambda value: value if isinstance(value, str) else "")
def test_pods_are_locked_down(name: str, spec: dict[str, Any]) -> None:
    assert spec["securityContext"]["runAsNonRoot"], name
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"]["drop"] == ["ALL"]
        assert "memory" in container["resources"]["limits"]


def test_every_setting_that_is_named_exists() -> None:
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file():
            named = set(re.findall(r"\bNETIV_[A-Z_]+\b", path.read_text("utf-8")))
            assert named <= SETTINGS | OTHERS, path


def test_compose_is_consistent() -> None:
    (compose,) = documents(DEPLOY / "compose" / "compose.yaml")
    services = compose["services"]
    for name, service in services.items():
        for dependency in service.get("depends_on", []):
            assert dependency in services, (name, dependency)
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / "compose" / source).exists(), source
            else:
                assert source in compose["volumes"], source
    # A change of sites replaces the file, which a mount of the file alone would not show.
    for name in ("collector-1", "collector-2"):
        folder = Path(services[name]["environment"]["NETIV_SITES"]).parent
        assert f"sites:{folder}" in services[name]["volumes"]
        assert f"-o netiv {folder}" in (DEPLOY / "docker" / "Dockerfile").read_text()
    for name, service in services.items():
        assert "memory" in service["deploy"]["resources"]["limits"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    ours = [service for service in services.values() if str(service["image"]).startswith("netiv")]
    assert len(ours) == 5
    assert all(service["read_only"] for service in ours)
    names = [service["environment"].get("NETIV_CONSUMER") for name, service in services.items() if "consumers-" in name]
    assert len(set(names)) == len(names) == 2


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").iterdir()), ids=lambda path: path.name)
def test_units_parse_and_drain(path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path)
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["KillSignal"] == "SIGTERM"
    assert int(unit["Service"]["TimeoutStopSec"]) >= 20
    assert unit["Service"]["ExecStart"].split()[1] in {"up", "collector", "consumers"}
    assert unit["Service"]["ProtectSystem"] == "strict"
    assert unit["Service"]["StateDirectoryMode"] == "0700"
    for locked in ("NoNewPrivileges", "RestrictNamespaces", "ProtectKernelModules", "LockPersonality"):
        assert unit["Service"][locked] == "true", locked
    assert unit["Service"]["StateDirectory"] in unit["Service"]["Environment"]


def expressions() -> list[str]:
    (alerts,) = documents(DEPLOY / "prometheus" / "alerts.yml")
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    board = json.loads((DEPLOY / "grafana" / "operations.json").read_text())
    return rules + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("expression", expressions())
def test_expressions_use_metrics_that_exist(expression: str) -> None:
    depth = list(itertools.accumulate({"(": 1, ")": -1}.get(sign, 0) for sign in expression))
    assert min(depth) >= 0 == depth[-1]
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\b\d[\d.e]*\b', " ", expression)
    words = set(re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*", bare))
    assert words - EXPRESSION_WORDS <= metric_names()
    assert words & (metric_names() | {"up"})


def test_alerts_cover_what_matters_and_say_what_to_do() -> None:
    (alerts,) = documents(DEPLOY / "prometheus" / "alerts.yml")
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
    everything = " ".join(rule["expr"] for rule in rules)
    for name in (
        "netiv_requests_refused",
        "netiv_spool_age",
        "netiv_lag_seconds",
        "netiv_events_rejected",
        "up{",
        "netiv_consumer_waiting",
        "netiv_warehouse_up",
    ):
        assert name in everything


def test_provisioning_names_the_data_sources_of_the_dashboards() -> None:
    (sources,) = documents(DEPLOY / "compose" / "grafana" / "datasources.yml")
    known = {source["uid"] for source in sources["datasources"]}
    for path in (DEPLOY / "grafana").glob("*.json"):
        board = json.loads(path.read_text())
        assert {panel["datasource"]["uid"] for panel in board["panels"]} <= known
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
