"""RunTask as AWS checks it, and tasks of no service that end when a test says so.

The emulator starts a task for every call, whatever its token, and checks no network.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html,
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
"""

import json
import re
import time
from datetime import datetime, timezone

from ministack.core import responses
from ministack.services import ecs

from . import emit, tasks

# (cluster, token) → (request, answer).
TOKENS = {}
TOKEN = re.compile(r"[!-~]{1,64}")
STARTED_BY = re.compile(r"[A-Za-z0-9_/-]{0,128}")


def run(request, scope):
    """RunTask, with a client token that starts one task."""
    with responses.request_scope(*scope):
        if refused := refusal(request):
            return 400, refused
        key = (request.get("cluster", "default").rsplit("/", 1)[-1], request.get("clientToken"))
        known = TOKENS.get(key)
        if known and known[0] == request:
            return known[1]
        if known:
            taken = [task["taskArn"] for task in known[1][1]["tasks"]]
            message = "The provided clientToken is already in use with a different RunTask request."
            return 400, {"__type": "ConflictException", "message": message, "resourceIds": taken}
        status, _, body = ecs._run_task(request)
        answer = status, json.loads(body)
        if status == 200 and request.get("clientToken"):
            TOKENS[key] = request, answer
        return answer


def refusal(request):
    """What AWS answers to a request that it does not accept; None if it does."""
    definition = ecs._task_defs.get(ecs._resolve_td_key(request.get("taskDefinition", "")))
    if definition is None:
        return error("ClientException", "TaskDefinition not found.")
    if definition.get("status") == "INACTIVE":
        return error("ClientException", "TaskDefinition is inactive")
    if "clientToken" in request and not TOKEN.fullmatch(request["clientToken"]):
        return error("InvalidParameterException", "clientToken must have up to 64 characters in the range of 33-126.")
    if not STARTED_BY.fullmatch(request.get("startedBy", "")):
        return error("InvalidParameterException", "startedBy must have up to 128 letters, numbers, hyphens, slashes and underscores.")
    has_network = bool(request.get("networkConfiguration"))
    if definition.get("networkMode") == "awsvpc" and not has_network:
        return error("InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if definition.get("networkMode") != "awsvpc" and has_network:
        return error("InvalidParameterException", "Network Configuration is not valid for the given networkMode of this task definition.")
    if request.get("launchType") == "FARGATE" and "FARGATE" not in (definition.get("requiresCompatibilities") or []):
        return error("InvalidParameterException", "Task definition does not support launch_type FARGATE.")
    return None


def error(code, message):
    return {"__type": code, "message": message}


def running(started_by):
    """The running task whose startedBy begins so."""
    all_running = (task for task in ecs._tasks.values() if task["lastStatus"] != "STOPPED")
    return next(task for task in all_running if task["startedBy"].startswith(started_by))


def age(request: dict) -> dict:
    """{started_by, seconds}: the running task whose startedBy begins so was started so long ago."""
    began = datetime.fromtimestamp(time.time() - request["seconds"], timezone.utc)
    running(request["started_by"])["startedAt"] = began.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {}


def end(request: dict) -> dict:
    """{started_by, exit_code?, reason?, lines?}: the running task whose startedBy begins so ends, after writing lines;
    without an exit code, its containers never ran. → {task}"""
    task = running(request["started_by"])
    code = request.get("exit_code")
    if code is None:
        task["startedAt"] = None
    reason = request.get("reason", "Essential container in task exited")
    stop_code = "TaskFailedToStart" if code is None else "EssentialContainerExited"
    ecs._mark_task_stopped(task["taskArn"], task, reason, stop_code, exit_code=code)
    definition = ecs._task_defs[task["taskDefinitionArn"].rsplit("/", 1)[-1]]
    container = definition["containerDefinitions"][0]
    options = container.get("logConfiguration", {}).get("options", {})
    if options and request.get("lines"):
        stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task['taskArn'].rsplit('/', 1)[-1]}"
        tasks.write(options["awslogs-group"], stream, request["lines"])
    announce(task)
    return {"task": task["taskArn"]}


def announce(task) -> None:
    """The event that ECS sends when a task has stopped."""
    if emit.SETTINGS["events"]:
        names = ("taskArn", "clusterArn", "taskDefinitionArn", "startedBy", "group", "stopCode", "stoppedReason")
        detail = {name: task.get(name, "") for name in names} | {"lastStatus": "STOPPED", "desiredStatus": "STOPPED"}
        # A container that never ran has no exit code.
        kept = ("name", "lastStatus", "reason", "exitCode")
        detail["containers"] = [
            {name: one[name] for name in kept if one.get(name) is not None} for one in task.get("containers", [])
        ]
        emit.send("aws.ecs", "ECS Task State Change", detail, [task["taskArn"]])


def reset() -> None:
    TOKENS.clear()
