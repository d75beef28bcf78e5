"""Tasks that run and stop, their targets, instances under them, and changes of what they need, as a test says.

The emulator's tasks are nothing but what RunTask was asked for; its targets are always healthy, it has no container
instances, and instances of Auto Scaling groups have no health.

Shapes: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_container_instance_events.html,
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html,
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceHealth.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Event.html
"""

import re
import time
import uuid

from ministack.services import alb, autoscaling, cloudwatch_logs, ecs

from . import emit

# ARN → container instance; EC2 instance → its Auto Scaling group and health; target's id → its health; what CloudTrail knows.
INSTANCES = {}
GROUPS = {}
UNHEALTHY = {}
CHANGES = []


def install() -> None:
    """Targets are as healthy as ``targets`` says. Call once, before the emulator starts serving."""
    original = alb._ACTION_MAP["DescribeTargetHealth"]

    def described(params):
        status, headers, body = original(params)
        text = body.decode() if isinstance(body, bytes) else body
        for target, description in UNHEALTHY.items():
            health = f"<State>unhealthy</State><Reason>Target.Timeout</Reason><Description>{description}</Description>"
            text = re.sub(f"(<Id>{re.escape(target)}</Id>.*?)<State>healthy</State>", rf"\g<1>{health}", text, flags=re.S)
        return status, headers, text.encode()

    alb._ACTION_MAP["DescribeTargetHealth"] = described
    autoscaling._ACTION_MAP.update(DescribeAutoScalingInstances=of_groups, SetInstanceHealth=set_health)


def service_of(request):
    return ecs._services[f"{request['cluster']}/{request['service']}"]


def task_of(service, name, **more) -> dict:
    arn = service["serviceArn"].replace(":service/", ":task/").rsplit("/", 1)[0] + "/" + uuid.uuid4().hex
    return {
        "taskArn": arn,
        "clusterArn": service["clusterArn"],
        "taskDefinitionArn": service["taskDefinition"],
        "group": f"service:{name}",
        "startedBy": service["deployments"][0]["id"],
        "availabilityZone": "eu-west-1a",
        "version": 5,
        "tags": [],
        **more,
    }


def definition_of(service):
    return ecs._task_defs[service["taskDefinition"].rsplit("/", 1)[-1]]


def run_task(request: dict) -> dict:
    """{cluster, service, address, instance?, health?}: a task of the service runs, with this address, on an instance."""
    service = service_of(request)
    interface = {
        "type": "ElasticNetworkInterface",
        "status": "ATTACHED",
        "details": [{"name": "privateIPv4Address", "value": request["address"]}],
    }
    containers = [{"name": one["name"], "lastStatus": "RUNNING"} for one in definition_of(service)["containerDefinitions"]]
    states = {"lastStatus": "RUNNING", "desiredStatus": "RUNNING", "startedAt": int(time.time()) - 3600}
    host = {"containerInstanceArn": request["instance"]} if "instance" in request else {}
    host["healthStatus"] = request.get("health", "HEALTHY")
    task = task_of(service, request["service"], containers=containers, attachments=[interface], **states, **host)
    ecs._tasks[task["taskArn"]] = task
    return {"task": task["taskArn"]}


def stop_task(request: dict) -> dict:
    """{cluster, service, reason, code?, exit_code?, says?, lines?, ago?, running?}: a task of what the service rolls out
    stops, after writing lines; so many run then.

    ``says``: what ECS says of its container; ``ago``: seconds since.
    """
    service = service_of(request)
    container = definition_of(service)["containerDefinitions"][0]
    stopped = {"name": container["name"], "lastStatus": "STOPPED", "reason": request.get("says", "")}
    if "exit_code" in request:
        stopped["exitCode"] = request["exit_code"]
    code = "EssentialContainerExited" if "exit_code" in request else "TaskFailedToStart"
    task = task_of(
        service,
        request["service"],
        lastStatus="STOPPED",
        desiredStatus="STOPPED",
        stopCode=request.get("code", code),
        stoppedReason=request["reason"],
        stoppedAt=int(time.time()) - request.get("ago", 0),
        containers=[stopped],
    )
    ecs._tasks[task["taskArn"]] = task
    options = container.get("logConfiguration", {}).get("options", {})
    if options and request.get("lines"):
        stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task['taskArn'].rsplit('/', 1)[-1]}"
        write(options["awslogs-group"], stream, request["lines"])
    count(request)
    if emit.SETTINGS["events"]:
        emit.send("aws.ecs", "ECS Task State Change", {k: v for k, v in task.items() if k != "tags"}, [task["taskArn"]])
    return {"task": task["taskArn"]}


def count(request: dict) -> dict:
    """{cluster, service, running?, quiet?, digest?}: so many of its tasks run; ``quiet``: ECS has forgotten those that stopped;
    ``digest``: of the image that the containers of its tasks run, which the emulator doesn't say.
    """
    if "running" in request:
        service_of(request)["runningCount"] = request["running"]
    if "digest" in request:
        for task in ecs._tasks.values():
            if task["group"] == f"service:{request['service']}":
                for container in task["containers"]:
                    container["imageDigest"] = request["digest"]
    if request.get("quiet"):
        group = f"service:{request['service']}"
        for arn in [arn for arn, task in ecs._tasks.items() if task["group"] == group and task["lastStatus"] == "STOPPED"]:
            del ecs._tasks[arn]
    return {}


def write(group, stream, lines) -> None:
    where = {"logGroupName": group, "logStreamName": stream}
    for call, more in (("_create_log_group", {}), ("_create_log_stream", {}), ("_put_log_events", None)):
        if more is None:
            more = {"logEvents": [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]}
        getattr(cloudwatch_logs, call)({**where, **more})


def targets(request: dict) -> dict:
    """{group, healthy?: [address], unhealthy?: {address: description}}: all targets of a group, by the end of its ARN."""
    unhealthy = request.get("unhealthy", {})
    group = next(arn for arn in alb._tgs if arn.endswith(request["group"]))
    alb._targets[group] = [{"Id": address, "Port": 80} for address in [*request.get("healthy", []), *unhealthy]]
    for address in request.get("healthy", []):
        UNHEALTHY.pop(address, None)
    UNHEALTHY.update(unhealthy)
    return {}


def instance(request: dict) -> dict:
    """{cluster, ec2, connected, tags: {key: value}, group?}: an instance of a cluster, whose agent is connected or not, and
    of an Auto Scaling group."""
    if "group" in request:
        GROUPS[request["ec2"]] = {"group": request["group"], "health": "HEALTHY"}
    cluster = next(one["clusterArn"] for one in ecs._clusters.values() if one["clusterName"] == request["cluster"])
    known = (arn for arn, one in INSTANCES.items() if one["ec2InstanceId"] == request["ec2"])
    arn = next(known, None) or f"{cluster.replace(':cluster/', ':container-instance/')}/{uuid.uuid4().hex}"
    before = INSTANCES.get(arn, {"status": "ACTIVE"})
    INSTANCES[arn] = {
        **before,
        "containerInstanceArn": arn,
        "ec2InstanceId": request["ec2"],
        "agentConnected": request["connected"],
        "runningTasksCount": 0,
        "tags": [{"key": key, "value": value} for key, value in request.get("tags", {}).items()],
    }
    if emit.SETTINGS["events"]:
        detail = {k: v for k, v in INSTANCES[arn].items() if k != "tags"}
        emit.send("aws.ecs", "ECS Container Instance State Change", {**detail, "clusterArn": cluster}, [arn])
    return {"instance": arn}


def of_groups(form):
    """DescribeAutoScalingInstances, by the instances."""
    members = ""
    for ec2 in autoscaling._parse_member_list(form, "InstanceIds"):
        if known := GROUPS.get(ec2):
            states = f"<LifecycleState>InService</LifecycleState><HealthStatus>{known['health']}</HealthStatus>"
            zone = "<AvailabilityZone>eu-west-1a</AvailabilityZone><ProtectedFromScaleIn>false</ProtectedFromScaleIn>"
            group = f"<AutoScalingGroupName>{known['group']}</AutoScalingGroupName>"
            members += f"<member><InstanceId>{ec2}</InstanceId>{group}{zone}{states}</member>"
    result = f"<AutoScalingInstances>{members}</AutoScalingInstances>"
    body = f"<DescribeAutoScalingInstancesResult>{result}</DescribeAutoScalingInstancesResult>"
    return autoscaling._xml(200, "DescribeAutoScalingInstancesResponse", body)


def set_health(form):
    """SetInstanceHealth: a group replaces what is not healthy."""
    ec2 = form["InstanceId"]
    if ec2 not in GROUPS:
        return autoscaling._error("ValidationError", f"Instance Id not found - No managed instance found for instance ID: {ec2}")
    GROUPS[ec2]["health"] = form["HealthStatus"]
    return autoscaling._xml(200, "SetInstanceHealthResponse", "")


def listed(request, scope):
    """ListContainerInstances, with the one filter that is asked for."""
    cluster = request["cluster"].rsplit("/", 1)[-1]
    of_cluster = [one for arn, one in INSTANCES.items() if f":container-instance/{cluster}/" in arn]
    if request.get("filter"):
        if request["filter"] != "agentConnected == false":
            raise ValueError(f"the local stack can't evaluate {request['filter']}")
        of_cluster = [one for one in of_cluster if not one["agentConnected"]]
    wanted = [one for one in of_cluster if one["status"] == request.get("status", one["status"])]
    return 200, {"containerInstanceArns": [one["containerInstanceArn"] for one in wanted]}


def described(request, scope):
    """DescribeContainerInstances, by ARN."""
    names = request["containerInstances"]
    return 200, {"containerInstances": [INSTANCES[name] for name in names if name in INSTANCES], "failures": []}


def drained(request, scope):
    """UpdateContainerInstancesState, by identifier."""
    found = [one for arn, one in INSTANCES.items() if arn.rsplit("/", 1)[-1] in request["containerInstances"]]
    for one in found:
        one["status"] = request["status"]
    return 200, {"containerInstances": found, "failures": []}


def change(request: dict) -> dict:
    """{resource, call, by, ago?}: CloudTrail knows of a change."""
    CHANGES.insert(0, {**request, "at": time.time() - request.get("ago", 0)})
    return {}


def looked_up(request, scope):
    """LookupEvents, by the name of a resource."""
    attribute = request["LookupAttributes"][0]
    found = [one for one in CHANGES if one["resource"] == attribute["AttributeValue"] and one["at"] >= request["StartTime"]]
    events = [{"EventName": one["call"], "Username": one["by"], "EventTime": one["at"], "ReadOnly": "false"} for one in found]
    return 200, {"Events": events}


def reset() -> None:
    for memory in (INSTANCES, GROUPS, UNHEALTHY, CHANGES):
        memory.clear()
