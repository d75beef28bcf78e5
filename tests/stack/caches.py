"""Snapshots of ElastiCache as AWS has them: with their tags, with times that an SDK can read, not while a cache is
busy, and of serverless caches too, of which the emulator has none.

Shapes: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ServerlessCacheSnapshot.html
"""

from datetime import UTC, datetime
from urllib.parse import parse_qs

from ministack.core import responses
from ministack.services import elasticache

SERVERLESS = {}


def install() -> None:
    """Replaces what differs. Call once, before the emulator starts serving."""
    xml, create, handle = elasticache._snapshot_xml, elasticache._create_snapshot, elasticache.handle_request
    create_cache = elasticache._create_serverless_cache

    def snapshot_xml(snapshot):
        nodes = [{**node, "SnapshotCreateTime": iso(node["SnapshotCreateTime"])} for node in snapshot["NodeSnapshots"]]
        return xml({**snapshot, "NodeSnapshots": nodes})

    def create_snapshot(p):
        group = elasticache._replication_groups.get(elasticache._p(p, "ReplicationGroupId")) or {}
        if group.get("Status") != "available":
            return elasticache._error("InvalidReplicationGroupState", f"the group is {group.get('Status')}", 400)
        answer = create(p)
        if answer[0] == 200:
            arn = elasticache._snapshots[elasticache._p(p, "SnapshotName")]["ARN"]
            elasticache._tags[arn] = elasticache._extract_tags(p)
        return answer

    def create_serverless_cache(p):
        """The emulator restores no serverless cache; what is restored here is empty."""
        asked = {key: p[key] for key in p if key.startswith("SnapshotArnsToRestore")}
        known = {snapshot["arn"] for snapshot in SERVERLESS.values()}
        if missing := [value[0] for value in asked.values() if value[0] not in known]:
            return elasticache._error("ServerlessCacheSnapshotNotFoundFault", f"there is no {missing[0]}", 404)
        return create_cache({key: value for key, value in p.items() if key not in asked})

    async def handle_request(method, path, headers, body, query_params):
        params = {**query_params, **parse_qs(body.decode())}
        own = ACTIONS.get(elasticache._p(params, "Action"))
        return own(params) if own else await handle(method, path, headers, body, query_params)

    elasticache._snapshot_xml = snapshot_xml
    elasticache._create_snapshot = create_snapshot
    elasticache._create_serverless_cache = create_serverless_cache
    elasticache.handle_request = handle_request


def iso(seconds) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def create_serverless(p):
    name = elasticache._p(p, "ServerlessCacheSnapshotName")
    if name in SERVERLESS:
        return elasticache._error("ServerlessCacheSnapshotAlreadyExistsFault", f"{name} already exists", 400)
    return answer("Create", made(name, elasticache._p(p, "ServerlessCacheName"), elasticache._extract_tags(p)))


def made(name, cache, tags):
    arn = f"arn:aws:elasticache:{responses.get_region()}:{responses.get_account_id()}:serverlesscachesnapshot:{name}"
    SERVERLESS[name] = {"name": name, "cache": cache, "at": datetime.now(UTC).timestamp(), "arn": arn}
    elasticache._tags[arn] = tags
    return SERVERLESS[name]


def delete_serverless(p):
    snapshot = SERVERLESS.pop(elasticache._p(p, "ServerlessCacheSnapshotName"), None)
    if snapshot is None:
        return elasticache._error("ServerlessCacheSnapshotNotFoundFault", "there is no such snapshot", 404)
    elasticache._tags.pop(snapshot["arn"], None)
    return answer("Delete", snapshot)


def describe_serverless(p):
    cache = elasticache._p(p, "ServerlessCacheName")
    found = [snapshot for snapshot in SERVERLESS.values() if cache in ("", snapshot["cache"])]
    inner = "".join(f"<ServerlessCacheSnapshot>{as_xml(snapshot)}</ServerlessCacheSnapshot>" for snapshot in found)
    result = f"<ServerlessCacheSnapshots>{inner}</ServerlessCacheSnapshots>"
    name = "DescribeServerlessCacheSnapshots"
    return elasticache._xml(200, f"{name}Response", f"<{name}Result>{result}</{name}Result>")


def answer(verb, snapshot):
    name = f"{verb}ServerlessCacheSnapshot"
    inner = f"<ServerlessCacheSnapshot>{as_xml(snapshot)}</ServerlessCacheSnapshot>"
    return elasticache._xml(200, f"{name}Response", f"<{name}Result>{inner}</{name}Result>")


def as_xml(snapshot) -> str:
    of = f"<ServerlessCacheName>{snapshot['cache']}</ServerlessCacheName>"
    return (
        f"<ServerlessCacheSnapshotName>{snapshot['name']}</ServerlessCacheSnapshotName><ARN>{snapshot['arn']}</ARN>"
        f"<SnapshotType>manual</SnapshotType><Status>available</Status><CreateTime>{iso(snapshot['at'])}</CreateTime>"
        f"<ServerlessCacheConfiguration>{of}</ServerlessCacheConfiguration>"
    )


ACTIONS = {
    "CreateServerlessCacheSnapshot": create_serverless,
    "DeleteServerlessCacheSnapshot": delete_serverless,
    "DescribeServerlessCacheSnapshots": describe_serverless,
}


def snapshot(request: dict) -> dict:
    """{name, group | serverless, at, tags}: makes a snapshot of a cache as it would be, of any age."""
    at = datetime.fromisoformat(request["at"]).timestamp()
    tags = [{"Key": key, "Value": value} for key, value in request["tags"].items()]
    if "serverless" in request:
        made(request["name"], request["serverless"], tags)["at"] = at
        return {}
    elasticache._create_snapshot({"SnapshotName": [request["name"]], "ReplicationGroupId": [request["group"]]})
    known = elasticache._snapshots[request["name"]]
    known["NodeSnapshots"][0]["SnapshotCreateTime"] = at
    elasticache._tags[known["ARN"]] = tags
    return {}


def listed(_: dict) -> list:
    """→ [name]: the snapshots of all caches."""
    return sorted([*elasticache._snapshots, *SERVERLESS])


def reset() -> None:
    SERVERLESS.clear()
