"""A campaign: prep, execution, wrap-up."""

from prefect import State, flow

from flows.lifecycle import close_with_summary, waking


@flow(name="campaign", persist_result=False)
async def campaign(run: str | None = None, playbook: str | None = None, shops: str = "all") -> State | None:
    """Carry one run as far as it can go by itself now, then sleep until people or time let it go on."""
    async with waking(run, playbook, shops) as awake:
        await awake.carry("prep")
        await awake.carry("execution")
        await awake.carry("wrap-up")
        await awake.rest()
        return await close_with_summary(awake)
