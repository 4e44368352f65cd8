"""The warm worker: a Prefect worker type that executes flow runs inside its own long-lived process.

A new process per flow run costs seconds of processor time before it does anything; here a wake costs a tenth of one. Flows
are found by module path. A flow that raises fails its own flow run and nothing else.

In a flow: `sleep_until` ends the execution and leaves the flow run asleep in Prefect; `run_bar_task` and `run_step` execute
an automated step as the very task run that is its bar.
"""

import asyncio
import functools
import importlib
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid5

import anyio
import anyio.to_thread
import httpx
from prefect import Flow, Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateDetails, StateType, TaskRun, TaskRunResult
from prefect.context import AsyncClientContext
from prefect.exceptions import Abort, ObjectNotFound, Pause
from prefect.flow_engine import AsyncFlowRunEngine
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Completed, Pending, Scheduled
from prefect.task_engine import run_task_async
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from ecops.orchestration.bars import bar_id
from ecops.orchestration.deploy import POOL, WORKER_TYPE
from ecops.orchestration.parent import end_with_parent

SLEEPING = "Sleeping"
POLL = 1.0
WATCH_BUSY = 1.0  # how soon a cancelled flow run is noticed while it executes here
WATCH_ORPHANS = 30.0  # and how long a Cancelling run that nobody executes may stay so
PATIENCE = 2.0  # between tries while Prefect does not answer
LEAVE_GRACE = 2.0  # a flow run may end by itself this long when the worker is told to stop

T = TypeVar("T")
logger = logging.getLogger("ecops.worker")


# -- what flows use


async def sleep_until(
    flow_run_id: UUID | str,
    when: datetime | None,
    message: str,
    awake: Callable[[], bool] | None = None,
) -> None:
    """Put the flow run to sleep in Prefect and leave: never returns, and no process stays.

    It is executed again, from the top, when somebody wakes it (`PrefectApi.wake`): the clock does at `when` (aware; None: nothing
    is due by itself), which the state carries for whoever looks. Prefect alone would not, because it hides the
    timeline of every flow run that is merely scheduled; so a sleeping run is Paused, by the name of Sleeping.

    `awake` is asked, in a thread, once the run is asleep: whoever made work while the flow was deciding to sleep committed
    before that question and is found by it, or wakes the run after it; so no wake is lost.
    """
    client, flow_run = get_client(), UUID(str(flow_run_id))
    landed = await propose_state(client, _asleep(when, message), flow_run_id=flow_run)
    if awake is not None and landed.is_paused() and await anyio.to_thread.run_sync(awake):
        landed = await propose_state(client, Scheduled(message="Work came in meanwhile"), flow_run_id=flow_run)
    raise Pause(message, state=landed)


async def name_flow_run(flow_run_id: UUID | str, name: str) -> None:
    """Call the flow run what people call its run; Prefect gives a scheduled one a name of its own."""
    await get_client().update_flow_run(UUID(str(flow_run_id)), name=name)


async def end_here(flow_run_id: UUID | str, message: str) -> None:
    """Complete the flow run without going on, and leave: never returns."""
    landed = await propose_state(get_client(), Completed(message=message), flow_run_id=UUID(str(flow_run_id)))
    raise Pause(message, state=landed)


def _asleep(when: datetime | None, message: str) -> State:
    # No time-out: Prefect would fail the run when it passes. Rescheduling: nothing executes it, so Cancel is immediate.
    details = StateDetails(pause_reschedule=True, scheduled_time=when)
    return State(type=StateType.PAUSED, name=SLEEPING, message=message, state_details=details)


async def run_bar_task(
    task: Task[..., T],
    flow_run_id: UUID | str,
    step: str,
    title: str,
    parameters: Mapping[str, Any] | None = None,
    needs: tuple[str, ...] = (),
) -> T:
    """Execute an async Prefect task as the task run that is the step's bar; returns or raises what the task does.

    Its logs and states are the bar's. `needs` may be left out where the bar has been put before: it keeps its edges. The engine reports states by events that a killed server may lose; the relay's
    `PrefectApi.put_bars` afterwards says the last word, on the same task run.
    """
    flow_run = UUID(str(flow_run_id))
    bar = TaskRun(
        id=bar_id(flow_run, step),
        name=title,
        flow_run_id=flow_run,
        task_key=step,
        dynamic_key=step,
        state=Pending(),
        task_inputs=await _edges(flow_run, step, needs),
    )
    return await run_task_async(task, task_run=bar, parameters=dict(parameters or {}))


async def _edges(flow_run: UUID, step: str, needs: tuple[str, ...]) -> dict[str, Any]:
    """The bar's edges, given or as Prefect has them: the engine's reports replace them, so they must be said again."""
    if needs:
        return {"needs": [TaskRunResult(id=bar_id(flow_run, need)) for need in needs]}
    try:
        return (await get_client().read_task_run(bar_id(flow_run, step))).task_inputs
    except ObjectNotFound:
        return {}
    except httpx.HTTPError as error:  # a line missing in a picture is no reason not to do the work
        logger.warning("Prefect did not say what step %s needs: %r", step, error)
        return {}


async def run_step(
    call: Callable[[], T], flow_run_id: UUID | str, step: str, title: str, needs: tuple[str, ...] = ()
) -> T:
    """Execute a plain blocking calculation in a thread as the task run that is the step's bar; see `run_bar_task`."""

    async def calculate() -> T:
        return await anyio.to_thread.run_sync(call)

    task = Task(fn=calculate, name=step, persist_result=False)
    return await run_bar_task(task, flow_run_id, step, title, needs=needs)


async def run_beside(call: Callable[[], T], flow_run_id: UUID | str, key: str, title: str) -> T:
    """Execute a plain blocking calculation in a thread as a task run of its own beside the bars; `key` tells it apart from every other of the flow run."""

    async def calculate() -> T:
        return await anyio.to_thread.run_sync(call)

    flow_run = UUID(str(flow_run_id))
    run = TaskRun(id=uuid5(flow_run, key), name=title, flow_run_id=flow_run, task_key="verify", dynamic_key=key, state=Pending())
    return await run_task_async(Task(fn=calculate, name="verify", persist_result=False), task_run=run, parameters={})


# -- executing one flow run


class FlowNotFound(Exception):
    """A deployment names a flow that cannot be had by module path."""


@functools.cache
def load_flow(entrypoint: str) -> Flow[..., Any]:
    """The async flow at a module path such as `flows.campaign.campaign`; raises FlowNotFound.

    Never by file path: that would load a second copy of every class in the file.
    """
    module, _, name = entrypoint.rpartition(".")
    if ":" in entrypoint or not module:
        raise FlowNotFound(f"{entrypoint!r} is not a module path such as flows.campaign.campaign")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise FlowNotFound(f"no flow at {entrypoint}: {error}") from error
    if not isinstance(found, Flow) or not found.isasync:
        raise FlowNotFound(f"{entrypoint} is not an async flow")
    return found


class PrefectLost(Pause):
    """Prefect did not answer an execution, whose flow run therefore stands in Prefect as it last stood."""


def _of_prefect(exc: BaseException | None) -> bool:
    """Whether it is Prefect that did not answer, or was too busy to, and not some other server the flow asked."""
    if isinstance(exc, httpx.HTTPStatusError):
        return exc.response.status_code >= 500 and _asked_prefect(exc.request)
    return isinstance(exc, httpx.RequestError) and exc._request is not None and _asked_prefect(exc.request)


def _asked_prefect(request: httpx.Request) -> bool:
    return str(request.url).startswith(PREFECT_API_URL.value() or "\0")


class WarmEngine(AsyncFlowRunEngine[Any, Any]):
    """Prefect's engine, except that an execution we interrupt ourselves is no crash: `instead` is the state it leaves."""

    instead: State | None = None

    @property
    def heartbeat_seconds(self) -> int | None:
        """None: a thread and an event a wake would tell nobody anything; the clock knows whose worker died."""
        return None

    async def handle_exception(self, exc: Exception, *args: Any, **options: Any) -> State:
        """Fail the flow run, unless the flow is innocent: when Prefect did not answer, the execution only ends here."""
        if _of_prefect(exc):
            raise PrefectLost(str(exc) or type(exc).__name__) from exc
        return await super().handle_exception(exc, *args, **options)

    async def handle_crash(self, exc: BaseException) -> None:
        """Report a crash, or the state chosen by whoever interrupted this execution."""
        if self.instead is None:
            return await super().handle_crash(exc)
        with anyio.CancelScope(shield=True):
            await self.set_state(self.instead, force=True)
            self._raised = exc


@dataclass
class Execution:
    """A flow run that executes here now."""

    engine: WarmEngine
    task: asyncio.Task[None]

    def interrupt(self, instead: State) -> None:
        """Stop it at its next await and leave the flow run in `instead`; a second call changes nothing."""
        if self.engine.instead is None:
            self.engine.instead = instead
            self.task.cancel()


async def _run_engine(engine: WarmEngine) -> None:
    async with engine.start():
        while engine.is_running():
            async with engine.run_context():
                await engine.call_flow_fn()


class _NoChatter(logging.Filter):
    """Keeps the engine's own remarks of every wake out of the run's log, which people read; what flows and steps log stays.

    The engine even calls every end but Completed an error, and falling asleep or being cancelled is none.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        remark = str(record.msg)
        return not (remark.startswith(_NO_NEWS) or (record.levelno < logging.WARNING and remark.startswith(_CHATTER)))


_NO_NEWS = tuple(f"Finished in state {name}" for name in (SLEEPING, "Scheduled", "Cancelled", "Cancelling"))
_CHATTER = ("Beginning ", "Executing ", "View at ", "Finished in state ", "Created task run")


def _listen_to_flows() -> None:
    """Let what flows and steps log at INFO reach Prefect, and little else."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        talker = logging.getLogger(name)
        talker.setLevel(logging.INFO)
        talker.addFilter(_NoChatter())
    logging.getLogger("prefect.flow_runs.worker").setLevel(logging.WARNING)


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """Executes the flow runs of its work pool inside this process, up to `limit` at once."""

    type = WORKER_TYPE
    job_configuration = BaseJobConfiguration
    job_configuration_variables = BaseVariables
    _description = "Executes flow runs inside one long-lived process, for flows that are woken often and do little each time."

    def __init__(self, work_pool_name: str = POOL, **options: Any) -> None:
        super().__init__(work_pool_name, **options)
        self._executing: dict[UUID, Execution] = {}
        self._entrypoints: dict[UUID, str] = {}
        self._lost: set[UUID] = set()

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Work until `stop` is set; then let executions end or put them back to be executed by the next worker."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(AsyncClientContext())  # one client for all executions
            await stack.enter_async_context(self)
            async with anyio.create_task_group() as loops:
                loops.start_soon(self._repeat, self._sync_and_initialize, lambda: self.heartbeat_interval_seconds)
                loops.start_soon(self._repeat, self.get_and_submit_flow_runs, lambda: POLL)
                loops.start_soon(self._repeat, self._watch_executing, lambda: WATCH_BUSY)
                loops.start_soon(self._repeat, self._end_orphans, lambda: WATCH_ORPHANS)
                loops.start_soon(self._repeat, self._put_back_lost, lambda: PATIENCE)
                ready()
                await stop.wait()
                loops.cancel_scope.cancel()
            await self._leave()

    async def run(
        self, flow_run: FlowRun, configuration: Any = None, task_status: anyio.abc.TaskStatus[Any] | None = None
    ) -> BaseWorkerResult:
        """Execute one flow run here and now, to its end or its sleep; never raises what the flow raises."""
        if task_status is not None:
            task_status.started(None)
        try:
            flow = await self._flow_of(flow_run)
        except FlowNotFound as error:
            logger.error("flow run %s: %s", flow_run.name, error)
            await self._propose_failed_state(flow_run, error)
        else:
            await self._execute(flow, flow_run)
        return BaseWorkerResult(identifier=str(flow_run.id), status_code=0)

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Take a due flow run and execute it.

        Replaces the base class's way, which prepares infrastructure: six more requests a wake, and a process id that would keep
        Prefect from cancelling a sleeping run by itself. The flow run counts as taken until it has left this process,
        so one that is woken while it is still falling asleep is executed again afterwards, never twice at once.
        """
        try:
            if await self._take(flow_run):
                await self.run(flow_run)
        except Exception:
            logger.exception("flow run %s was left as it is", flow_run.name)
        finally:
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)

    async def _take(self, flow_run: FlowRun) -> bool:
        """Whether Prefect gives this flow run to us, and to no other worker."""
        try:
            return (await propose_state(self.client, Pending(), flow_run_id=flow_run.id)).is_pending()
        except Abort:  # somebody was first
            return False
        except httpx.HTTPError as error:
            logger.warning("Prefect did not say whether flow run %s is ours: %r", flow_run.name, error)
            self._lost.add(flow_run.id)
            return False

    async def _flow_of(self, flow_run: FlowRun) -> Flow[..., Any]:
        if flow_run.deployment_id is None:
            raise FlowNotFound("the flow run has no deployment")
        if flow_run.deployment_id not in self._entrypoints:
            deployment = await self.client.read_deployment(flow_run.deployment_id)
            self._entrypoints[flow_run.deployment_id] = deployment.entrypoint or ""
        return load_flow(self._entrypoints[flow_run.deployment_id])

    async def _execute(self, flow: Flow[..., Any], flow_run: FlowRun) -> None:
        flow_run.empirical_policy.pause_keys = set()  # Prefect remembers every sleep of a run; the engine now tells it to forget
        engine = WarmEngine(flow=flow, flow_run=flow_run, parameters=dict(flow_run.parameters))
        execution = Execution(engine, asyncio.create_task(_run_engine(engine), name=flow_run.name))
        self._executing[flow_run.id] = execution
        try:
            await asyncio.wait({execution.task})
        finally:
            del self._executing[flow_run.id]
        _report(flow_run, execution)
        error = None if execution.task.cancelled() else execution.task.exception()
        if isinstance(error, PrefectLost) or _of_prefect(error):
            self._lost.add(flow_run.id)
        if flow_run.state is not None and flow_run.state.is_cancelling():  # it was told so on its way to bed
            await self._mark_flow_run_as_cancelled(flow_run)

    async def _watch_executing(self) -> None:
        """Interrupt what was cancelled in Prefect while it executes here."""
        if not self._executing:
            return
        for flow_run in await self._flow_runs(FlowRunFilterId(any_=list(self._executing))):
            execution, state = self._executing.get(flow_run.id), flow_run.state
            if execution and state and (state.is_cancelling() or state.is_cancelled()):
                execution.interrupt(Cancelled(message=state.message))

    async def _put_back_lost(self) -> None:
        """Let what Prefect lost sight of while it was down be executed again; what is done already is passed over then."""
        for flow_run_id in self._lost - self._executing.keys():
            flow_run = await self.client.read_flow_run(flow_run_id)
            if flow_run.state and (flow_run.state.is_running() or flow_run.state.is_pending()):
                await self.client.set_flow_run_state(flow_run_id, Scheduled(message="Prefect is back; going on"))
            self._lost.discard(flow_run_id)

    async def _end_orphans(self) -> None:
        """Cancel what has been Cancelling for long and executes nowhere: its worker died."""
        long_ago = datetime.now(UTC) - timedelta(seconds=WATCH_ORPHANS)
        for flow_run in await self._flow_runs(state=StateType.CANCELLING):
            if flow_run.id not in self._executing and flow_run.state and flow_run.state.timestamp < long_ago:
                await self._mark_flow_run_as_cancelled(flow_run)

    async def _flow_runs(self, ids: FlowRunFilterId | None = None, state: StateType | None = None) -> list[FlowRun]:
        kind = FlowRunFilterState(type=FlowRunFilterStateType(any_=[state])) if state else None
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name]))
        return await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=ids, state=kind), work_pool_filter=None if ids else pool
        )

    async def _repeat(self, work: Callable[[], Awaitable[Any]], every: Callable[[], float]) -> None:
        """Do `work` again and again, whatever happens to it; with patience while Prefect does not answer."""
        quiet = False
        while True:
            pause = every()
            try:
                await work()
                quiet = False
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if not quiet:
                    logger.warning("Prefect does not answer, trying again: %r", error)
                quiet, pause = True, PATIENCE
            except Exception:
                logger.exception("%s failed, going on", getattr(work, "__name__", work))
            await asyncio.sleep(pause)

    async def _leave(self) -> None:
        """Wait a little for executions, then put the rest back into Prefect's queue."""
        tasks = {execution.task for execution in self._executing.values()}
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=LEAVE_GRACE)
        for execution in list(self._executing.values()):
            execution.interrupt(Scheduled(message="The worker was stopped; the next one goes on"))


def _report(flow_run: FlowRun, execution: Execution) -> None:
    """Say in our own log how an execution ended, when it did not simply end."""
    if execution.task.cancelled():
        logger.info("flow run %s was interrupted", flow_run.name)
        return
    error = execution.task.exception()
    if isinstance(error, PrefectLost):
        logger.warning("Prefect did not answer flow run %s: %s", flow_run.name, error)
    elif isinstance(error, Pause):
        logger.debug("flow run %s sleeps", flow_run.name)
    elif isinstance(error, Abort):
        logger.warning("Prefect stopped flow run %s: %s", flow_run.name, error)
    elif error is not None:
        logger.error("flow run %s raised %r", flow_run.name, error)


# -- the process


def work(pool: str = POOL, limit: int = 8, name: str = "ecops", with_parent: bool = False) -> int:
    """Run a warm worker in this process until SIGTERM, SIGINT or (`with_parent`) the end of standard input.

    Prefect's settings must already be in the environment, see `server.adopt_environment`.
    """
    # The loop has a thread of its own, because Prefect's engine takes SIGTERM for itself in a main thread, and there it
    # would strike whichever flow run happens to execute.
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    done = threading.Event()

    def tell(*_: object) -> None:
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    if with_parent:
        end_with_parent(tell)
    _listen_to_flows()
    failures: list[BaseException] = []

    def serve() -> None:
        asyncio.set_event_loop(loop)
        worker = WarmWorker(pool, name=name, limit=limit, prefetch_seconds=0)
        try:
            loop.run_until_complete(worker.serve(stop, ready=lambda: print("worker ready", flush=True)))
        except BaseException as error:  # told below, in the thread that decides the exit code
            failures.append(error)
        finally:
            done.set()

    threading.Thread(target=serve, name="worker-loop", daemon=True).start()
    done.wait()
    if failures:
        raise failures[0]
    return 0
