"""Application Auto Scaling, as far as the bounds of ECS services go. The emulator has none of it.

Shapes: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

import time

from ministack.core import responses
from ministack.services import ecs

TARGETS = {}
FLAGS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def register(request, scope):
    """Makes a target or changes what is given of it, and moves the desired count into its bounds at once."""
    resource = request["ResourceId"]
    known = TARGETS.get(resource)
    if known is None and not {"MinCapacity", "MaxCapacity"} <= request.keys():
        return 400, {"__type": "ValidationException", "message": "a new target needs MinCapacity and MaxCapacity"}
    known = known or {
        "ServiceNamespace": request["ServiceNamespace"],
        "ResourceId": resource,
        "ScalableDimension": request["ScalableDimension"],
        "RoleARN": f"arn:aws:iam::{scope[0]}:role/aws-service-role",
        "CreationTime": time.time(),
        "SuspendedState": dict.fromkeys(FLAGS, False),
    }
    known.update({key: request[key] for key in ("MinCapacity", "MaxCapacity") if key in request})
    known["SuspendedState"].update(request.get("SuspendedState", {}))
    TARGETS[resource] = known
    with responses.request_scope(*scope):
        service = ecs._services[resource.removeprefix("service/")]
        count = min(max(service["desiredCount"], known["MinCapacity"]), known["MaxCapacity"])
        service.update(desiredCount=count, runningCount=count)
    return 200, {}


def describe(request, scope):
    wanted = request.get("ResourceIds")
    return 200, {"ScalableTargets": [t for t in TARGETS.values() if not wanted or t["ResourceId"] in wanted]}
