"""One day's routine."""

from prefect import State, flow

from flows.lifecycle import close_with_summary, waking


@flow(name="daily", persist_result=False)
async def daily(run: str | None = None, playbook: str | None = None, shops: str = "all") -> State | None:
    """Carry one run as far as it can go by itself now, then sleep until people or time let it go on."""
    async with waking(run, playbook, shops) as awake:
        await awake.carry("routine")
        await awake.rest()
        return await close_with_summary(awake)
