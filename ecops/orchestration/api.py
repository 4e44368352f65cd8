"""Prefect's REST API, as much of it as we use, over plain HTTP.

The clock, the pages and the command line talk to Prefect through this and never import it (that costs two seconds).
Every call may be repeated: what creates is keyed, what sets a state ends in that state.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID, uuid4

import httpx

from ecops.errors import NotRunning
from ecops.orchestration.bars import FAILED, Bar, bar_id

PAGE = 200  # rows Prefect gives at most per request
BUSY_ATTEMPTS = 7
BUSY_PAUSE = 0.05  # doubled each time: about three seconds in all
MESSAGE_LIMIT = 2_000  # Prefect itself takes five megabytes; a message is a line, not a document
SLACK = timedelta(seconds=10)  # a bar drawn this far from its true times is drawn again
ENDED = {"COMPLETED", "CANCELLED", "FAILED", "CRASHED"}
_BUSY = {408, 429, 502, 503, 504}

Id = UUID | str


class PrefectUnreachable(NotRunning):
    """Prefect did not answer, or was too busy to; nothing says whether the call landed, so repeat it later."""


class PrefectRefused(NotRunning):
    """Prefect answered and said no: `status` is the HTTP status, `detail` its reason."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"Prefect refused ({status}): {detail}")
        self.status = status
        self.detail = detail


class RunState(NamedTuple):
    """Where a flow run stands in Prefect; `starts_at` of one that waits for its time; the id of the `deployment` by which a worker takes it.

    That deployment may be deleted; None once its work pool was.
    """

    id: str
    type: str
    name: str
    starts_at: datetime | None = None
    deployment: str | None = None


class Moved(NamedTuple):
    """What became of a wish to move a flow run: whether it was taken as asked, and where the run stands now."""

    accepted: bool
    type: str
    name: str


class PrefectApi:
    """A client of one Prefect server; use it as a context manager, or close it.

    `base_url` ends in /api; `auth` is "user:password" where the server asks for it; `timeout` (seconds) bounds an answer, and
    `connect` how long a server that is down may keep us. One instance belongs to one thread.
    """

    def __init__(
        self,
        base_url: str,
        auth: str | None = None,
        timeout: float = 10.0,
        connect: float = 0.5,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._pause = pause
        self._csrf: dict[str, str] | None = None
        self._http = httpx.Client(
            base_url=self.base_url,
            auth=tuple(auth.split(":", 1)) if auth else None,  # type: ignore[arg-type]
            timeout=httpx.Timeout(timeout, connect=connect),
            trust_env=False,  # a proxy of the machine has no business between two processes on it
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    # -- flow runs

    def healthy(self) -> bool:
        """Whether the server answers; never raises."""
        try:
            return self._http.get("/health", timeout=1.0).status_code == 200
        except httpx.TransportError:
            return False

    def deployment_id(self, name: str) -> str:
        """The id of the deployment called "flow/deployment"; raises PrefectRefused (404) when there is none."""
        return self.get(f"/deployments/name/{name}")["id"]

    def create_flow_run(
        self,
        deployment: str,
        name: str,
        parameters: Mapping[str, Any],
        idempotency_key: str,
        tags: Sequence[str] = (),
    ) -> str:
        """The id of a flow run of "flow/deployment", due now; the same key always gives the same flow run."""
        wish = {
            "name": name,
            "parameters": dict(parameters),
            "idempotency_key": idempotency_key,
            "tags": list(tags),
            "state": {"type": "SCHEDULED"},
        }
        return self.post(f"/deployments/{self.deployment_id(deployment)}/create_flow_run", wish)["id"]

    def flow_run(self, flow_run_id: Id) -> RunState | None:
        """Where one flow run stands, or None when Prefect has no such run."""
        return next(iter(self.flow_runs([flow_run_id])), None)

    def flow_runs(self, flow_run_ids: Iterable[Id]) -> list[RunState]:
        """Where these flow runs stand; those Prefect does not have are left out."""
        wanted = [str(one) for one in flow_run_ids]
        pages = (wanted[start : start + PAGE] for start in range(0, len(wanted), PAGE))
        rows = (row for page in pages for row in self.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": page}}}))
        return [RunState(row["id"], row["state_type"], row["state_name"], _instant(row["next_scheduled_start_time"]), row["work_pool_id"] and row["deployment_id"]) for row in rows]

    def set_flow_run_state(
        self,
        flow_run_id: Id,
        type: str,
        name: str | None = None,
        message: str | None = None,
        scheduled_time: datetime | None = None,
        force: bool = False,
    ) -> Moved:
        """Move a flow run; Prefect may refuse or choose another state, which the answer tells.

        `Scheduled` without a `scheduled_time` means now. `force` passes over Prefect's own rules.
        """
        details = {"scheduled_time": scheduled_time.isoformat()} if scheduled_time else {}
        state = {"type": type, "name": name, "message": _short(message), "state_details": details}
        answer = self.post(f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": force})
        if landed := answer["state"]:
            return Moved(answer["status"] == "ACCEPT", landed["type"], landed["name"])
        stands = self.flow_run(flow_run_id)
        return Moved(False, stands.type if stands else "", stands.name if stands else "")

    def deployments_of(self, states: Iterable[RunState]) -> set[str]:
        """Those of their deployments that Prefect still has."""
        wanted = sorted({state.deployment for state in states if state.deployment})
        return {row["id"] for row in self.post("/deployments/filter", {"deployments": {"id": {"any_": wanted}}})} if wanted else set()

    def delete_flow_run(self, flow_run_id: Id) -> None:
        """Take a flow run away with all its bars. Raises PrefectRefused (404) when it is gone already."""
        self._request("DELETE", f"/flow_runs/{flow_run_id}")

    def wake(self, flow_run_id: Id, message: str | None = None, even_if_running: bool = False) -> Moved:
        """Let a sleeping flow run be executed now.

        One that executes, or is about to, is left alone (`accepted` is false): before it has fallen asleep it asks once more
        whether there is work. `even_if_running` is for one whose worker is known to be dead. One that waits for a worker
        already is never touched: a worker may be taking it at this moment. One that somebody called ended in Prefect's pages
        though its run is not is woken against Prefect's own rules. Raises PrefectRefused (404) for one that was deleted.
        """
        stands = self.flow_run(flow_run_id)
        if stands is None:
            raise PrefectRefused(404, f"there is no flow run {flow_run_id}")
        busy = ("SCHEDULED",) if even_if_running else ("SCHEDULED", "PENDING", "RUNNING")
        if stands.type in busy:
            return Moved(False, stands.type, stands.name)
        return self.set_flow_run_state(flow_run_id, "SCHEDULED", "Scheduled", message, force=stands.type in ENDED)

    def ui_url(self, flow_run_id: Id) -> str:
        """The flow run's page in Prefect's newer UI, the one that draws Chinese names."""
        return f"{self.base_url.removesuffix('/api')}/v2/runs/flow-run/{flow_run_id}"

    # -- bars

    def put_bar(self, flow_run_id: Id, bar: Bar) -> str:
        """Make the timeline show `bar` as it is now; returns its task run id. See `put_bars`."""
        return self.put_bars(flow_run_id, [bar])[bar.step]

    def put_bars(self, flow_run_id: Id, bars: Sequence[Bar]) -> dict[str, str]:
        """Make the timeline show these bars as they are now: task run ids by step.

        Reads what Prefect has, then writes only what differs, one write at a time (SQLite wants one writer). When it returns,
        every state is committed in Prefect's database: repeat the call after a failure, and nothing appears twice. Best effort
        beside it: the message of each changed bar as a line in the run's log, for Prefect's pages show no task run's state
        message; and true start and end times where Prefect, which dates a state by its arrival, would draw them wrong.
        """
        run = str(flow_run_id)
        shown = self.bars_shown(run, [bar.step for bar in bars])
        puts = [self._put(run, bar, shown.get(bar.step)) for bar in bars]
        if lines := [_log_line(run, put) for put in puts if put.changed and put.bar.message]:
            self.post("/logs/", lines)
        if events := [_redrawn(run, put) for put in puts if put.drawn_wrong]:
            self.post("/events", events)
        return {put.bar.step: put.task_run_id for put in puts}

    def bars_shown(self, flow_run_id: Id, steps: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """Prefect's task runs of a flow run by step id; of few `steps`, only those are asked for."""
        wish: dict[str, Any] = {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}}
        if 0 < len(steps) <= PAGE:
            wish["task_runs"] = {"id": {"any_": [str(bar_id(flow_run_id, step)) for step in steps]}}
        return {row["task_key"]: row for row in self.pages("/task_runs/filter", wish | {"sort": "ID_DESC"})}

    def _put(self, run: str, bar: Bar, shown: Mapping[str, Any] | None) -> "_Put":
        state = _bar_state(bar)
        if shown is None:
            shown = self.post("/task_runs/", _bar_creation(run, bar, state))
            if _shows(shown, state):
                return _Put(bar, shown, shown["state"]["timestamp"], changed=True)
        if shown["name"] != bar.title:
            self.patch(f"/task_runs/{shown['id']}", {"name": bar.title})
        if _shows(shown, state):
            return _Put(bar, shown, shown["state"]["timestamp"], changed=False)
        # Forced, because people work while the flow run sleeps, and Prefect lets no task run while its flow does not.
        answer = self.post(f"/task_runs/{shown['id']}/set_state", {"state": state, "force": True})
        return _Put(bar, shown, answer["state"]["timestamp"], changed=True)

    # -- artifacts

    def put_artifact(
        self,
        flow_run_id: Id,
        key: str,
        type: str,
        data: Any,
        description: str | None = None,
        task_run_id: Id | None = None,
    ) -> str:
        """Show a result beside the run: `type` is "table" (rows as JSON text), "markdown" or "progress" (0 to 100).

        `key` has lower-case letters, digits and dashes. The run's artifact of that key is replaced if there is one.
        """
        found = self._artifact(flow_run_id, key)
        if found:
            if (found["data"], found["description"]) != (data, description):
                self.patch(f"/artifacts/{found['id']}", {"data": data, "description": description})
            return found["id"]
        wish = {"key": key, "type": type, "data": data, "description": description, "flow_run_id": str(flow_run_id)}
        return self.post("/artifacts/", wish | ({"task_run_id": str(task_run_id)} if task_run_id else {}))["id"]

    def _artifact(self, flow_run_id: Id, key: str) -> dict[str, Any] | None:
        wish = {"artifacts": {"flow_run_id": {"any_": [str(flow_run_id)]}, "key": {"any_": [key]}}, "limit": 1}
        return next(iter(self.post("/artifacts/filter", wish)), None)

    # -- transport

    def get(self, path: str) -> Any:
        """The JSON at `path`."""
        return self._request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """The JSON that answers `body`; None where Prefect answers nothing."""
        return self._request("POST", path, body)

    def patch(self, path: str, body: Any) -> None:
        """Change what is at `path`."""
        self._request("PATCH", path, body)

    def pages(self, path: str, wish: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All rows that a filter finds, page after page."""
        for page in range(50):  # 10,000 rows: more bars than Prefect's own graph draws
            rows = self.post(path, {**wish, "limit": PAGE, "offset": page * PAGE})
            yield from rows
            if len(rows) < PAGE:
                return

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._until_not_busy(method, path, body)
        if answer.status_code == 403 and "CSRF" in answer.text:
            self._csrf = None  # expired, or the server has a new database
            answer = self._until_not_busy(method, path, body)
        if answer.is_error:
            raise PrefectRefused(answer.status_code, answer.text[:500])
        return answer.json() if answer.content else None

    def _until_not_busy(self, method: str, path: str, body: Any) -> httpx.Response:
        """Send, and send again while the server says it is busy ("database is locked" comes as 503)."""
        for attempt in range(BUSY_ATTEMPTS):
            answer = self._send(method, path, body)
            if answer.status_code not in _BUSY:
                return answer
            self._pause(BUSY_PAUSE * 2**attempt)
        raise PrefectUnreachable(f"Prefect was too busy for {method} {path} ({answer.status_code})")

    def _send(self, method: str, path: str, body: Any) -> httpx.Response:
        try:
            headers = {} if method == "GET" else self._csrf_headers()
            return self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise PrefectUnreachable(f"Prefect at {self.base_url} did not answer: {error or type(error).__name__}") from error

    def _csrf_headers(self) -> dict[str, str]:
        if self._csrf is None:
            client = str(uuid4())
            answer = self._http.get("/csrf-token", params={"client": client})
            if answer.status_code in _BUSY:
                return {}  # the write itself will be told to wait, and comes back here
            # 422 says that this server does not ask for tokens
            token = {} if answer.is_error else {"Prefect-Csrf-Token": answer.json()["token"], "Prefect-Csrf-Client": client}
            self._csrf = token
        return self._csrf


class _Put(NamedTuple):
    """A bar as written: Prefect's row from before, when the state it stands in now arrived there, and whether we changed it."""

    bar: Bar
    row: Mapping[str, Any]
    arrived: str
    changed: bool

    @property
    def task_run_id(self) -> str:
        return self.row["id"]

    @property
    def drawn_wrong(self) -> bool:
        start, end = self.bar.drawn
        arrived = datetime.fromisoformat(self.arrived)
        begun = self.bar.state.type == "RUNNING" or self.bar.ended
        shown_start = _instant(self.row["start_time"]) or (arrived if begun else None)
        shown_end = _instant(self.row["end_time"]) or arrived
        return _far(start, shown_start) or (self.bar.ended and _far(end, shown_end))


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _far(wanted: datetime | None, shown: datetime | None) -> bool:
    return wanted is not None and (shown is None or abs(wanted - shown) > SLACK)


def _redrawn(run: str, put: _Put) -> dict[str, Any]:
    """The event by which Prefect's own engine reports a task run, saying the same state again with the true times.

    Dated a moment after the state it repeats, by Prefect's own clock: Prefect drops what is older than what it has.
    """
    bar, (start, end) = put.bar, put.bar.drawn
    times = {"start_time": start, "end_time": end}
    task_run = {name: instant.isoformat() for name, instant in times.items() if instant}
    if start and end:
        task_run["total_run_time"] = max((end - start).total_seconds(), 0.0)  # type: ignore[assignment]
    return {
        "id": str(uuid4()),
        "occurred": (datetime.fromisoformat(put.arrived) + timedelta(milliseconds=1)).isoformat(),
        "event": f"prefect.task-run.{bar.state.name}",
        "resource": {
            "prefect.resource.id": f"prefect.task-run.{put.task_run_id}",
            "prefect.resource.name": bar.title,
            "prefect.orchestration": "client",
        },
        "related": [{"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}],
        "payload": {
            "validated_state": _bar_state(bar) | {"state_details": {}, "data": None},
            "task_run": {"task_key": bar.step, "dynamic_key": bar.step, "name": bar.title} | task_run,
        },
    }


def _log_line(run: str, put: _Put) -> dict[str, Any]:
    return {
        "name": "ecops.steps",
        "level": 40 if put.bar.look == FAILED else 20,
        "message": f"{put.bar.title}: {_short(put.bar.message)}",
        "timestamp": put.arrived,
        "flow_run_id": run,
        "task_run_id": put.task_run_id,
    }


def _short(message: str | None) -> str | None:
    return message if message is None or len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"


def _bar_state(bar: Bar) -> dict[str, Any]:
    return {"type": bar.state.type, "name": bar.state.name, "message": _short(bar.message)}


def _bar_creation(flow_run_id: str, bar: Bar, state: Mapping[str, Any]) -> dict[str, Any]:
    needs = [{"input_type": "task_run", "id": str(bar_id(flow_run_id, need))} for need in bar.needs]
    return {
        "id": str(bar_id(flow_run_id, bar.step)),
        "flow_run_id": flow_run_id,
        "task_key": bar.step,
        "dynamic_key": bar.step,
        "name": bar.title,
        "task_inputs": {"needs": needs} if needs else {},
        "state": dict(state),
    }


def _shows(shown: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    current = shown["state"] or {}
    return all(current.get(field) == state[field] for field in ("type", "name")) and (
        (current.get("message") or "") == (state["message"] or "")
    )
