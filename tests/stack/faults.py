"""Faults, injected by service, operation and count.

A fault is an object with ``service`` (the signing name: ``ecs``, ``ecr``, ``dynamodb``, …), ``action``
(``UpdateService``), ``times`` (1 if absent) and ``kind``:

* ``throttle``: ThrottlingException, nothing happens
* ``error``: ``code`` and ``status`` as given, nothing happens
* ``lost``: the call takes effect and the connection breaks before its answer is whole
* ``kill``: every function that is running is killed, and the call does not take effect
* ``latency``: the call takes ``latency_ms`` longer
"""

import asyncio

from . import gaps

KINDS = ("throttle", "error", "lost", "kill", "latency")
ACTIVE = []


def add(fault: dict) -> None:
    if fault.get("kind") not in KINDS:
        raise ValueError(f"kind {fault.get('kind')!r} is not one of {', '.join(KINDS)}")
    ACTIVE.append({"times": 1, **fault})


def take(service: str, action: str) -> dict | None:
    """The fault that hits this call, used up by one."""
    for fault in ACTIVE:
        if fault["service"] == service and fault["action"] == action:
            fault["times"] -= 1
            if fault["times"] <= 0:
                ACTIVE.remove(fault)
            return fault
    return None


async def before(fault: dict | None) -> tuple[int, str] | None:
    """What happens instead of the call: a status and an error code; ``None`` where the call goes on."""
    kind = fault["kind"] if fault else None
    if kind == "throttle":
        return 400, "ThrottlingException"
    if kind == "error":
        return fault.get("status", 400), fault["code"]
    if kind == "kill":
        gaps.kill_functions()
        return 500, "InternalServerError"
    if kind == "latency":
        await asyncio.sleep(fault["latency_ms"] / 1000)
    return None
