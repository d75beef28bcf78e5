"""Service deployments and tasks that stop, which the emulator has not got.

Shapes: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html,
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html
"""

import time
import uuid

from ministack.services import cloudwatch_logs, ecs

# By ARN.
DEPLOYMENTS = {}
REVISIONS = {}


def began(service, primary, before) -> None:
    """Notes a deployment that ECS has begun, and what ran before it."""
    deployment = {
        "serviceDeploymentArn": arn_of(service, "service-deployment", primary),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "createdAt": time.time(),
        "status": "IN_PROGRESS",
        "sourceServiceRevisions": [{"arn": revision(service, old)} for old in before],
        "targetServiceRevision": {"arn": revision(service, primary)},
    }
    DEPLOYMENTS[deployment["serviceDeploymentArn"]] = deployment


def arn_of(service, kind, deployment) -> str:
    return service["serviceArn"].replace(":service/", f":{kind}/") + "/" + deployment["id"].rsplit("/", 1)[-1]


def revision(service, deployment) -> str:
    arn = arn_of(service, "service-revision", deployment)
    REVISIONS[arn] = {
        "serviceRevisionArn": arn,
        "serviceArn": service["serviceArn"],
        "taskDefinition": deployment["taskDefinition"],
        "loadBalancers": service.get("loadBalancers", []),
    }
    return arn


def ended(service, deployment, status) -> None:
    arn = arn_of(service, "service-deployment", deployment)
    if arn in DEPLOYMENTS:
        DEPLOYMENTS[arn].update(status=status, finishedAt=time.time())


def listed(request, scope):
    name = request["service"].rsplit("/", 1)[-1]
    wanted = request.get("status", [])
    found = [d for d in DEPLOYMENTS.values() if d["serviceArn"].endswith(f"/{name}")]
    return 200, {"serviceDeployments": [d for d in found if not wanted or d["status"] in wanted]}


def described(request, scope):
    arns = request["serviceDeploymentArns"]
    return 200, {"serviceDeployments": [DEPLOYMENTS[arn] for arn in arns if arn in DEPLOYMENTS]}


def revisions(request, scope):
    arns = request["serviceRevisionArns"]
    return 200, {"serviceRevisions": [REVISIONS[arn] for arn in arns if arn in REVISIONS]}


def stop_task(request: dict) -> dict:
    """{cluster, service, reason, exit_code?, lines?}: a task of what the service rolls out stops, after writing lines."""
    service = ecs._services[f"{request['cluster']}/{request['service']}"]
    definition = service["taskDefinition"]
    container = next(iter(ecs._task_defs[definition.rsplit("/", 1)[-1]]["containerDefinitions"]))
    task_id = uuid.uuid4().hex
    arn = service["serviceArn"].replace(":service/", ":task/").rsplit("/", 1)[0] + "/" + task_id
    stopped = {"name": container["name"], "lastStatus": "STOPPED"}
    if "exit_code" in request:
        stopped["exitCode"] = request["exit_code"]
    ecs._tasks[arn] = {
        "taskArn": arn,
        "clusterArn": service["clusterArn"],
        "taskDefinitionArn": definition,
        "group": f"service:{request['service']}",
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stoppedReason": request["reason"],
        "stoppedAt": int(time.time()),
        "startedBy": service["deployments"][0]["id"],
        "containers": [stopped],
        "tags": [],
    }
    options = container.get("logConfiguration", {}).get("options", {})
    if options and request.get("lines"):
        stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task_id}"
        write(options["awslogs-group"], stream, request["lines"])
    return {"task": arn}


def write(group, stream, lines) -> None:
    where = {"logGroupName": group, "logStreamName": stream}
    for call, more in (("_create_log_group", {}), ("_create_log_stream", {}), ("_put_log_events", None)):
        if more is None:
            more = {"logEvents": [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]}
        getattr(cloudwatch_logs, call)({**where, **more})


def reset() -> None:
    DEPLOYMENTS.clear()
    REVISIONS.clear()
