"""The bench's yardstick: a minimal Lambda in Python that makes the calls `deploy` makes for one push."""

import json
import os
import time
import urllib.request

import boto3

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
SETTINGS = json.loads(os.environ["LAMPLIGHTER"])
tagging = boto3.client("resourcegroupstaggingapi")
ecs = boto3.client("ecs")
ecr = boto3.client("ecr")
table = boto3.client("dynamodb")
queue = boto3.client("sqs")


def handle(event):
    repository, tag = event["detail"]["repository-name"], event["detail"]["image-tag"]
    found = tagging.get_resources(TagFilters=[{"Key": "lamplighter:deploy"}], ResourceTypeFilters=["ecs:service"])
    for resource in found["ResourceTagMappingList"]:
        tags = {t["Key"]: t["Value"] for t in resource["Tags"]}
        if f"repo={repository}" not in tags["lamplighter:deploy"].split():
            continue
        roll_out(resource["ResourceARN"], repository, tag)


def roll_out(arn, repository, tag):
    key = {"pk": {"S": arn}, "sk": {"S": "state"}}
    names = {":h": {"S": "python"}}
    table.update_item(TableName=SETTINGS["table"], Key=key, UpdateExpression="SET holder = :h", ExpressionAttributeValues=names)
    cluster = arn.split("/")[1]
    service = ecs.describe_services(cluster=cluster, services=[arn])["services"][0]
    described = ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])["taskDefinition"]
    digest = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": tag}])["images"][0]["imageId"]["imageDigest"]
    container = described["containerDefinitions"][0]
    if not container["image"].endswith(digest):
        note(arn, "intent")
        container["image"] = f"{container['image'].split(':')[0]}:{tag}@{digest}"
        fields = ("family", "containerDefinitions", "cpu", "memory", "networkMode", "requiresCompatibilities")
        new = ecs.register_task_definition(**{field: described[field] for field in fields})["taskDefinition"]
        ecs.update_service(cluster=cluster, service=arn, taskDefinition=new["taskDefinitionArn"])
        queue.send_message(QueueUrl=SETTINGS["notices"], MessageBody="{}")
        note(arn, "outcome")
    table.update_item(TableName=SETTINGS["table"], Key=key, UpdateExpression="REMOVE holder")


def note(arn, kind):
    item = {"pk": {"S": arn}, "sk": {"S": f"{time.time()}#{kind}"}}
    table.transact_write_items(TransactItems=[{"Put": {"TableName": SETTINGS["table"], "Item": item}}])


while True:
    with urllib.request.urlopen(f"{API}/next") as response:
        request_id, event = response.headers["Lambda-Runtime-Aws-Request-Id"], json.load(response)
    handle(event)
    urllib.request.urlopen(f"{API}/{request_id}/response", data=b"{}").close()
