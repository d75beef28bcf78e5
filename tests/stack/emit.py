"""Sends the events that AWS services send and the emulator does not.

Shapes: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html,
https://docs.aws.amazon.com/tag-editor/latest/userguide/monitor-tags.html
"""

import json
import time
import uuid
from datetime import datetime, timezone

from ministack.core import responses
from ministack.services import cloudwatch_logs, ecs, eventbridge, rds

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)

EVENTS = []
# Who is told that a rollout has begun or ended: (service, deployment, what was before | status).
ON_BEGIN = []
ON_END = []
SETTINGS = {
    # False: events are lost, as ECR's may be.
    "events": True,
    # "instant": a rollout completes at once. "manual": when /_stack/deployment says so.
    "rollouts": "instant",
    # "instant": a snapshot is good at once. "manual": when /_stack/snapshot says so.
    "snapshots": "instant",
    # "instant": an export is complete at once. "manual": when /_stack/export says so.
    "exports": "instant",
    # False: functions may do anything.
    "roles": True,
}


def send(source, detail_type, detail, resources=(), *, at=None, event_id=None) -> str:
    """Puts an event on the default bus, of any source. ``at`` is an RFC 3339 time, now if absent."""
    moment = datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp() if at else time.time()
    event = {
        "EventId": event_id or str(uuid.uuid4()),
        "Source": source,
        "DetailType": detail_type,
        "Detail": detail if isinstance(detail, str) else json.dumps(detail),
        "EventBusName": "default",
        "Time": int(moment),
        "Resources": list(resources),
        "Account": responses.get_account_id(),
        "Region": responses.get_region(),
    }
    EVENTS.append(event)
    eventbridge._ensure_default_bus()
    eventbridge._dispatch_event(event)
    return event["EventId"]


def after(action: str, request: dict, answer: dict) -> None:
    """What AWS would send after a call that succeeded."""
    effect = EFFECTS.get(action)
    if effect:
        effect(request, answer)


def put_image(request, answer):
    if not SETTINGS["events"]:
        return
    image = answer["image"]
    media_type = request.get("imageManifestMediaType") or json.loads(request["imageManifest"]).get("mediaType", "")
    detail = {
        "result": "SUCCESS",
        "repository-name": request["repositoryName"],
        "image-digest": image["imageId"]["imageDigest"],
        "action-type": "PUSH",
        "image-tag": request.get("imageTag", ""),
        "manifest-media-type": media_type,
    }
    if media_type not in INDEXES:
        config = json.loads(request["imageManifest"]).get("config", {})
        detail["artifact-media-type"] = config.get("mediaType", "application/vnd.oci.image.config.v1+json")
    send("aws.ecr", "ECR Image Action", detail)


def update_service(request, answer):
    service = answer["service"]
    primary = service["deployments"][0]
    if primary.get("rolloutState") != "IN_PROGRESS":
        return
    # What is being rolled out when the next one begins is not gone back to.
    settled = [older for older in service["deployments"][1:] if older.get("rolloutState") == "COMPLETED"]
    for note in ON_BEGIN:
        note(service, primary, settled)
    deployment_event(service, "SERVICE_DEPLOYMENT_IN_PROGRESS", primary["id"], "in progress.")
    if SETTINGS["rollouts"] == "instant":
        end_rollout(service["clusterArn"], service["serviceName"], "COMPLETED")


def tags_changed(request, answer):
    arn = request.get("resourceArn", "")
    if not SETTINGS["events"] or ":service/" not in arn:
        return
    changed = [tag["key"] for tag in request.get("tags", [])] + list(request.get("tagKeys", []))
    detail = {
        "changed-tag-keys": changed,
        "service": "ecs",
        "resource-type": "service",
        "version": 1,
        "tags": {tag["key"]: tag["value"] for tag in ecs._tags.get(arn, [])},
    }
    send("aws.tag", "Tag Change on Resource", detail, [arn])


def service_created(request, answer):
    if SETTINGS["events"]:
        detail = {
            "eventSource": "ecs.amazonaws.com",
            "eventName": "CreateService",
            "responseElements": {"service": {"serviceArn": answer["service"]["serviceArn"]}},
        }
        send("aws.ecs", "AWS API Call via CloudTrail", detail)
    if request.get("tags"):
        tags_changed({**request, "resourceArn": answer["service"]["serviceArn"]}, answer)


def database_tags_changed(arn, changed):
    if not SETTINGS["events"]:
        return
    detail = {
        "changed-tag-keys": changed,
        "service": "rds",
        "resource-type": arn.split(":")[5],
        "version": 1,
        "tags": {tag["Key"]: tag["Value"] for tag in rds._tags.get(arn, [])},
    }
    send("aws.tag", "Tag Change on Resource", detail, [arn])


EFFECTS = {
    "CreateService": service_created,
    "PutImage": put_image,
    "UpdateService": update_service,
    "TagResource": tags_changed,
    "UntagResource": tags_changed,
}


def log_group_tags_changed(arn, changed):
    if not SETTINGS["events"]:
        return
    detail = {
        "changed-tag-keys": changed,
        "service": "logs",
        "resource-type": "log-group",
        "version": 1,
        "tags": dict(cloudwatch_logs._resolve_tag_record_by_arn(arn)),
    }
    send("aws.tag", "Tag Change on Resource", detail, [arn])


def deployment_event(service, name, deployment_id, text):
    if not SETTINGS["events"]:
        return
    detail = {
        "eventType": "ERROR" if name.endswith("FAILED") else "INFO",
        "eventName": name,
        "clusterArn": service["clusterArn"],
        "deploymentId": deployment_id,
        "updatedAt": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": f"ECS deployment {deployment_id} {text}",
    }
    send("aws.ecs", "ECS Deployment State Change", detail, [service["serviceArn"]])


def end_rollout(cluster: str, name: str, how: str) -> None:
    """Ends the rollout in progress: COMPLETED, FAILED with the circuit breaker's way back, GIVEN_UP without one, or
    STOPPED and taken back on request."""
    service = ecs._services[f"{cluster.rsplit('/', 1)[-1]}/{name}"]
    primary, *older = service["deployments"]
    if how == "COMPLETED":
        service["deployments"] = [primary]
        ended(service, primary, "SUCCESSFUL")
        finish(service, primary, "completed.")
        return
    if how == "GIVEN_UP":
        primary["rolloutState"] = "FAILED"
        ended(service, primary, "STOPPED")
        deployment_event(service, "SERVICE_DEPLOYMENT_FAILED", primary["id"], "circuit breaker: tasks failed to start.")
        return
    if not older:
        raise ValueError(f"{name} has no earlier deployment to go back to")
    primary.update(status="INACTIVE", rolloutState="FAILED")
    ended(service, primary, "ROLLBACK_SUCCESSFUL")
    if how == "FAILED":
        deployment_event(service, "SERVICE_DEPLOYMENT_FAILED", primary["id"], "circuit breaker: tasks failed to start.")
    previous = next((one for one in older if one.get("rolloutState") == "COMPLETED"), older[0])
    previous["status"] = "PRIMARY"
    service["deployments"] = [previous]
    service["taskDefinition"] = previous["taskDefinition"]
    finish(service, previous, "completed.")


def ended(service, deployment, status) -> None:
    for note in ON_END:
        note(service, deployment, status)


def age(dimensions: dict, seconds: int) -> None:
    """Makes the deployments of the service that a metric is about at least so old."""
    service = ecs._services.get(f"{dimensions.get('ClusterName')}/{dimensions.get('ServiceName')}")
    began = datetime.fromtimestamp(time.time() - seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for deployment in service["deployments"] if service else []:
        deployment["createdAt"] = min(deployment["createdAt"], began)


def finish(service, deployment, text):
    deployment.update(rolloutState="COMPLETED", runningCount=service["desiredCount"])
    service["runningCount"] = service["desiredCount"]
    deployment_event(service, "SERVICE_DEPLOYMENT_COMPLETED", deployment["id"], text)


def fire_schedule(name_part: str) -> int:
    """Fires the enabled scheduled rules whose name contains a text. Answers how many."""
    fired = 0
    for (account, region, key), rule in list(eventbridge._rules._data.items()):
        if not rule.get("ScheduleExpression") or name_part not in rule["Name"] or rule.get("State") != "ENABLED":
            continue
        with responses.request_scope(account, region):
            event = {
                "EventId": str(uuid.uuid4()),
                "Source": "aws.events",
                "DetailType": "Scheduled Event",
                "Detail": "{}",
                "EventBusName": "default",
                "Time": int(time.time()),
                "Resources": [rule["Arn"]],
                "Account": account,
                "Region": region,
            }
            for target in eventbridge._targets._data.get((account, region, key), []):
                eventbridge._invoke_target(target, event, rule)
        fired += 1
    return fired


def reset() -> None:
    EVENTS.clear()
    SETTINGS.update(events=True, roles=True, rollouts="instant", snapshots="instant", exports="instant")
