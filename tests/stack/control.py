"""The stack's ASGI application: the emulator, with a call log, faults, events, and the control API.

Control API, all POST with a JSON body (empty for none), answers JSON:

* ``/_stack/event``       {source, detail-type, detail, resources?, time?, id?} → {id}: sends any event
* ``/_stack/fault``       see ``faults`` → {}
* ``/_stack/deployment``  {cluster, service, how: COMPLETED | FAILED | GIVEN_UP} → {}: ends a rollout in progress
* ``/_stack/stage``       see ``releases.ask`` → {hookStatus}: moves a deployment to a stage and asks its hooks
* ``/_stack/code_group``  see ``codedeploy.join`` → {deployment}: CodeDeploy deploys a service from now on
* ``/_stack/code_deployment``  see ``codedeploy.move`` → {asked}: moves a deployment of CodeDeploy on
* ``/_stack/code_answers`` → [status]: how its questions were answered
* ``/_stack/stop_task``   see ``tasks.stop_task`` → {task}: a task of a service stops
* ``/_stack/run_task``    see ``tasks.run_task`` → {task}: a task of a service runs
* ``/_stack/running``     see ``tasks.count`` → {}: so many tasks of a service run
* ``/_stack/targets``     see ``tasks.targets`` → {}: targets of a group, and how healthy they are
* ``/_stack/instance``    see ``tasks.instance`` → {instance}: an instance of a cluster
* ``/_stack/change``      see ``tasks.change`` → {}: CloudTrail knows of a change
* ``/_stack/settings``    {events?: bool, roles?: bool, rollouts?: instant | manual, snapshots?: …, exports?: …} → all settings
* ``/_stack/schedule``    {name} → {fired}: fires the scheduled rules whose name contains it
* ``/_stack/metrics``     see ``watch.feed`` → {alarm: state}: records metrics and evaluates every alarm
* ``/_stack/unconfirm``   {endpoint, ended?} → {}: the address has not confirmed its subscription, or ended it
* ``/_stack/database``    see ``databases.change`` → {}: sets the state of a database
* ``/_stack/cluster``     see ``clusters.change`` → {}: sets the state of a cluster
* ``/_stack/cluster-shown`` see ``clusters.shown`` → the cluster
* ``/_stack/snapshot``    see ``databases.snapshot`` → {}: makes or changes a snapshot, of any age and state
* ``/_stack/snapshots``   → [{name, database, at, status, tags}]: every snapshot of an instance
* ``/_stack/end_task``    see ``one_off.end`` → {task}: ends a task that belongs to no service
* ``/_stack/age_task``    see ``one_off.age`` → {}: such a task was started long ago
* ``/_stack/cache_snapshot``  see ``caches.snapshot`` → {}: makes a snapshot of a cache, of any age
* ``/_stack/cache_snapshots`` → [name]: every snapshot of a cache
* ``/_stack/certificate``  see ``certificates.put`` → {arn}: a certificate of ACM, with its end and its renewal
* ``/_stack/drills``      see ``databases.drills``: what was restored and deleted
* ``/_stack/log``         see ``exports.log``: writes a line to a log group, at any time
* ``/_stack/export``      {status, message?} → {}: ends the export that runs
* ``/_stack/objects``     {bucket} → {key: text}: every object, unzipped where it is zipped
* ``/_stack/quota``       {ManualSnapshots?, ManualClusterSnapshots?} → both: how many there may be
* ``/_stack/scan``        {repository, digest, status, counts?} → {}: what an image's scan says
* ``/_stack/calls``       → [{service, action, about, caller, at}]: every AWS call since the start or a reset
* ``/_stack/busy``        → {invocations}: what events and messages have begun and is not over, with what waits
* ``/_stack/may``         {function, action, resource} → {allowed}: whether a function's role allows something
* ``/_stack/denied``      → [{function, action, resource}]: what their roles did not allow
* ``/_stack/mail``        → [{to, subject, body}]: every e-mail
* ``/_stack/people``      see ``people``: what Slack, PagerDuty and webhooks got
* ``/_stack/refuse``      see ``people.refuse`` → {}: what they answer from now on
* ``/_stack/events``      → every event sent
* ``/_stack/reset``       → {}: as after the start
"""

import asyncio
import json
import re
import time
from urllib.parse import parse_qs

import cbor2
import ministack.app as emulator
from ministack.core import responses

from . import autoscaling, caches, certificates, clusters, codedeploy, costs, databases, emit, exports, faults, gaps, one_off, people, releases, roles, tasks, watch

CALLS = []
SCANS = {}
ACCOUNT = "123456789012"
REGION = "eu-west-1"


def scan_findings(request, scope):
    """DescribeImageScanFindings, which the emulator answers with an empty result for every image."""
    key = (request["repositoryName"], request["imageId"].get("imageDigest"))
    if key not in SCANS:
        return 400, {"__type": "ScanNotFoundException", "message": "the image has not been scanned"}
    scan = SCANS[key]
    findings = {"findingSeverityCounts": scan.get("counts", {})}
    return 200, {"imageScanStatus": {"status": scan["status"]}, "imageScanFindings": findings}


async def ask(request):
    """The functions that are asked call this server meanwhile."""
    return await asyncio.to_thread(in_scope, lambda: releases.ask(request, gaps.call_function))


def in_scope(work):
    with responses.request_scope(ACCOUNT, REGION):
        return work()


ANSWERS = {
    ("ce", "GetCostAndUsage"): costs.get_cost_and_usage,
    ("ecr", "DescribeImageScanFindings"): scan_findings,
    ("codedeploy", "CreateDeployment"): codedeploy.create,
    ("codedeploy", "GetDeployment"): codedeploy.get,
    ("codedeploy", "ListDeploymentTargets"): codedeploy.targets,
    ("codedeploy", "GetDeploymentTarget"): codedeploy.target,
    ("codedeploy", "StopDeployment"): codedeploy.stop,
    ("codedeploy", "PutLifecycleEventHookExecutionStatus"): codedeploy.report,
    ("ecs", "ListServiceDeployments"): releases.listed,
    ("ecs", "DescribeServiceDeployments"): releases.described,
    ("ecs", "DescribeServiceRevisions"): releases.revisions,
    ("ecs", "StopServiceDeployment"): releases.stop_deployment,
    ("ecs", "ContinueServiceDeployment"): releases.go_on,
    ("ecs", "RunTask"): one_off.run,
    ("ecs", "ListContainerInstances"): tasks.listed,
    ("ecs", "DescribeContainerInstances"): tasks.described,
    ("ecs", "UpdateContainerInstancesState"): tasks.drained,
    ("cloudtrail", "LookupEvents"): tasks.looked_up,
    ("application-autoscaling", "DescribeScalableTargets"): autoscaling.describe,
    ("application-autoscaling", "RegisterScalableTarget"): autoscaling.register,
    ("logs", "CreateExportTask"): exports.create,
    ("logs", "DescribeExportTasks"): exports.describe,
}


def add_scan(request):
    SCANS[(request["repository"], request["digest"])] = request
    return {}


def send_event(request):
    options = {"at": request.get("time"), "event_id": request.get("id")}
    resources = request.get("resources", ())
    return {"id": emit.send(request["source"], request["detail-type"], request.get("detail", {}), resources, **options)}


def add_fault(request):
    faults.add(request)
    return {}


def end_rollout(request):
    emit.end_rollout(request["cluster"], request["service"], request["how"])
    return {}


def change_settings(request):
    unknown = request.keys() - emit.SETTINGS.keys()
    if unknown:
        raise ValueError(f"no setting {', '.join(unknown)}")
    emit.SETTINGS.update(request)
    return emit.SETTINGS


CONTROL = {
    "event": send_event,
    "fault": add_fault,
    "deployment": end_rollout,
    "stage": ask,
    "code_group": codedeploy.join,
    "code_deployment": lambda request: codedeploy.move(request, gaps.invoke_function),
    "code_answers": codedeploy.waits,
    "stop_task": tasks.stop_task,
    "run_task": tasks.run_task,
    "running": tasks.count,
    "targets": tasks.targets,
    "instance": tasks.instance,
    "change": tasks.change,
    "settings": change_settings,
    "schedule": lambda request: {"fired": emit.fire_schedule(request.get("name", ""))},
    "metrics": watch.feed,
    "unconfirm": watch.unconfirm,
    "database": databases.change,
    "snapshot": databases.snapshot,
    "snapshots": databases.listed,
    "certificate": certificates.put,
    "drills": databases.drills,
    "cluster": clusters.change,
    "cluster-shown": clusters.shown,
    "end_task": one_off.end,
    "age_task": one_off.age,
    "cache_snapshot": caches.snapshot,
    "cache_snapshots": caches.listed,
    "log": exports.log,
    "export": exports.end,
    "objects": exports.objects,
    "quota": databases.set_quota,
    "scan": add_scan,
    "calls": lambda _: CALLS,
    "busy": gaps.busy,
    "may": roles.may,
    "may_there": roles.may_there,
    "denied": roles.denied,
    "mail": lambda _: gaps.MAIL,
    "people": lambda _: people.HEARD,
    "refuse": people.refuse,
    "events": lambda _: emit.EVENTS,
}


async def application(scope, receive, send):
    if scope["type"] != "http":
        return await emulator.app(scope, receive, send)
    body = await read(receive)
    if scope["path"].startswith("/_stack/"):
        return await control(scope["path"].removeprefix("/_stack/"), body, send)
    headers = {key.decode().lower(): value.decode("latin1") for key, value in scope["headers"]}
    if scope["path"].startswith("/_people/"):
        status, document, more = people.hear(scope["path"].removeprefix("/_people/"), headers, body.decode())
        return await answer(send, status, document, more)
    service, action, caller = name_of(headers, body, scope["path"])
    if service:
        CALLS.append({"service": service, "action": action, "about": about(body), "caller": caller, "at": time.time()})
    fault = faults.take(service, action)
    instead = await faults.before(fault)
    if instead:
        return await answer_error(send, headers, *instead)
    if refused := roles.refusal((*credential_of(headers), service, action), scope, headers, body):
        return await answer_error(send, headers, 403, "AccessDeniedException", refused)
    if own := ANSWERS.get((service, action)):
        status, document = own(json.loads(body), (ACCOUNT, REGION))
        return await answer(send, status, document)
    status, answer_body = await forward(scope, body, receive, send, lost=bool(fault) and fault["kind"] == "lost")
    if status == 200 and action in emit.EFFECTS and service in ("ecs", "ecr"):
        with responses.request_scope(ACCOUNT, REGION):
            emit.after(action, json.loads(body), json.loads(answer_body))
    if status == 200 and service == "logs" and action in ("TagResource", "UntagResource"):
        request = json.loads(body)
        with responses.request_scope(ACCOUNT, REGION):
            emit.log_group_tags_changed(request["resourceArn"], [*request.get("tags", []), *request.get("tagKeys", [])])
    if status == 200 and service == "rds" and action in ("AddTagsToResource", "RemoveTagsFromResource"):
        form = parse_qs(body.decode("latin1"))
        changed = [values[0] for key, values in form.items() if ".Key" in key or key.startswith("TagKeys.")]
        with responses.request_scope(ACCOUNT, REGION):
            emit.database_tags_changed(form["ResourceName"][0], changed)


async def read(receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return body


def credential_of(headers):
    """Access key and region of a signature."""
    found = re.search(r"Credential=([^/]+)/[^/]+/([^/]+)/", headers.get("authorization", ""))
    return found.groups() if found else ("", "")


def name_of(headers, body, path):
    """Service, action and caller of an AWS call. The caller is the user agent's application, if any."""
    credential = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", headers.get("authorization", ""))
    service = credential.group(1) if credential else ""
    target = headers.get("x-amz-target", "")
    if target:
        return service, target.rsplit(".", 1)[-1], caller_of(headers)
    if rpc := re.search(r"/operation/([^/?]+)$", path):
        return service, rpc.group(1), caller_of(headers)
    form = parse_qs(body.decode("latin1")) if b"Action=" in body else {}
    return service, form.get("Action", [""])[0], caller_of(headers)


def about(body):
    """The names in a request that say what it is about; nothing else of it is kept."""
    if b"Action=" in body:
        form = parse_qs(body.decode("latin1"))
        keys = ("DBSnapshotIdentifier", "DBClusterSnapshotIdentifier", "DBInstanceIdentifier")
        return next((form[key][0] for key in keys if key in form), "")
    try:
        request = json.loads(body)
        names = [request.get(key) for key in ("family", "service", "taskDefinition", "repositoryName", "destinationPrefix")]
        return " ".join(name.rsplit("/", 1)[-1] for name in names if name)
    except (AttributeError, ValueError):
        return ""


def caller_of(headers):
    return "function" if "aws-sdk-rust" in headers.get("user-agent", "") else "test"


async def forward(scope, body, receive, send, *, lost):
    """Lets the emulator answer. A lost answer breaks off after its first byte."""
    handed_over = False
    status, answered = 0, b""

    async def replay():
        nonlocal handed_over
        if handed_over:
            return await receive()
        handed_over = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def watch(message):
        nonlocal status, answered
        status = message.get("status", status)
        answered += message.get("body", b"")
        if not lost:
            await send(message)

    await emulator.app(scope, replay, watch)
    if lost:
        await break_off(send)
    return status, answered


async def control(name, body, send):
    try:
        if name == "reset":
            await reset(send)
            return
        if name not in CONTROL:
            raise ValueError(f"no control {name}; there are: {', '.join([*CONTROL, 'reset'])}")
        document = in_scope(lambda: CONTROL[name](json.loads(body or b"{}")))
        await answer(send, 200, await document if asyncio.iscoroutine(document) else document)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        await answer(send, 400, {"error": f"{type(error).__name__}: {error}"})


async def reset(send):
    faults.ACTIVE.clear()
    for memory in (CALLS, SCANS, autoscaling.TARGETS):
        memory.clear()
    watch.reset()
    databases.reset()
    caches.reset()
    exports.reset()
    releases.reset()
    tasks.reset()
    one_off.reset()
    codedeploy.reset()
    emit.reset()
    gaps.reset()
    people.reset()
    roles.reset()
    scope = {"type": "http", "method": "POST", "path": "/_ministack/reset", "headers": [], "query_string": b""}

    async def nothing():
        return {"type": "http.request", "body": b"", "more_body": False}

    await emulator.app(scope, nothing, send)


async def break_off(send):
    """Begins an answer and closes the connection in the middle of it."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": False})


async def answer_error(send, headers, status, code, message="injected by the local stack"):
    """An error in the protocol of the call: CBOR, XML of the query protocol, or JSON."""
    document = {"__type": code, "message": message}
    if headers.get("smithy-protocol"):
        protocol = [(b"smithy-protocol", b"rpc-v2-cbor")]
        return await answer_bytes(send, status, cbor2.dumps(document), b"application/cbor", protocol)
    if "form-urlencoded" in headers.get("content-type", ""):
        error = f"<Type>Sender</Type><Code>{code}</Code><Message>{document['message']}</Message>"
        body = f"<ErrorResponse><Error>{error}</Error><RequestId>0</RequestId></ErrorResponse>"
        return await answer_bytes(send, status, body.encode(), b"text/xml")
    await answer(send, status, document, [(b"x-amzn-errortype", code.encode())])


async def answer(send, status, document, headers=()):
    await answer_bytes(send, status, json.dumps(document).encode(), b"application/x-amz-json-1.1", headers)


async def answer_bytes(send, status, body, kind, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *headers]})
    await send({"type": "http.response.body", "body": body})
