"""Sentences of a task's obstacles: what is in the way, and what would help."""

from __future__ import annotations

from omoi_site import humanize
from omoi_site.humanize import counted
from tickets.models.explain.sentences import Sentence, Values, by_clock, explain_command, listed

# -- a claimed task


def claimed(values: Values) -> str:
    return (
        f"{values['holder']} works on it, attempt {values['attempts']} of {values['max_attempts']};"
        f" the lease {values['lease_ends']}"
    )


def settle(values: Values) -> str:
    return (
        f"Complete it (POST /tasks/{values['id']}/completion) or give it back"
        f" (POST /tasks/{values['id']}/release). An operator can cancel it:"
        f" Cancel beside the task{values['on_page']}."
    )


def held_by_hand(values: Values) -> str:
    return f"held by the person {humanize.actor(values['holder'])} for {values['held_for']}"


def end_by_hand(values: Values) -> str:
    return (
        f"Press Settle or Hand back beside the task{values['on_page']}. An operator can give it to somebody"
        f" else: Reassign there, or POST /tasks/{values['id']}/assignment."
    )


def left_behind(values: Values) -> str:
    person = humanize.actor(values["holder"])
    return (
        f"held by the person {person} for {values['held_for']}, who can no longer work in project"
        f" {values['project']}"
    )


def reassign(values: Values) -> str:
    return (
        f"Give it to somebody else, or take it yourself: press Reassign beside the task{values['on_page']}"
        f" (POST /tasks/{values['id']}/assignment)."
    )


def silent_holder(values: Values) -> str:
    return (
        f"{values['holder']} holds it and {silence(values['holder_silent'], 1)};"
        f" the lease {values['lease_ends']}"
    )


def report(values: Values) -> str:
    return (
        "Send a heartbeat (POST /agents/me/heartbeat) or give the task back"
        f" (POST /tasks/{values['id']}/release). An operator can retire an agent that is gone"
        f" (POST /agents/{values['holder']}/retire): all it holds is then free at once."
    )


def no_progress(values: Values) -> str:
    end = f"; it is taken back {values['taken']}" if values["taken"] else ""
    return f"{values['holder']} has shown no progress for {values['inactive']}{end}"


def look_after(values: Values) -> str:
    return (
        f"Look at what {values['holder']} does, and press Cancel beside the task{values['on_page']} if that"
        f" leads nowhere. Its holder shows progress with POST /tasks/{values['id']}/progress."
    )


def silence(length: str, agents: int) -> str:
    has = "has" if agents == 1 else "have"
    return f"{has} not been heard from for {length}" if length else f"{has} never been heard from"


# -- a pending task: stored conditions


def unsatisfiable(values: Values) -> str:
    return f"its needs can no longer be met: {', '.join(values['unmet'] or ['too few needs are left'])}"


def repair_need(values: Values) -> str:
    return (
        "Press Retry beside the task it needs, and it waits for that again; or press Cancel beside"
        f" {values['key']}{values['on_page']}."
    )


def open_needs(values: Values) -> str:
    if not values["open_keys"]:
        return "the tasks it needs have ended, but that is not counted yet"
    waits = f"it waits for {listed(values['open_keys'], values['left_open'])}"
    if values["operation"] and values["open_needs"] < values["left_open"]:
        return f"{waits}; {values['open_needs']} more of them must end as needed"
    return waits


def see_need(values: Values) -> str:
    if not values["open_keys"]:
        return by_clock("counts that")(values)
    becomes = "completes by itself" if values["operation"] else "is ready"
    return (
        f"{values['key']} {becomes} once {'that has' if values['left_open'] == 1 else 'they have'}"
        f" ended as needed. To see why {values['open_keys'][0]} is still open:"
        f" {explain_command(values['open_keys'][0])}."
    )


def not_due(values: Values) -> str:
    if values["attempts"]:
        return f"attempt {values['attempts']} failed; the next one is due {values['due']}"
    return f"it is due {values['due']}{', not before' if values['due'].startswith('in ') else ''}"


def wake(values: Values) -> str:
    return (
        "The clock or the next claim makes it ready then."
        f" To have it sooner, set an earlier time (PATCH /tasks/{values['id']})."
    )


def phase_paused(values: Values) -> str:
    reason = values["phase_reason"]
    return (
        f"phase {values['phase']} of project {values['project']} is paused{f': {reason}' if reason else ''}"
    )


def see_ticket(values: Values) -> str:
    ticket = values["ticket"]
    return f"It can be claimed when the ticket gets there. To see why it is not: {explain_command(ticket)}."


def limited_often(values: Values) -> str:
    return (
        f"it met the limit of an account {values['rate_limits']} times in a row, so it is held:"
        f" {values['error'] or 'no reason given'}"
    )


# -- a pending task: agents that could do it


def barred(values: Values) -> str:
    return _shut(values["barred"], values["pool_reset"])


def kept(values: Values) -> str:
    """Pools keep some of the agents that could do it, and no other one is free and awake."""
    agents: dict[str, list[str]] = {}
    for each in values["kept"]:
        agents.setdefault(each["pool"], []).append(each["agent"])
    pools = {each["pool"]: _shut(each, each["reset"]) for each in values["kept"]}
    return "; ".join(f"{', '.join(names)} could do it, but {pools[pool]}" for pool, names in agents.items())


def open_kept(values: Values) -> str:
    return _open(values["kept"][0])


def _shut(found: Values, reset: str) -> str:
    """Why a pool allows nothing. reset: when it is tried again."""
    match found["why"]:
        case "full":
            return (
                f"the pool {found['pool']} allows {counted(found['limit'], 'claim')} at once, and has no room"
            )
        case "tried":
            return f"the pool {found['pool']} is being tried out by another task"
    reason = f": {found['reason']}" if found["reason"] else ""
    if reset:
        return f"the pool {found['pool']} is closed; it is tried again {reset}{reason}"
    return f"the pool {found['pool']} is closed until somebody opens it{reason}"


def open_pool(values: Values) -> str:
    return _open(values["barred"])


def _open(found: Values) -> str:
    pool = found["pool"]
    match found["why"]:
        case "full":
            return f"It is granted when one of its claims ends, or raise its limit (PATCH /pools/{pool})."
        case "tried":
            return (
                "When that task is completed, the pool is open again."
                f" To open it now: POST /pools/{pool}/open."
            )
    return f"An agent without this pool may take it. To open the pool now: POST /pools/{pool}/open."


def unable(values: Values) -> str:
    if values["absent"]:
        return f"no agent that could do it is available: {', '.join(values['absent'])}"
    if values["has_profile"]:
        return "no worker runs that could do it"
    skills = " and ".join(values["capabilities"])
    return (
        f"no agent of {values['project']} works in"
        f" {values['phase']}{f' and can do {skills}' if skills else ''}"
    )


def enable(values: Values) -> str:
    if values["absent"]:
        name = values["absent"][0].partition(" is ")[0]
        return f"Make {name} available again (POST /agents/{name}/availability), or {_add_agent(values)}."
    if values["has_profile"]:
        return "Start a worker: python3 manage.py worker."
    return f"Add an agent: {_agent_command(values)}."


def _add_agent(values: Values) -> str:
    return f"add an agent: {_agent_command(values)}"


def _agent_command(values: Values) -> str:
    skills = "".join(f" --capability {skill}" for skill in values["capabilities"])
    return f"python3 manage.py agents create NAME --project {values['project']}{skills}"


def full(values: Values) -> str:
    one = values["able"] == 1
    names = listed(values["able_names"], values["able"])
    if values["runs_alone"]:
        return f"{alone(values)}; {names} could do it, but {'is' if one else 'are'} at work"
    if one:
        return f"{names} could do it, but has no free capacity"
    return f"{names} could do it, but have no free capacity"


def alone(values: Values) -> str:
    workers = counted(values["worker_deaths"], "worker")
    return (
        "it must run alone,"
        f" because {workers} {'was' if values['worker_deaths'] == 1 else 'were'} lost while running it"
    )


def make_room(values: Values) -> str:
    own = "Finish everything you hold" if values["runs_alone"] else "Finish a task you hold"
    return f"{own}, then claim (POST /claims). An operator can {_add_agent(values)}."


def agents_full(values: Values) -> str:
    limit = counted(values["max_agents"], "agent")
    return f"project {values['project']} is limited to {limit} at work, and they have no free capacity for it"


def tickets_full(values: Values) -> str:
    limit = counted(values["max_tickets"], "ticket")
    ticket = values["ticket"]
    return f"project {values['project']} is limited to {limit} in work, and {ticket} is not one of them"


def raise_limit(name: str) -> Sentence:
    """The remedy for a limit that is reached: `name` is that of the limit."""

    def remedy(values: Values) -> str:
        return (
            "Finish what is claimed there. An operator can raise the limit:"
            f" python3 manage.py projects limit {values['project']} --{name.replace('_', '-')} N."
        )

    return remedy


def all_silent(values: Values) -> str:
    names = listed(values["able_names"], values["able"])
    return f"{names} could do it, but {silence(values['all_silent'], values['able'])}"


def start_one(values: Values) -> str:
    """Those that a pool keeps would be granted nothing."""
    quiet = values["quiet_names"] or values["able_names"]
    if len(quiet) == 1:
        name = quiet[0]
    elif 0 < values["quiet"] < values["able"]:
        name = f"one of {listed(quiet, values['quiet'])}"
    else:
        name = "one of them"
    return f"Start {name}, so that it claims (POST /claims), or {_add_agent(values)}."


NOBODY_FREE = "nobody who could do it is free: "


def full_or_silent(values: Values) -> str:
    parts = []
    if values["busy"]:
        has = "has" if values["busy"] == 1 else "have"
        parts.append(f"{listed(values['busy_names'], values['busy'])} {has} no free capacity")
    if by_pool := values["kept"]:
        are = "is" if len(by_pool) == 1 else "are"
        names, pools = [each["agent"] for each in by_pool], sorted({each["pool"] for each in by_pool})
        parts.append(f"{', '.join(names)} {are} kept by the pool{'s' * (len(pools) > 1)} {', '.join(pools)}")
    if values["quiet"]:
        are = "is" if values["quiet"] == 1 else "are"
        parts.append(f"{listed(values['quiet_names'], values['quiet'])} {are} silent")
    return f"{NOBODY_FREE}{'; '.join(parts)}"


def free_or_start(values: Values) -> str:
    """Where nobody is at work, it helps only to start those that are silent."""
    return make_room(values) if values["busy"] else start_one(values)


def critical(values: Values) -> str:
    """For a task of the highest priority that has been ready for `ready_for`."""
    who = (ready if values["free"] else full_or_silent)(values)
    who = who.removeprefix("it is ready; ").removeprefix(NOBODY_FREE)
    return f"it is critical, has been ready for {values['ready_for']}, and nobody has taken it: {who}"


def ready(values: Values) -> str:
    has = "has" if values["free"] == 1 else "have"
    free = f"{listed(values['free_names'], values['free'])} could claim it, but {has} not done so yet"
    return f"{alone(values)}; {free}" if values["runs_alone"] else f"it is ready; {free}"


def ask(values: Values) -> str:
    return (
        "Claim it: POST /claims. The first agent that claims gets it, in the order of work;"
        f" an operator can move it to the front with Bump{values['on_page']}."
    )


# -- a failed task


def worker_lost(values: Values) -> str:
    return f"it failed because workers were lost while running it: {values['error']}"


def validation_repeated(values: Values) -> str:
    return f"it failed validation three times in the same way: {values['error'] or 'no reason given'}"


def validation_rounds(values: Values) -> str:
    return f"it failed validation again after ten fixes: {values['error'] or 'no reason given'}"


def failed(values: Values) -> str:
    if not values["attempts"]:  # an operation, which nobody tries
        return f"it failed: {values['error']}"
    attempts = f"{values['attempts']} of {counted(values['max_attempts'], 'attempt')}"
    return f"it failed after {attempts}: {values['error'] or 'no reason given'}"


BY_FAILURE = {
    "worker_lost": worker_lost,
    "validation_repeated": validation_repeated,
    "validation_rounds": validation_rounds,
}


def ended_badly(values: Values) -> str:
    """Why it failed, by its `failure`."""
    return BY_FAILURE.get(values["failure"], failed)(values)
