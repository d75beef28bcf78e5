"""Service deployments with their hooks, which the emulator has not got.

Shapes: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html,
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html
"""

import time
import uuid

from ministack.core import responses
from ministack.services import ecs

from . import emit

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
        "sourceServiceRevisions": [{"arn": revision(service, old, "targetGroupArn")} for old in before],
        "targetServiceRevision": {"arn": revision(service, primary, "alternateTargetGroupArn")},
        "lifecycleHookDetails": [],
    }
    DEPLOYMENTS[deployment["serviceDeploymentArn"]] = deployment


def arn_of(service, kind, deployment) -> str:
    return service["serviceArn"].replace(":service/", f":{kind}/") + "/" + deployment["id"].rsplit("/", 1)[-1]


def revision(service, deployment, group) -> str:
    arn = arn_of(service, "service-revision", deployment)
    balancers = service.get("loadBalancers") or []
    groups = [{**balancer, **balancer.get("advancedConfiguration", {})}.get(group) for balancer in balancers]
    REVISIONS[arn] = {
        "serviceRevisionArn": arn,
        "serviceArn": service["serviceArn"],
        "taskDefinition": deployment["taskDefinition"],
        "loadBalancers": balancers,
        "resolvedConfiguration": {"loadBalancers": [{"targetGroupArn": arn} for arn in groups if arn]},
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


def running(cluster, name):
    """A service and its deployment that is moving."""
    service = ecs._services[f"{cluster}/{name}"]
    moving = (d for d in DEPLOYMENTS.values() if d["serviceArn"] == service["serviceArn"] and d["status"] == "IN_PROGRESS")
    return service, next(moving)


def ask(request: dict, call) -> dict:
    """{cluster, service, stage, weight?}: moves a deployment to a stage, with so much of the traffic, and asks its hooks
    there once. Answers {"hookStatus"} of the first that did not succeed, and takes back what failed.

    ``call``: invokes a function by its ARN and answers what it answers.
    """
    service, deployment = running(request["cluster"], request["service"])
    stage, weight = request["stage"], request.get("weight", 0)
    source, target = deployment["sourceServiceRevisions"][0], deployment["targetServiceRevision"]
    deployment["lifecycleStage"] = stage
    target["requestedProductionTrafficWeight"] = weight
    source["requestedProductionTrafficWeight"] = 100 - weight
    shifts = stage == "PRODUCTION_TRAFFIC_SHIFT"
    payload = {
        "executionId": str(uuid.uuid4()),
        "lifecycleStage": stage,
        "resourceArn": deployment["serviceDeploymentArn"],
        "executionDetails": {
            "serviceArn": service["serviceArn"],
            "targetServiceRevisionArn": target["arn"],
            "testTrafficWeights": {},
            "productionTrafficWeights": {target["arn"]: weight, source["arn"]: 100 - weight} if shifts else {},
        },
    }
    for hook in service["deploymentConfiguration"].get("lifecycleHooks", []):
        if stage not in hook["lifecycleStages"]:
            continue
        answer = pause(deployment, hook) if hook.get("targetType") == "PAUSE" else call(hook["hookTargetArn"], payload)
        if answer["hookStatus"] == "FAILED":
            emit.end_rollout(request["cluster"], request["service"], "FAILED")
        if answer["hookStatus"] != "SUCCEEDED":
            return answer
    return {"hookStatus": "SUCCEEDED"}


def pause(deployment, hook) -> dict:
    """A hook that waits for a person is one for the whole deployment."""
    details = deployment["lifecycleHookDetails"]
    if not details:
        details.append({"hookId": "ecs-pause-1", "targetType": "PAUSE", "status": "AWAITING_ACTION"})
        detail = {
            "eventType": "INFO",
            "eventName": "HOOK_AWAITING_ACTION",
            "hookId": "ecs-pause-1",
            "hookType": "PAUSE",
            "lifecycleStage": deployment["lifecycleStage"],
            "clusterArn": deployment["clusterArn"],
            "serviceArn": deployment["serviceArn"],
            "serviceDeploymentArn": deployment["serviceDeploymentArn"],
        }
        emit.send("aws.ecs", "ECS Hook State Change", detail, [deployment["serviceDeploymentArn"]])
    return {"hookStatus": "SUCCEEDED" if details[0]["status"] == "SUCCEEDED" else "IN_PROGRESS"}


def go_on(request, scope):
    """ContinueServiceDeployment."""
    deployment = DEPLOYMENTS.get(request["serviceDeploymentArn"], {})
    waiting = [hook for hook in deployment.get("lifecycleHookDetails", []) if hook["hookId"] == request["hookId"]]
    if not waiting or waiting[0]["status"] != "AWAITING_ACTION":
        return 400, {"__type": "InvalidParameterException", "message": "Provided hookId is either completed or unavailable."}
    waiting[0]["status"] = "SUCCEEDED"
    return 200, {"serviceDeploymentArn": request["serviceDeploymentArn"]}


def stop_deployment(request, scope):
    """StopServiceDeployment."""
    arn = request["serviceDeploymentArn"]
    if DEPLOYMENTS.get(arn, {}).get("status") != "IN_PROGRESS":
        return 400, {"__type": "ConflictException", "message": "The service deployment can't be stopped."}
    cluster, name = DEPLOYMENTS[arn]["serviceArn"].rsplit("/", 2)[1:]
    with responses.request_scope(*scope):
        emit.end_rollout(cluster, name, "STOPPED")
    return 200, {"serviceDeploymentArn": arn}


def reset() -> None:
    DEPLOYMENTS.clear()
    REVISIONS.clear()


emit.ON_BEGIN.append(began)
emit.ON_END.append(ended)
