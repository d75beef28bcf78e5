"""CodeDeploy for ECS services, which the emulator has not got: one deployment of a group at a time, its lifecycle events
and hooks as a test says.

Shapes: https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeployment.html,
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""

import json
import time
import uuid

from ministack.core import responses
from ministack.services import ecs

from . import emit

# By identifier.
DEPLOYMENTS = {}
# Application and group → the service that is in it.
GROUPS = {}
OVER = ("Succeeded", "Failed", "Stopped")


def join(request: dict) -> dict:
    """{cluster, service, application, group}: CodeDeploy deploys a service from now on."""
    service = ecs._services[f"{request['cluster']}/{request['service']}"]
    service["deploymentController"] = {"type": "CODE_DEPLOY"}
    GROUPS[(request["application"], request["group"])] = service
    deployment = new(request["application"], request["group"], service["taskDefinition"])
    end(deployment, "Succeeded")
    return {"deployment": deployment["deploymentId"]}


def new(application, group, revision) -> dict:
    deployment = {
        "deploymentId": "d-" + uuid.uuid4().hex[:9].upper(),
        "applicationName": application,
        "deploymentGroupName": group,
        "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce",
        "status": "InProgress",
        "creator": "user",
        "createTime": time.time(),
        "revision": revision,
        "stage": "",
        "hooks": {},
        "waits": {},
    }
    DEPLOYMENTS[deployment["deploymentId"]] = deployment
    return deployment


def task_set(deployment, status) -> dict:
    identifier = f"ecs-svc/{deployment['deploymentId'][2:]}"
    return {
        "id": identifier,
        "externalId": deployment["deploymentId"],
        "startedBy": "CODE_DEPLOY",
        "status": status,
        "taskDefinition": deployment["revision"],
        "loadBalancers": [{"containerName": "web", "containerPort": 8080}],
    }


def group_of(identifier) -> tuple[str, str]:
    """Application and deployment group of a deployment."""
    deployment = DEPLOYMENTS.get(identifier, {})
    return deployment.get("applicationName", ""), deployment.get("deploymentGroupName", "")


def tags(arn) -> list:
    """Deployment groups are tagged as docs/releases.md asks for."""
    return [("lamplighter:managed", "true")] if ":deploymentgroup:" in arn else []


def service_of(deployment):
    return GROUPS[(deployment["applicationName"], deployment["deploymentGroupName"])]


def create(request, scope):
    key = (request["applicationName"], request["deploymentGroupName"])
    if key not in GROUPS:
        return error("DeploymentGroupDoesNotExistException", "No deployment group found.")
    running = [d for d in DEPLOYMENTS.values() if (d["applicationName"], d["deploymentGroupName"]) == key and d["status"] not in OVER]
    if running:
        message = f"The Deployment Group '{key[1]}' already has an active Deployment '{running[0]['deploymentId']}'"
        return error("DeploymentLimitExceededException", message)
    spec = json.loads(request["revision"]["appSpecContent"]["content"])
    deployment = new(*key, spec["Resources"][0]["TargetService"]["Properties"]["TaskDefinition"])
    deployment["hooks"] = {stage: function for hook in spec["Hooks"] for stage, function in hook.items()}
    service_of(deployment)["taskSets"].append(task_set(deployment, "ACTIVE"))
    with responses.request_scope(*scope):
        changed(deployment, "START")
    return 200, {"deploymentId": deployment["deploymentId"]}


def get(request, scope):
    deployment = DEPLOYMENTS.get(request["deploymentId"])
    if not deployment:
        return error("DeploymentDoesNotExistException", "The deployment does not exist.")
    shown = ("deploymentId", "applicationName", "deploymentGroupName", "deploymentConfigName", "status", "creator", "createTime")
    return 200, {"deploymentInfo": {key: deployment[key] for key in shown}}


def targets(request, scope):
    service = service_of(DEPLOYMENTS[request["deploymentId"]])
    return 200, {"targetIds": [f"{service['clusterArn'].rsplit('/', 1)[-1]}:{service['serviceName']}"]}


def target(request, scope):
    deployment = DEPLOYMENTS[request["deploymentId"]]
    events = [{"lifecycleEventName": deployment["stage"], "status": "InProgress"}] if deployment["stage"] else []
    found = {"deploymentId": request["deploymentId"], "targetArn": service_of(deployment)["serviceArn"], "lifecycleEvents": events}
    return 200, {"deploymentTarget": {"deploymentTargetType": "ECSTarget", "ecsTarget": found}}


def stop(request, scope):
    deployment = DEPLOYMENTS[request["deploymentId"]]
    if deployment["status"] in OVER:
        return error("DeploymentAlreadyCompletedException", "The deployment is already complete.")
    with responses.request_scope(*scope):
        end(deployment, "Stopped")
    return 200, {"status": "Succeeded"}


def report(request, scope):
    """PutLifecycleEventHookExecutionStatus."""
    deployment = DEPLOYMENTS[request["deploymentId"]]
    execution = request["lifecycleEventHookExecutionId"]
    if deployment["waits"].get(execution) != "InProgress":
        return error("LifecycleEventAlreadyCompletedException", "The lifecycle event is complete.")
    deployment["waits"][execution] = request["status"]
    if request["status"] == "Failed":
        with responses.request_scope(*scope):
            end(deployment, "Failed")
    return 200, {"lifecycleEventHookExecutionId": execution}


def error(code, message):
    return 400, {"__type": code, "message": message}


def move(request: dict, call) -> dict:
    """{to}: the deployment in progress ends (Succeeded | Failed | Stopped), or comes to a lifecycle event and asks its hook
    there. Answers {"asked"}. ``call``: invokes a function by its ARN without waiting for its answer."""
    deployment = next(d for d in DEPLOYMENTS.values() if d["status"] not in OVER)
    if request["to"] in OVER:
        end(deployment, request["to"])
        return {"asked": False}
    deployment["stage"] = request["to"]
    function = deployment["hooks"].get(request["to"])
    if function:
        execution = uuid.uuid4().hex
        deployment["waits"][execution] = "InProgress"
        call(function, {"DeploymentId": deployment["deploymentId"], "LifecycleEventHookExecutionId": execution})
    return {"asked": bool(function)}


def waits(_request) -> list:
    """How each question of every deployment was answered."""
    return [answer for deployment in DEPLOYMENTS.values() for answer in deployment["waits"].values()]


def end(deployment, status) -> None:
    deployment["status"] = status
    service = service_of(deployment)
    if status == "Succeeded":
        service["taskSets"] = [task_set(deployment, "PRIMARY")]
    else:
        own = deployment["deploymentId"]
        service["taskSets"] = [one for one in service["taskSets"] if one["externalId"] != own]
    changed(deployment, {"Succeeded": "SUCCESS", "Failed": "FAILURE", "Stopped": "STOP"}[status])


def changed(deployment, state) -> None:
    if not emit.SETTINGS["events"]:
        return
    application, group = deployment["applicationName"], deployment["deploymentGroupName"]
    detail = {
        "region": responses.get_region(),
        "application": application,
        "deploymentGroup": group,
        "deploymentId": deployment["deploymentId"],
        "state": state,
    }
    arn = f"arn:aws:codedeploy:{responses.get_region()}:{responses.get_account_id()}"
    resources = [f"{arn}:application:{application}", f"{arn}:deploymentgroup:{application}/{group}"]
    emit.send("aws.codedeploy", "CodeDeploy Deployment State-change Notification", detail, resources)


def reset() -> None:
    DEPLOYMENTS.clear()
    GROUPS.clear()
