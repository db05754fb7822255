"""Sentences of a task's obstacles: what is in the way, and what would help."""

from __future__ import annotations

from tickets.models.explain.sentences import Values, by_clock, counted, explain_command, listed

# -- a claimed task


def claimed(values: Values) -> str:
    return (
        f"{values['holder']} works on it, attempt {values['attempts']} of {values['max_attempts']};"
        f" the lease ends {values['lease_end']}"
    )


def settle(values: Values) -> str:
    return (
        f"Complete it (POST /tasks/{values['id']}/completion) or give it back"
        f" (POST /tasks/{values['id']}/release). An operator can cancel it:"
        f" Cancel beside the task{values['on_page']}."
    )


def silent_holder(values: Values) -> str:
    return (
        f"{values['holder']} holds it and {silence(values['holder_silent'], 1)};"
        f" the lease ends {values['lease_end']}"
    )


def report(values: Values) -> str:
    return (
        "Send a heartbeat (POST /agents/me/heartbeat) or give the task back"
        f" (POST /tasks/{values['id']}/release). An operator can retire an agent that is gone"
        f" (POST /agents/{values['holder']}/retire): all it holds is then free at once."
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
    return f"it waits for {listed(values['open_keys'], values['left_open'])}"


def see_need(values: Values) -> str:
    if not values["open_keys"]:
        return by_clock("counts that")(values)
    return (
        f"{values['key']} is ready once {'that has' if values['left_open'] == 1 else 'they have'}"
        f" ended as needed. To see why {values['open_keys'][0]} is still open:"
        f" {explain_command(values['open_keys'][0])}."
    )


def not_due(values: Values) -> str:
    if values["attempts"]:
        return f"attempt {values['attempts']} failed; the next one is due {values['due_at']}"
    return f"it is due {values['due_at']}, not before"


def wake(values: Values) -> str:
    return (
        "The clock or the next claim makes it ready then."
        f" To have it sooner, set an earlier time (PATCH /tasks/{values['id']})."
    )


def see_ticket(values: Values) -> str:
    ticket = values["ticket"]
    return f"It can be claimed when the ticket gets there. To see why it is not: {explain_command(ticket)}."


# -- a pending task: agents that could do it


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
    workers = counted("worker", values["worker_deaths"])
    return (
        "it must run alone,"
        f" because {workers} {'was' if values['worker_deaths'] == 1 else 'were'} lost while running it"
    )


def make_room(values: Values) -> str:
    own = "Finish everything you hold" if values["runs_alone"] else "Finish a task you hold"
    return f"{own}, then claim (POST /claims). An operator can {_add_agent(values)}."


def all_silent(values: Values) -> str:
    names = listed(values["able_names"], values["able"])
    return f"{names} could do it, but {silence(values['all_silent'], values['able'])}"


def start_one(values: Values) -> str:
    name = values["able_names"][0] if values["able"] == 1 else "one of them"
    return f"Start {name}, so that it claims (POST /claims), or {_add_agent(values)}."


def full_or_silent(values: Values) -> str:
    names = listed(values["able_names"], values["able"])
    return f"{names} could do it, but some have no free capacity, and the others are silent"


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


def failed(values: Values) -> str:
    attempts = f"{values['attempts']} of {counted('attempt', values['max_attempts'])}"
    return f"it failed after {attempts}: {values['error'] or 'no reason given'}"
