"""Export tasks of CloudWatch Logs, which the emulator has not got. One runs at a time, as on AWS; what it writes
stands in the emulator's bucket, a zipped file for each log stream.

Shapes: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeExportTasks.html
"""

import gzip
import uuid
from datetime import UTC, datetime

from ministack.core import responses
from ministack.services import cloudwatch_logs, s3

from . import emit

TASKS = []
RUNNING = ("PENDING", "RUNNING")
COPIED = ("taskName", "logGroupName", "from", "to", "destination", "destinationPrefix")


def create(request, scope):
    with responses.request_scope(*scope):
        if any(task["status"]["code"] in RUNNING for task in TASKS):
            return 400, {"__type": "LimitExceededException", "message": "Resource limit exceeded."}
        if request["logGroupName"] not in cloudwatch_logs._log_groups:
            return 400, {"__type": "ResourceNotFoundException", "message": "The specified log group does not exist."}
        if request["destination"] not in s3._buckets:
            return 400, {"__type": "InvalidParameterException", "message": "The bucket does not exist."}
        task = {key: request[key] for key in COPIED if key in request}
        task.update(taskId=str(uuid.uuid4()), status={"code": "RUNNING"})
        TASKS.append(task)
        if emit.SETTINGS["exports"] == "instant":
            end({"status": "COMPLETED"})
        return 200, {"taskId": task["taskId"]}


def describe(request, scope):
    found = [task for task in TASKS if request.get("taskId", task["taskId"]) == task["taskId"]]
    status = request.get("statusCode")
    return 200, {"exportTasks": [task for task in found if status in (None, task["status"]["code"])]}


def end(request: dict) -> dict:
    """{status, message?}: ends the export that runs. What is COMPLETED is in the bucket."""
    task = next(task for task in TASKS if task["status"]["code"] in RUNNING)
    task["status"] = {"code": request["status"], "message": request.get("message", "")}
    if request["status"] == "COMPLETED":
        write(task)
    return {}


def write(task) -> None:
    prefix = task["destinationPrefix"]
    put(task["destination"], f"{prefix}/aws-logs-write-test", b"Permission Check Successful")
    for name, stream in cloudwatch_logs._log_groups[task["logGroupName"]]["streams"].items():
        lines = [line(event) for event in stream["events"] if task["from"] <= event["timestamp"] < task["to"]]
        if lines:
            folder = name.replace("/", "-")
            key = f"{prefix}/{task['taskId']}/{folder}/000000.gz"
            put(task["destination"], key, gzip.compress("".join(lines).encode()))


def line(event) -> str:
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z {event['message']}\n"


def put(bucket, key, body) -> None:
    s3._buckets[bucket]["objects"][key] = s3._build_object_record(body, {})


def log(request: dict) -> dict:
    """{group, at, message}: writes a line to a log group, which is made if it does not exist, as old as it says."""
    name = request["group"]
    at = int(datetime.fromisoformat(request["at"]).timestamp() * 1000)
    if name not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group({"logGroupName": name})
        cloudwatch_logs._create_log_stream({"logGroupName": name, "logStreamName": "web/1"})
    group = cloudwatch_logs._log_groups[name]
    group["creationTime"] = min(group["creationTime"], at)
    event = {"timestamp": at, "message": request["message"], "ingestionTime": at, "eventId": uuid.uuid4().hex}
    group["streams"]["web/1"]["events"].append(event)
    return {}


def objects(request: dict) -> dict:
    """{bucket} → {key: text}: every object, unzipped where it is zipped."""
    found = s3._buckets[request["bucket"]]["objects"]
    return {key: text(key, found[key]["body"]) for key in sorted(found)}


def text(key, body) -> str:
    return (gzip.decompress(body) if key.endswith(".gz") else body).decode()


def reset() -> None:
    TASKS.clear()
