"""What each function may do: every call of one is checked against its own role, as the template gives it, and every call with
the credentials of a role that it assumes against that role, in whatever account.

The emulator judges policies as IAM does, for all callers or for none. Here it judges the functions alone, so that tests need
no credentials of their own, and the calls that the launcher itself answers as well. Who may assume a role is judged for anybody
who asks (``trusts``). Which resources and condition keys AWS
asks about for each action: https://docs.aws.amazon.com/service-authorization/latest/reference/. Actions of one call that AWS
checks without a call of their own (iam:PassRole, tags on what is made) are checked too.

Not checked: keys of KMS, security groups, what ElastiCache and RDS do in the caller's name, and the tags of Auto Scaling
groups, which are taken as managed.
"""

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from urllib.parse import parse_qs

import cbor2
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses
from ministack.services import cloudwatch, cloudwatch_logs, ecs, elasticache, iam, lambda_svc, rds, sts

from . import codedeploy, emit, tasks

ACCOUNT = "123456789012"
# By access key: the function's name, and its role's.
CALLERS: dict[str, tuple[str, str]] = {}
# What functions were allowed to do, by function, and what not.
USED: set[tuple[str, str]] = set()
DENIED: list[dict] = []
# IAM's names where they are other than those of the endpoint, or of the operation.
PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
ACTIONS = {"sqs:SendMessageBatch": "sqs:SendMessage", "s3:HeadObject": "s3:GetObject", "s3:ListObjectsV2": "s3:ListBucket"}


def install() -> None:
    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = credentials


def credentials(config: dict) -> dict[str, str]:
    """An access key for each function, by which its calls are known."""
    name = config.get("FunctionName", "")
    key = "ASIA" + hashlib.sha256(name.encode()).hexdigest()[:16].upper()
    role = config.get("Role", "")
    account, role = role.split(":")[4] if role.count(":") > 4 else ACCOUNT, role.rsplit("/", 1)[-1]
    if account == ACCOUNT:
        CALLERS[key] = (name, role)
    else:
        # The emulator knows the accounts of sessions alone.
        sts.register_session(key, {"Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}"})
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": ""}


def refusal(caller, scope: dict, headers: dict, body: bytes):
    """The refusal of a call that a function's role does not allow: action and resource. ``caller``: access key, region,
    service and operation."""
    key, region, service, operation = caller
    who = identify(key)
    if who is None or not emit.SETTINGS["roles"]:
        return None
    function, role, account = who
    query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
    if not operation:
        rest = iam_actions.extract_iam_action(service, scope["method"], scope["path"], headers, body, query)
        operation = (rest or ":").split(":", 1)[1]
    action = f"{PREFIXES.get(service, service)}:{operation}"
    action = ACTIONS.get(action, action)
    with responses.request_scope(account, region):
        request = parsed(headers, body)
        for checked, resource, context in checks(action, request, region, scope, headers, body, query):
            allowed = allows(role, checked, resource, region, context, account)
            if not allowed:
                write("denied", f"{function} {checked} {resource}")
                DENIED.append({"function": function, "action": checked, "resource": resource})
            # What the role of another account does is not the function's own.
            elif account == ACCOUNT:
                note(function, checked)
            if not allowed or not trusted(checked, request, role):
                return f"{function} is not authorized to perform: {checked} on resource: {resource}"
    return None


def identify(key: str):
    """Whose credentials these are: name, role and account; ``None`` for a test's own."""
    if key in CALLERS:
        return *CALLERS[key], ACCOUNT
    session = sts._sessions.get(key)
    if session is None:
        return None
    # arn:aws:sts::345678901234:assumed-role/ROLE/SESSION
    _, _, _, _, account, resource = session["Arn"].split(":", 5)
    return resource, resource.split("/")[1], account


def trusted(action, request, role) -> bool:
    """Whether a role that is to be assumed trusts the caller. AWS asks both sides."""
    if action != "sts:AssumeRole":
        return True
    caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/function"
    return trusts(caller, request["RoleArn"], request.get("ExternalId"))


def trusts(caller: str, role: str, external_id: str | None) -> bool:
    """Whether a role's trust policy allows anybody, by ARN, to assume it. A missing role trusts nobody."""
    account, name = role.split(":")[4], role.rsplit("/", 1)[-1]
    found = iam._roles.get_scoped(account, None, name)
    context = iam_evaluator.EvalContext(
        principal_arn=caller,
        principal_type="AssumedRole",
        principal_account=caller.split(":")[4],
        action="sts:AssumeRole",
        resource_arn=role,
        region="eu-west-1",
        service_context={"sts:externalid": external_id},
    )
    return found is not None and iam_evaluator.evaluate_trust_policy(found["AssumeRolePolicyDocument"], caller, context)


def allows(role, action, resource, region, context, account=ACCOUNT) -> bool:
    """Whether the policies of a role allow an action on a resource, with the tags that it has."""
    asked = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/function",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        service_context={**context, **tags_of(resource)},
    )
    return iam_evaluator.evaluate(asked, iam_evaluator._gather_role_policies(role, account)).decision == "Allow"


def note(function, action) -> None:
    """Writes down what a function did, for `.ci/roles.py`: by its logical name, a line each."""
    if (function, action) in USED:
        return
    USED.add((function, action))
    write("used", f"{function.split('-')[-2]} {action}")


def write(what, line) -> None:
    folder = Path(sys.prefix).parent / "roles"
    folder.mkdir(exist_ok=True)
    with open(folder / f"{what}-{os.getpid()}.txt", "a") as file:
        file.write(line + "\n")


def parsed(headers, body) -> dict:
    """The request as a dictionary, whatever its protocol; of the query protocol, the first value of each field."""
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return cbor2.loads(body) if body else {}
    if "form-urlencoded" in headers.get("content-type", ""):
        return {key: values[0] for key, values in parse_qs(body.decode("latin1")).items()}
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def checks(action, request, region, scope, headers, body, query):
    """What AWS asks IAM about one call: actions, each with a resource and its condition keys."""
    service, operation = action.split(":", 1)
    if service == "dynamodb":
        context = {**lowered(iam_actions.dynamodb_service_context(body)), "dynamodb:leadingkeys": leading_keys(request)}
        several = iam_actions.dynamodb_transaction_checks(action, body, region, ACCOUNT)
        arns = iam_actions.dynamodb_resource_arns(body, region, ACCOUNT)
        # A call about nothing that is known here is about everything.
        found = several or [(action, arn) for arn in arns or ["*"]]
        return [(checked, resource, context) for checked, resource in found]
    if service == "s3":
        rest = iam_actions.extract_iam_action("s3", scope["method"], scope["path"], headers, body, query) or action
        arn = iam_actions.extract_resource_arn("s3", scope["method"], scope["path"], headers, body, query, region, ACCOUNT)
        return [(ACTIONS.get(rest, rest), arn, lowered(iam_actions.s3_service_context(rest, query, scope["path"], headers)))]
    if service == "lambda":
        name = scope["path"].split("/functions/")[-1].split("/")[0]
        return [(action, f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}", {})]
    named = RESOURCES.get(service)
    account = responses.get_account_id()
    resources = named(operation, request, lambda kind: f"arn:aws:{service}:{region}:{account}:{kind}") if named else ["*"]
    context = {}
    if service == "application-autoscaling":
        context = {f"{service}:service-namespace": request["ServiceNamespace"]}
        if "ScalableDimension" in request:
            context[f"{service}:scalable-dimension"] = request["ScalableDimension"]
    if action == "events:PutEvents":
        entries = request.get("Entries", [])
        buses = [entry.get("EventBusName", "default") for entry in entries]
        return [(action, f"arn:aws:events:{region}:{ACCOUNT}:event-bus/{bus}", {"events:source": entry["Source"]}) for bus, entry in zip(buses, entries)]
    if action == "ecs:RunTask":
        context = {"ecs:cluster": cluster_arn(request.get("cluster"), region)}
    asked = [(action, resource, context) for resource in resources or ["*"]]
    return [*asked, *(implied(operation, request, region) if service == "ecs" else [])]


def leading_keys(request) -> list:
    """The partition keys that a call to the ledger is about. What is not understood is none that a policy could name."""
    found = []
    for item in [request, *(one for several in request.get("TransactItems", []) for one in several.values())]:
        found += [key["pk"]["S"] for key in (item.get("Key"), item.get("Item")) if key]
        if "KeyConditionExpression" in item:
            name = re.search(r"(?:pk|watched|day) = (:\w+)", item["KeyConditionExpression"])
            found.append(item["ExpressionAttributeValues"][name.group(1)]["S"] if name else "?")
    return found or ["?"]


def lowered(context) -> dict:
    return {name.lower(): value for name, value in context.items()}


def implied(operation, request, region):
    """What ECS asks about beside its own action: roles that are handed over, and tags on what is made."""
    family = f"arn:aws:ecs:{region}:{ACCOUNT}:task-definition/{request.get('family', '')}:1"
    if operation == "RegisterTaskDefinition" and request.get("tags"):
        yield "ecs:TagResource", family, {"ecs:createaction": operation}
    if operation == "RunTask" and request.get("tags"):
        cluster = (request.get("cluster") or "default").rsplit("/", 1)[-1]
        yield "ecs:TagResource", f"arn:aws:ecs:{region}:{ACCOUNT}:task/{cluster}/new", {"ecs:createaction": operation}
    handed = request
    if operation == "RunTask":
        handed = ecs._task_defs.get(request["taskDefinition"].rsplit("/", 1)[-1]) or {}
    for key in ("executionRoleArn", "taskRoleArn"):
        if handed.get(key):
            yield "iam:PassRole", handed[key], {"iam:passedtoservice": "ecs-tasks.amazonaws.com"}
    for hook in (request.get("deploymentConfiguration") or {}).get("lifecycleHooks") or []:
        if hook.get("roleArn"):
            yield "iam:PassRole", hook["roleArn"], {"iam:passedtoservice": "ecs.amazonaws.com"}


def cluster_arn(name, region):
    name = (name or "default").rsplit("/", 1)[-1]
    return f"arn:aws:ecs:{region}:{ACCOUNT}:cluster/{name}"


def of_ecs(operation, request, arn):
    cluster = (request.get("cluster") or "default").rsplit("/", 1)[-1]

    def whole(kind, name):
        return name if name.startswith("arn:") else arn(f"{kind}/{cluster}/{name}")

    lists = {
        "DescribeServices": ("services", "service"),
        "DescribeTasks": ("tasks", "task"),
        "DescribeServiceDeployments": ("serviceDeploymentArns", "service-deployment"),
        "DescribeServiceRevisions": ("serviceRevisionArns", "service-revision"),
        "DescribeContainerInstances": ("containerInstances", "container-instance"),
        "UpdateContainerInstancesState": ("containerInstances", "container-instance"),
    }
    if operation in lists:
        key, kind = lists[operation]
        return [whole(kind, name) for name in request.get(key, [])]
    ones = {
        "UpdateService": ("service", "service"),
        "ListServiceDeployments": ("service", "service"),
        "StopServiceDeployment": ("serviceDeploymentArn", "service-deployment"),
        "ContinueServiceDeployment": ("serviceDeploymentArn", "service-deployment"),
        "StopTask": ("task", "task"),
        "RunTask": ("taskDefinition", "task-definition"),
    }
    if operation in ones:
        key, kind = ones[operation]
        found = whole(kind, request[key])
        # AWS asks about the service of a deployment that is stopped or goes on as well.
        of = found.replace(":service-deployment/", ":service/").rsplit("/", 1)[0]
        return [found, of] if kind == "service-deployment" else [found]
    if operation == "ListContainerInstances":
        return [arn(f"cluster/{cluster}")]
    return ["*"]


def of_rds(operation, request, arn):
    kinds = {
        "DBInstanceIdentifier": "db",
        "DBClusterIdentifier": "cluster",
        "DBSnapshotIdentifier": "snapshot",
        "DBClusterSnapshotIdentifier": "cluster-snapshot",
        "TargetDBSnapshotIdentifier": "snapshot",
        "TargetDBClusterSnapshotIdentifier": "cluster-snapshot",
        "DBSubnetGroupName": "subgrp",
    }
    if operation == "RestoreDBClusterFromSnapshot":
        kinds["SnapshotIdentifier"] = "cluster-snapshot"
    if operation in ("DescribeAccountAttributes", "DescribeOrderableDBInstanceOptions"):
        return ["*"]
    found = [request["ResourceName"]] if "ResourceName" in request else []
    for key, kind in kinds.items():
        if key in request:
            found.append(request[key] if request[key].startswith("arn:") else arn(f"{kind}:{request[key]}"))
    described = {"DescribeDBInstances": "db", "DescribeDBClusters": "cluster", "DescribeDBSnapshots": "snapshot"}
    return found or [arn(f"{described.get(operation, 'cluster-snapshot')}:*")]


def of_elasticache(operation, request, arn):
    kinds = {
        "ReplicationGroupId": "replicationgroup",
        "ServerlessCacheName": "serverlesscache",
        "ServerlessCacheSnapshotName": "serverlesscachesnapshot",
        "SnapshotName": "snapshot",
        "CacheClusterId": "cluster",
    }
    found = [request["ResourceName"]] if "ResourceName" in request else []
    found += [arn(f"{kind}:{request[key]}") for key, kind in kinds.items() if key in request]
    return found or [arn("*")]


def of_cloudwatch(operation, request, arn):
    names = request.get("AlarmNames") or ([request["AlarmName"]] if "AlarmName" in request else [])
    boards = request.get("DashboardNames") or ([request["DashboardName"]] if "DashboardName" in request else [])
    if operation in ("GetMetricData", "ListDashboards"):
        return ["*"]
    if boards:
        return [f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}" for name in boards]
    if "ResourceARN" in request:
        return [request["ResourceARN"]]
    return [arn(f"alarm:{name}") for name in names] or [arn("alarm:*")]


def of_logs(operation, request, arn):
    group = request.get("logGroupName", "")
    if operation == "GetLogEvents":
        return [arn(f"log-group:{group}:log-stream:{request['logStreamName']}")]
    return ["*"] if operation.startswith("Describe") else [arn(f"log-group:{group}:*")]


def of_codedeploy(operation, request, arn):
    if operation in ("GetDeploymentTarget", "ListDeploymentTargets", "StopDeployment") or operation.startswith("Put"):
        return ["*"]
    if operation == "GetDeploymentConfig":
        return [arn(f"deploymentconfig:{request['deploymentConfigName']}")]
    if operation == "GetDeployment":
        application, group = codedeploy.group_of(request["deploymentId"])
        return [arn(f"deploymentgroup:{application}/{group}")]
    if operation == "CreateDeployment":
        return [arn(f"deploymentgroup:{request['applicationName']}/{request['deploymentGroupName']}")]
    return [arn(f"application:{request['applicationName']}")]


RESOURCES = {
    "ecs": of_ecs,
    "rds": of_rds,
    "elasticache": of_elasticache,
    "cloudwatch": of_cloudwatch,
    "logs": of_logs,
    "codedeploy": of_codedeploy,
    "acm": lambda _, request, arn: [request["CertificateArn"]],
    "ecr": lambda _, request, arn: [arn(f"repository/{request['repositoryName']}")],
    "sns": lambda _, request, arn: [request["TopicArn"]],
    "sqs": lambda _, request, arn: [arn(request["QueueUrl"].rsplit("/", 1)[-1])],
    "sts": lambda _, request, arn: [request["RoleArn"]],
    # The tests name a secret without the six letters that AWS puts behind its name.
    "secretsmanager": lambda _, request, arn: [request["SecretId"]],
    "autoscaling": lambda operation, request, arn: [arn("autoScalingGroup:*")] if operation.startswith("Set") else ["*"],
    "application-autoscaling": lambda operation, request, arn: (
        [arn(f"scalable-target/{request['ResourceId']}")] if operation.startswith("Register") else ["*"]
    ),
}


def tags_of(arn: str) -> dict:
    """Condition keys of the tags that a resource has now."""
    service = arn.split(":")[2] if arn.count(":") > 4 else ""
    tags = []
    if service == "ecs":
        instance = tasks.INSTANCES.get(arn, {}).get("tags", [])
        tags = [(tag["key"], tag["value"]) for tag in [*ecs._tags.get(arn, []), *instance]]
    elif service in ("rds", "elasticache"):
        known = {"rds": rds, "elasticache": elasticache}[service]._tags.get(arn, [])
        snapshots = [*rds._snapshots.values(), *rds._db_cluster_snapshots.values()] if service == "rds" else []
        for snapshot in snapshots:
            if arn in (snapshot.get("DBSnapshotArn"), snapshot.get("DBClusterSnapshotArn")):
                known = [*known, *snapshot.get("TagList", [])]
        tags = [(tag["Key"], tag["Value"]) for tag in known]
    elif service == "logs":
        group = cloudwatch_logs._log_groups.get(arn.split(":log-group:")[-1].split(":")[0]) or {}
        tags = list((group.get("tags") or {}).items())
    elif service == "cloudwatch":
        known = cloudwatch._resource_tags.get(arn) or {}
        tags = list(known.items()) if isinstance(known, dict) else [(tag["Key"], tag["Value"]) for tag in known]
    elif service == "codedeploy":
        tags = codedeploy.tags(arn)
    elif service == "autoscaling":
        tags = [("lamplighter:managed", "true")]
    return {f"aws:resourcetag/{key}".lower(): value for key, value in tags}


def may(request) -> dict:
    """{function, action, resource} → {allowed}: whether the role of a function, by its logical name, allows something."""
    functions = lambda_svc._functions.items()
    role = next(one["config"]["Role"] for name, one in functions if name.split("-")[-2] == request["function"])
    role = role.rsplit("/", 1)[-1]
    return {"allowed": allows(role, request["action"], request["resource"], "eu-west-1", {})}


def may_there(request) -> dict:
    """{caller, external_id, role} → {allowed}: whether a caller may assume a role of any account. {role, action, resource}
    → {allowed}: whether that role allows something."""
    role = request["role"]
    if "caller" in request:
        return {"allowed": trusts(request["caller"], role, request.get("external_id"))}
    account, name = role.split(":")[4], role.rsplit("/", 1)[-1]
    with responses.request_scope(account, "eu-west-1"):
        return {"allowed": allows(name, request["action"], request["resource"], "eu-west-1", {}, account)}


def denied(_request) -> list:
    """[{function, action, resource}]: what their roles did not allow."""
    return DENIED


def reset() -> None:
    USED.clear()
    DENIED.clear()
