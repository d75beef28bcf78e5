"""Closes the gaps between the emulator and AWS that Lamplighter would fall into.

Everything here replaces a module-level name of the pinned emulator; an update of the pin has to be tried
against the end-to-end tests.
"""

import io
import json
import os
import signal
import threading
import time
import zipfile

from ministack.core import lambda_runtime
from ministack.services import dynamodb, ecr, ecs, eventbridge, lambda_svc, scheduler, sns, sqs
from ministack.services.cloudformation import provisioners

MAIL = []
LOCAL_BUCKET = "local-artifacts"


def close(binaries: str) -> None:
    """Replaces what differs. Call once, before the emulator starts serving."""
    fetch_code_from(binaries)
    invoke_asynchronously()
    fire_schedules_on_request_only()
    keep_dropped_table_properties()
    keep_rollouts_in_progress()
    drop_moved_tags()
    catch_mail()


def fetch_code_from(binaries: str) -> None:
    """Code from ``s3://local-artifacts/NAME`` is a launcher of the executable NAME on this disk.

    A missing executable or object fails the stack, as on AWS; the emulator would answer with a mock.
    """
    original = lambda_svc._fetch_code_from_s3

    def fetch(bucket, key, version_id=None):
        if bucket == LOCAL_BUCKET:
            executable = os.path.join(binaries, key.strip("/"))
            if not os.access(executable, os.X_OK):
                raise ValueError(f"no executable {executable}")
            return zip_of(f'#!/bin/sh\nexec "{executable}"\n')
        code = original(bucket, key, version_id)
        if code is None:
            raise ValueError(f"no object s3://{bucket}/{key}")
        return code

    lambda_svc._fetch_code_from_s3 = fetch


def zip_of(bootstrap: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as entries:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        entries.writestr(entry, bootstrap)
    return archive.getvalue()


def invoke_asynchronously() -> None:
    """Rules and schedules invoke as AWS does: with retries and a destination for failures."""

    def dispatch(arn, payload):
        try:
            event = json.loads(payload)
        except ValueError:
            event = {"body": payload}
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if function:
            lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)

    eventbridge._dispatch_to_lambda = dispatch


def fire_schedules_on_request_only() -> None:
    """A test decides when a sweep runs; see ``/_stack/schedule``."""
    eventbridge.start_scheduler = lambda: None
    scheduler.start_scheduler = lambda: None


def keep_dropped_table_properties() -> None:
    """CloudFormation of the emulator drops a table's time to live."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    original = handler["create"]

    def create(logical_id, properties, stack_name):
        name, attributes = original(logical_id, properties, stack_name)
        if specification := properties.get("TimeToLiveSpecification"):
            dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": specification})
        return name, attributes

    handler["create"] = create


def keep_rollouts_in_progress() -> None:
    """A rollout ends when ``emit`` or a test says so, not within the call that starts it."""
    ecs._complete_service_deployment = lambda *_, **__: None


def drop_moved_tags() -> None:
    """A tag that moved to another image is no tag of the old one any more."""
    original = ecr._put_image

    def put_image(request):
        tag = request.get("imageTag")
        answer = original(request)
        for image in ecr._images.get(request.get("repositoryName", ""), []):
            if tag and image["imageId"].get("imageTag") == tag and tag not in image["imageTags"]:
                del image["imageId"]["imageTag"]
        return answer

    ecr._put_image = put_image


def catch_mail() -> None:
    original = sns._fanout

    def fanout(topic_arn, message_id, message, subject, *rest, **named):
        topic = sns._topic_by_arn_any_scope(topic_arn) or {}
        for subscription in topic.get("subscriptions", []):
            if subscription.get("protocol") == "email" and subscription.get("confirmed"):
                MAIL.append({"to": subscription["endpoint"], "subject": subject, "body": message})
        return original(topic_arn, message_id, message, subject, *rest, **named)

    sns._fanout = fanout


def call_function(arn, payload):
    """Invokes a function and answers what it answers; blocks, and must not run in the server's own thread."""
    found, config, _ = lambda_svc._get_func_record_for_ref(arn)
    record = lambda_svc._execution_record_for_config(found, config)
    result = lambda_svc._execute_function_with_config_scope(record, payload)
    body = result["body"]
    return json.loads(body) if isinstance(body, (str, bytes)) else body


def invoke_function(arn, payload) -> None:
    """Invokes a function without waiting for its answer; it is tried again as Lambda does."""
    found, config, _ = lambda_svc._get_func_record_for_ref(arn)
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(found, config), payload)


def busy(_request=None) -> dict:
    """How many invocations are not over: run, wait until they are tried again, or have yet to take a message from a queue."""

    def is_invocation(thread) -> bool:
        works = getattr(thread, "_args", None) or ()
        return any("invoke_async_with_retry" in getattr(work, "__qualname__", "") for work in works)

    now = time.time()
    sources = {mapping["EventSourceArn"].rsplit(":", 1)[-1] for mapping in list(lambda_svc._esms._data.values())}
    queues = [queue for queue in list(sqs._queues._data.values()) if queue["name"] in sources]
    waiting = sum(message["visible_at"] <= now for queue in queues for message in list(queue["messages"]))
    running = sum(is_invocation(thread) for thread in threading.enumerate())
    return {"invocations": running + waiting + sum(lambda_svc._esm_inflight.values())}


def kill_functions() -> int:
    """Kills every running function as Lambda kills one at its time-out. Answers how many."""
    killed = 0
    for workers in list(lambda_runtime._workers.values()):
        for worker in list(workers):
            process = getattr(worker, "_proc", None)
            if worker.in_use and process and process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
    return killed


def stop_functions() -> None:
    lambda_svc.reset()


def reset() -> None:
    MAIL.clear()


