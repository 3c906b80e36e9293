"""The Kubernetes base against the code it runs: modules, ports, probes, drain times, secrets and settings exist."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.endpoints import Endpoints
from dev.home import SERVICES
from dev.processes import process_table
from dev.settings import DEFAULT_PORTS, STORE_URLS

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "k8s/base"
Manifest = dict[str, Any]


def documents() -> Iterator[tuple[Path, Manifest]]:
    """Every Kubernetes object below k8s/base, kustomizations and shared patches left out."""
    for path in sorted(BASE.rglob("*.yaml")):
        if path.name in {"kustomization.yaml", "pod-defaults.yaml", "job-defaults.yaml"}:
            continue
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            yield path, document


OBJECTS = list(documents())
WORKLOADS = [document for _, document in OBJECTS if document["kind"] in {"Deployment", "Job"}]
DEPLOYMENTS = [document for document in WORKLOADS if document["kind"] == "Deployment"]
SETTINGS = next(document for _, document in OBJECTS if document["kind"] == "ConfigMap")["data"]


def name_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def container(manifest: Manifest) -> Manifest:
    (only,) = manifest["spec"]["template"]["spec"]["containers"]
    return dict(only)


@pytest.mark.parametrize("manifest", WORKLOADS, ids=name_of)
def test_command_runs_a_module_that_exists(manifest: Manifest) -> None:
    python, flag, module = container(manifest)["command"]
    assert (python, flag) == ("python", "-m")
    assert importlib.util.find_spec(module) is not None, module


@pytest.mark.parametrize("manifest", DEPLOYMENTS, ids=name_of)
def test_probes_reach_the_port_that_the_process_listens_on(manifest: Manifest) -> None:
    main = container(manifest)
    (listen,) = [entry["value"] for entry in main["env"] if entry["name"].endswith("LISTEN")]
    port = int(listen.rsplit(":", 1)[1])
    named = {entry["name"]: entry["containerPort"] for entry in main["ports"]}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = main[kind]
        if "grpc" in probe:
            assert probe["grpc"]["port"] == port == named["grpc"]
        else:
            assert named[probe["httpGet"]["port"]] == port


@pytest.mark.parametrize("manifest", DEPLOYMENTS, ids=name_of)
def test_pods_ask_for_memory_and_are_bounded(manifest: Manifest) -> None:
    resources = container(manifest)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert "memory" in resources["limits"]


def test_selectors_match_their_pods() -> None:
    for manifest in DEPLOYMENTS:
        wanted = manifest["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= manifest["spec"]["template"]["metadata"]["labels"].items(), name_of(manifest)
    pods = [manifest["spec"]["template"]["metadata"]["labels"] for manifest in DEPLOYMENTS]
    for path, document in OBJECTS:
        if document["kind"] == "Service":
            wanted = document["spec"]["selector"]
            assert sum(wanted.items() <= labels.items() for labels in pods) == 1, path


def test_addresses_in_the_settings_are_services_with_that_port() -> None:
    services = {name_of(doc): doc["spec"]["ports"] for _, doc in OBJECTS if doc["kind"] == "Service"}
    addresses = {key: value for key, value in SETTINGS.items() if key.endswith("_ADDRESS")}
    assert len(addresses) == 4
    for address in addresses.values():
        host, port = re.fullmatch(r"dns:///([a-z]+):(\d+)", address).groups()  # type: ignore[union-attr]
        assert int(port) in {entry["port"] for entry in services[host]}


def test_time_to_drain_is_shorter_than_time_to_be_killed() -> None:
    shared = yaml.safe_load((BASE / "pod-defaults.yaml").read_text("utf-8"))
    killed_after = shared["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert int(SETTINGS["DRAIN_WAIT_S"]) + int(SETTINGS["DRAIN_GRACE_S"]) + 5 <= killed_after


def test_secrets_are_documented() -> None:
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "k8s/README.md").read_text("utf-8"), re.MULTILINE))
    used = {
        entry["secretRef"]["name"]
        for manifest in WORKLOADS
        for entry in container(manifest)["envFrom"]
        if "secretRef" in entry
    }
    assert used == documented


def test_who_asks_other_services_reads_an_identity_and_nobody_else() -> None:
    for manifest in WORKLOADS:
        read = [ref["name"] for entry in container(manifest)["envFrom"] for ref in entry.values()]
        # The relay of payments asks others for their logs, that of auth for what they hold about people.
        has_identity = name_of(manifest) in {*SERVICES, "auth-relay", "payments-relay"}
        identity = f"{name_of(manifest).removesuffix('-relay')}-identity"
        assert [name for name in read if name.endswith("-identity")] == [identity] * has_identity
        assert ("trust-bundle" in read) == has_identity


def test_settings_are_read_somewhere_in_the_code() -> None:
    sources = "\n".join(
        path.read_text("utf-8") for folder in ("services", "gateway") for path in (ROOT / folder).rglob("*.py")
    )
    for key in SETTINGS:
        suffix = re.sub(r"^(AUTH|PAYMENTS|SOCIAL|ANALYTICS)_", "", key)
        assert key in sources or f"_{suffix}" in sources, f"{key} is set in k8s/base/settings.yaml and read nowhere"


def test_the_machine_of_a_developer_runs_the_same_processes() -> None:
    endpoints = Endpoints(
        DEFAULT_PORTS, dict.fromkeys(STORE_URLS, ""), dict.fromkeys(SERVICES, "A" * 43), "", "", "", "", Path()
    )
    local = {spec.command[2] for spec in process_table(endpoints)}
    deployed = {container(manifest)["command"][2] for manifest in WORKLOADS}
    # Providers are somebody else's everywhere but here.
    assert local == deployed | {"dev.sandbox_provider"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl renders kustomizations; it is not on this machine")
def test_base_renders() -> None:
    outcome = subprocess.run(["kubectl", "kustomize", str(BASE)], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    rendered = list(yaml.safe_load_all(outcome.stdout))
    for document in rendered:
        if document["kind"] in {"Deployment", "Job"}:
            pod = document["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"]
            assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
            assert not pod["automountServiceAccountToken"]
