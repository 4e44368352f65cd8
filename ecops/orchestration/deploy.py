"""The work pool and one deployment per phase, named by module path, brought to Prefect without importing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecops.orchestration.api import PrefectApi, PrefectRefused

POOL = "ecops"
WORKER_TYPE = "ecops-warm"
DEPLOYMENT = "ecops"
ATTEMPTS = 3

PHASES: Mapping[str, str] = {
    phase: f"flows.{phase}.{phase}" for phase in ("preparation", "daily", "campaign", "review")
}


@dataclass(frozen=True)
class Firing:
    """One cron line of a deployment: when it fires, and the parameters of the flow run it makes.

    `slug` names it among the deployment's schedules; `cron` is read in `timezone`.
    """

    slug: str
    cron: str
    timezone: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def as_prefect(self) -> dict[str, Any]:
        """The schedule as Prefect takes it."""
        return {
            "slug": self.slug,
            "active": True,
            "parameters": dict(self.parameters),
            "schedule": {"cron": self.cron, "timezone": self.timezone, "day_or": True},
        }


@dataclass(frozen=True)
class Deployment:
    """A flow, by the module path `entrypoint`, that Prefect may run: called "flow/name" there."""

    flow: str
    entrypoint: str
    name: str = DEPLOYMENT
    firings: Sequence[Firing] = ()
    tags: Sequence[str] = ("ecops",)
    parameters: Mapping[str, Any] = field(default_factory=dict)  # name -> JSON Schema, the form in Prefect's UI

    @property
    def full_name(self) -> str:
        """What `PrefectApi.create_flow_run` calls it."""
        return f"{self.flow}/{self.name}"


def deployment_of(phase: str) -> str:
    """The full name of the deployment that runs a phase's playbooks."""
    return f"{phase}/{DEPLOYMENT}"


def phase_deployments(firings: Mapping[str, Sequence[Firing]] | None = None) -> list[Deployment]:
    """The deployments of the four phases, with the schedules given by phase."""
    given = firings or {}
    return [Deployment(phase, entrypoint, firings=given.get(phase, ())) for phase, entrypoint in PHASES.items()]


def deploy(api: PrefectApi, deployments: Sequence[Deployment], pool: str = POOL) -> dict[str, str]:
    """Make Prefect have exactly these, and say what changed nothing to nobody: deployment ids by full name.

    Writes only what differs, so a schedule that has not changed keeps the flow runs it has already laid out.
    """
    ensure_pool(api, pool)
    return {wanted.full_name: _ensure_deployment(api, wanted, pool) for wanted in deployments}


def ensure_pool(api: PrefectApi, pool: str = POOL) -> None:
    """Make Prefect have the work pool that the warm worker polls."""
    if _found(api, f"/work_pools/{pool}"):
        return
    wish = {"name": pool, "type": WORKER_TYPE, "description": "ecops runs its playbooks here", "base_job_template": _TEMPLATE}
    try:
        api.post("/work_pools/", wish)
    except PrefectRefused as refusal:
        if refusal.status != 409:  # 409: somebody, our own worker perhaps, was first
            raise


# The smallest template Prefect accepts: our worker starts no infrastructure, so there is nothing to configure.
_TEMPLATE: dict[str, Any] = {
    "job_configuration": {"command": None, "env": {}, "labels": {}, "name": None},
    "variables": {"type": "object", "properties": {}},
}


def _ensure_deployment(api: PrefectApi, wanted: Deployment, pool: str) -> str:
    for left in reversed(range(ATTEMPTS)):
        found = _found(api, f"/deployments/name/{wanted.full_name}")
        if found and _agrees(found, wanted, pool):
            return found["id"]
        try:
            flow = api.post("/flows/", {"name": wanted.flow})
            return api.post("/deployments/", _wish(wanted, flow["id"], pool))["id"]
        except PrefectRefused as refusal:
            # 409: a try that was answered "busy" had landed half or in whole, or somebody else writes the same; look again.
            if refusal.status != 409 or not left:
                raise
    raise AssertionError("unreachable")


def _wish(wanted: Deployment, flow_id: str, pool: str) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "flow_id": flow_id,
        "entrypoint": wanted.entrypoint,
        "work_pool_name": pool,
        "tags": list(wanted.tags),
        "schedules": [firing.as_prefect() for firing in wanted.firings],
        "parameter_openapi_schema": {"type": "object", "properties": dict(wanted.parameters)},
        "enforce_parameter_schema": False,
    }


def _agrees(found: Mapping[str, Any], wanted: Deployment, pool: str) -> bool:
    return (
        found["entrypoint"] == wanted.entrypoint
        and found["work_pool_name"] == pool
        and sorted(found["tags"]) == sorted(wanted.tags)
        and found["parameter_openapi_schema"].get("properties") == dict(wanted.parameters)
        and sorted(map(_line, found["schedules"])) == sorted(_line(firing.as_prefect()) for firing in wanted.firings)
    )


def _line(schedule: Mapping[str, Any]) -> str:
    """A schedule as one comparable line; what the user paused in Prefect's UI stays paused, so `active` does not count."""
    times = schedule["schedule"]
    return repr((schedule.get("slug"), times.get("cron"), times.get("timezone"), sorted(schedule["parameters"].items())))


def _found(api: PrefectApi, path: str) -> dict[str, Any] | None:
    try:
        return api.get(path)
    except PrefectRefused as refusal:
        if refusal.status != 404:
            raise
        return None
