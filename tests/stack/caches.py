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
    create_cache, make_group, group_xml = (
        elasticache._create_serverless_cache,
        elasticache._create_replication_group,
        elasticache._rg_xml,
    )

    def snapshot_xml(snapshot):
        nodes = [{**node, "SnapshotCreateTime": iso(node["SnapshotCreateTime"])} for node in snapshot["NodeSnapshots"]]
        rest = f"<NumNodeGroups>{len(nodes)}</NumNodeGroups>"
        if group := snapshot.get("CacheParameterGroupName"):
            rest += f"<CacheParameterGroupName>{group}</CacheParameterGroupName>"
        return xml({**snapshot, "NodeSnapshots": nodes}) + rest

    def rg_xml(group):
        at = f"<ReplicationGroupCreateTime>{iso(group['CreateTime'])}</ReplicationGroupCreateTime>" if "CreateTime" in group else ""
        return group_xml(group) + at

    def create_snapshot(p):
        if refusal := refuse_snapshot(p):
            return elasticache._error(*refusal, 400)
        answer = create(p)
        if answer[0] == 200:
            complete(elasticache._snapshots[elasticache._p(p, "SnapshotName")])
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

    def create_group(p):
        if refusal := refuse_group(p):
            return elasticache._error(*refusal, 400)
        name = elasticache._p(p, "ReplicationGroupId")
        answer = make_group(p)
        if answer[0] == 200:
            group = elasticache._replication_groups[name]
            group["ClusterEnabled"] = has_cluster_mode(p)
            group["CreateTime"] = datetime.now(UTC).timestamp()
            number_nodes(group)
        return answer

    async def handle_request(method, path, headers, body, query_params):
        params = {**query_params, **parse_qs(body.decode())}
        own = ACTIONS.get(elasticache._p(params, "Action"))
        return own(params) if own else await handle(method, path, headers, body, query_params)

    elasticache._snapshot_xml = snapshot_xml
    elasticache._create_snapshot = create_snapshot
    elasticache._create_serverless_cache = create_serverless_cache
    elasticache._create_replication_group = create_group
    elasticache._rg_xml = rg_xml
    elasticache.handle_request = handle_request


def refuse_snapshot(p):
    """→ (code, text) if AWS takes no such snapshot."""
    node = elasticache._clusters.get(elasticache._p(p, "CacheClusterId")) or {}
    name = elasticache._p(p, "ReplicationGroupId") or node.get("ReplicationGroupId", "")
    group = elasticache._replication_groups.get(name) or {}
    if len(elasticache._p(p, "SnapshotName")) > 40:
        return "InvalidParameterValue", "the name of a snapshot has 40 characters at most"
    if not node and not group.get("ClusterEnabled"):
        text = "Cannot snapshot a replication group with cluster-mode disabled. Please specify a cache cluster instead."
        return "InvalidParameterCombination", text
    if group.get("Status") != "available":
        return "InvalidReplicationGroupState", f"the group is {group.get('Status')}"
    return None


def complete(snapshot):
    """What a snapshot shows on AWS: one of a node does not name its group."""
    node = elasticache._clusters.get(snapshot["CacheClusterId"]) or {}
    group = elasticache._replication_groups.get(node.get("ReplicationGroupId") or snapshot["ReplicationGroupId"]) or {}
    snapshot["CacheParameterGroupName"] = group.get("CacheParameterGroupName")
    if not node:
        first = snapshot["NodeSnapshots"][0]
        snapshot["NodeSnapshots"] = [dict(first) for _ in range(len(group.get("NodeGroups", [])) or 1)]


def has_cluster_mode(p) -> bool:
    return elasticache._p(p, "CacheParameterGroupName").endswith(".cluster.on") or int(elasticache._p(p, "NumNodeGroups") or 1) > 1


def refuse_group(p):
    """→ (code, text) if AWS creates no such group."""
    has_failover = elasticache._p(p, "AutomaticFailoverEnabled").lower() == "true"
    if has_cluster_mode(p) and not has_failover:
        text = "Redis with cluster mode enabled cannot be created with auto failover turned off."
        return "InvalidParameterValue", text
    engine, version = elasticache._p(p, "Engine") or "redis", elasticache._p(p, "EngineVersion")
    if version and version.count(".") > 1 and int(version.split(".")[0]) >= 6:
        return "InvalidParameterValue", f"Cannot find version {version} for {engine}"
    group = elasticache._p(p, "CacheParameterGroupName").removesuffix(".cluster.on")
    newest = "8.0" if engine == "valkey" else "7.1"
    family = elasticache._param_group_family_for_engine(engine, version or newest)
    if group.startswith("default.") and group != f"default.{family}":
        of = group.removeprefix("default.")
        return "InvalidParameterCombination", f"Expected a parameter group of family {family} but found one of family {of}"
    return None


def number_nodes(group):
    """AWS numbers the nodes of a group without cluster mode as `sessions-001`."""
    if group["ClusterEnabled"]:
        return
    name = group["ReplicationGroupId"]
    for members in (part["NodeGroupMembers"] for part in group["NodeGroups"]):
        for member in members:
            long, short = member["CacheClusterId"], f"{name}-{member['CacheClusterId'].rsplit('-', 1)[1]}"
            arn = elasticache._arn_cluster(short)
            node = {**elasticache._clusters.pop(long), "CacheClusterId": short, "CacheClusterArn": arn}
            elasticache._clusters[short] = node
            elasticache._tags[arn] = elasticache._tags.pop(elasticache._arn_cluster(long))
            member["CacheClusterId"] = short
    group["MemberClusters"] = [member["CacheClusterId"] for part in group["NodeGroups"] for member in part["NodeGroupMembers"]]


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
        make_older(elasticache._serverless_caches[request["serverless"]], at)
        made(request["name"], request["serverless"], tags)["at"] = at
        return {}
    group = elasticache._replication_groups[request["group"]]
    make_older(group, at)
    of = {"ReplicationGroupId": [request["group"]]} if group["ClusterEnabled"] else {"CacheClusterId": group["MemberClusters"][:1]}
    elasticache._create_snapshot({"SnapshotName": [request["name"]], **of})
    known = elasticache._snapshots[request["name"]]
    known["NodeSnapshots"][0]["SnapshotCreateTime"] = at
    elasticache._tags[known["ARN"]] = tags
    return {}


def make_older(cache, at):
    """A cache is older than its snapshots."""
    cache["CreateTime"] = min(cache["CreateTime"], at)


def listed(_: dict) -> list:
    """→ [name]: the snapshots of all caches."""
    return sorted([*elasticache._snapshots, *SERVERLESS])


def reset() -> None:
    SERVERLESS.clear()
