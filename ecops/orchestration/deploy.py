"""The work pool, one deployment a phase and one a routine, named by module path, brought to Prefect without importing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecops.orchestration.api import PrefectApi, PrefectRefused
from ecops.playbook.model import Playbook

POOL = "ecops"
WORKER_TYPE = "ecops-warm"
DEPLOYMENT = "ecops"
ATTEMPTS = 3
ROUTINE, REMOVED = "routine", "removed"  # tags: of a playbook that launches itself; of one that is not in the folder any more

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
    given: Mapping[str, Any] = field(default_factory=dict)  # values that a flow run has unless told otherwise
    description: str | None = None

    @property
    def full_name(self) -> str:
        """What `PrefectApi.create_flow_run` calls it."""
        return f"{self.flow}/{self.name}"


def deployment_of(phase: str) -> str:
    """The full name of the deployment that runs a phase's playbooks."""
    return f"{phase}/{DEPLOYMENT}"


def phase_deployments() -> list[Deployment]:
    """The deployments of the four phases, which launches use."""
    return [Deployment(phase, entrypoint) for phase, entrypoint in PHASES.items()]


def routine(playbook: Playbook) -> Deployment:
    """The deployment of a playbook that launches itself: its schedule, and what a quick run in Prefect's pages is given."""
    given = {"playbook": playbook.playbook, "shops": playbook.schedule.shops}
    firing = Firing(playbook.playbook, playbook.schedule.cron, playbook.timezone)
    # a playbook may be called as the phases' own deployments are
    name = playbook.playbook if playbook.playbook != DEPLOYMENT else f"{DEPLOYMENT}-{ROUTINE}"
    title = f"{playbook.title.zh} / {playbook.title.en}"
    return Deployment(playbook.phase, PHASES[playbook.phase], name, (firing,), ("ecops", ROUTINE), given=given, description=title)


def deploy(api: PrefectApi, deployments: Sequence[Deployment], pool: str = POOL) -> dict[str, str]:
    """Make Prefect have these: deployment ids by full name.

    Writes only what differs, so a schedule that has not changed keeps the flow runs it has already laid out.
    """
    ensure_pool(api, pool)
    return {wanted.full_name: _ensure_deployment(api, wanted, pool) for wanted in deployments}


def pause_removed(api: PrefectApi, deployments: Sequence[Deployment]) -> list[str]:
    """Pause the routines that Prefect has and nobody wants any more; their full names. Flow runs laid out for them are taken away."""
    wanted = {one.full_name for one in deployments}
    names = {row["id"]: row["name"] for row in api.pages("/flows/filter", {})}
    paused = []
    for row in api.pages("/deployments/filter", {"deployments": {"tags": {"all_": ["ecops", ROUTINE]}}}):
        full_name = f"{names[row['flow_id']]}/{row['name']}"
        if full_name not in wanted and REMOVED not in row["tags"]:
            api.post(f"/deployments/{row['id']}/pause_deployment", {})
            api.patch(f"/deployments/{row['id']}", {"tags": [*row["tags"], REMOVED]})
            paused.append(full_name)
    return paused


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
            if found and REMOVED in found["tags"]:  # what the user paused stays paused, what its removal paused does not
                api.post(f"/deployments/{found['id']}/resume_deployment", {})
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
        "parameters": dict(wanted.given),
        "description": wanted.description,
        "parameter_openapi_schema": {"type": "object", "properties": dict(wanted.parameters)},
        "enforce_parameter_schema": False,
    }


def _agrees(found: Mapping[str, Any], wanted: Deployment, pool: str) -> bool:
    return (
        found["entrypoint"] == wanted.entrypoint
        and found["work_pool_name"] == pool
        and sorted(found["tags"]) == sorted(wanted.tags)
        and found["parameters"] == dict(wanted.given)
        and found["description"] == wanted.description
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
