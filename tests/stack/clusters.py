"""Clusters of RDS as AWS has them, DocumentDB among them: copies of their snapshots, restores, and what is refused on the way.

A restored Aurora or DocumentDB cluster has no instances until somebody creates them, and none can be created before it is
available. The instances of a Multi-AZ DB cluster come and go with it. What a restore isn't told is AWS's default, not what
the source had.

Sources: the operations' pages in https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/, and
https://docs.aws.amazon.com/documentdb/latest/developerguide/API_Operations_Details.html
"""

import datetime
import re

from ministack.core import responses, router
from ministack.services import rds

from . import databases, emit

PRIVATE = ("docdb", "neptune")
MULTI_AZ = ("postgres", "mysql")
# What a cluster is made with, and what the answer says of it.
SWITCHES = {
    "DeletionProtection": "DeletionProtection",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "PubliclyAccessible": "PubliclyAccessible",
}


def install() -> None:
    """Replaces what differs. Call once, after ``databases``."""
    # DocumentDB is a part of RDS's interface, and not an emulator of its own.
    router._documentdb_claims = lambda params: False
    calls = rds._ACTION_MAP
    calls["CopyDBClusterSnapshot"] = copy_snapshot
    calls["DescribeDBClusterSnapshotAttributes"] = snapshot_attributes
    calls["ModifyDBClusterSnapshotAttribute"] = share
    calls["RestoreDBClusterFromSnapshot"] = restore_from_snapshot
    calls["RestoreDBClusterToPointInTime"] = restore_to_point_in_time
    calls["RestoreDBInstanceToPointInTime"] = restore_instance_to_point_in_time
    calls["CreateDBCluster"] = keep_settings(calls["CreateDBCluster"])
    calls["CreateDBInstance"] = create_member(calls["CreateDBInstance"])
    calls["DeleteDBCluster"] = delete_with_members(calls["DeleteDBCluster"])
    calls["ModifyDBCluster"] = rename_cluster(calls["ModifyDBCluster"])
    calls["ModifyDBInstance"] = rename_instance(calls["ModifyDBInstance"])
    show_all_of_clusters()


def show_all_of_clusters() -> None:
    """Shows what the emulator leaves out of a cluster."""
    original = rds._cluster_xml

    def cluster_xml(cluster):
        more = "".join(
            f"<{name}>{str(cluster[name]).lower() if isinstance(cluster[name], bool) else cluster[name]}</{name}>"
            for name in ("DBClusterInstanceClass", "StorageType", "Iops", "PubliclyAccessible")
            if cluster.get(name) is not None
        )
        logs = "".join(f"<member>{log}</member>" for log in cluster.get("EnabledCloudwatchLogsExports") or ())
        return original(cluster) + more + f"<EnabledCloudwatchLogsExports>{logs}</EnabledCloudwatchLogsExports>"

    rds._cluster_xml = cluster_xml


def keep_settings(original):
    """A Multi-AZ DB cluster has a class and storage of its own, and its instances."""

    def created(p):
        made = original(p)
        if made[0] == 200:
            cluster = rds._clusters[rds._p(p, "DBClusterIdentifier")]
            iops = rds._p(p, "Iops")
            cluster.update(
                DBClusterInstanceClass=rds._p(p, "DBClusterInstanceClass") or None,
                StorageType=rds._p(p, "StorageType") or None,
                Iops=int(iops) if iops else None,
            )
            if cluster["Engine"] in MULTI_AZ:
                # Without a word it is public where the VPC has an internet gateway.
                cluster["PubliclyAccessible"] = rds._p(p, "PubliclyAccessible") != "false"
                add_instances(cluster)
        return made

    return created


def answer(operation: str, element: str, inner: str):
    result = f"<{operation}Result><{element}>{inner}</{element}></{operation}Result>"
    return rds._xml(200, f"{operation}Response", result)


def refuse(code: str, text: str, status: int = 400):
    return rds._error(code, text, status)


# Snapshots


def copy_snapshot(p):
    """As for snapshots of instances: see ``databases.copy_snapshot``. The time of a copy is the time of copying."""
    source = databases.whole(rds._p(p, "SourceDBClusterSnapshotIdentifier"), "cluster-snapshot")
    name = rds._p(p, "TargetDBClusterSnapshotIdentifier")
    account, region = responses.get_account_id(), source.split(":")[3]
    owner, original_name = source.split(":")[4], source.rsplit(":", 1)[-1]
    original = rds._db_cluster_snapshots._data.get((owner, region, original_name))
    if original is None or (owner != account and account not in databases.SHARED.get(original_name, ())):
        return refuse("DBClusterSnapshotNotFoundFault", f"{source} not found.", 404)
    if name in rds._db_cluster_snapshots:
        return refuse("DBClusterSnapshotAlreadyExistsFault", f"Cluster snapshot {name} already exists.")
    if original["Status"] != "available":
        return refuse("InvalidDBClusterSnapshotStateFault", f"{source} is {original['Status']}")
    if original["StorageEncrypted"] and not rds._p(p, "KmsKeyId"):
        return refuse("KMSKeyNotAccessibleFault", "an encrypted copy needs a key in its region")
    copied = {
        **original,
        "DBClusterSnapshotIdentifier": name,
        "DBClusterSnapshotArn": f"arn:aws:rds:{responses.get_region()}:{account}:cluster-snapshot:{name}",
        "SnapshotCreateTime": now(),
        "CopiedFrom": source,
        "TagList": rds._parse_tags(p),
    }
    rds._db_cluster_snapshots[name] = copied
    return answer("CopyDBClusterSnapshot", "DBClusterSnapshot", rds._cluster_snapshot_xml(copied))


def snapshot_attributes(p):
    name = rds._p(p, "DBClusterSnapshotIdentifier")
    if name not in rds._db_cluster_snapshots:
        return refuse("DBClusterSnapshotNotFoundFault", f"Cluster snapshot {name} not found.", 404)
    values = "".join(f"<AttributeValue>{account}</AttributeValue>" for account in sorted(databases.SHARED.get(name, ())))
    inner = (
        f"<DBClusterSnapshotIdentifier>{name}</DBClusterSnapshotIdentifier><DBClusterSnapshotAttributes>"
        f"<DBClusterSnapshotAttribute><AttributeName>restore</AttributeName><AttributeValues>{values}</AttributeValues>"
        "</DBClusterSnapshotAttribute></DBClusterSnapshotAttributes>"
    )
    return answer("DescribeDBClusterSnapshotAttributes", "DBClusterSnapshotAttributesResult", inner)


def share(p):
    name = rds._p(p, "DBClusterSnapshotIdentifier")
    databases.SHARED.setdefault(name, set()).add(rds._p(p, "ValuesToAdd.AttributeValue.1"))
    return snapshot_attributes(p)


# Restores


def restore_from_snapshot(p):
    name = rds._p(p, "SnapshotIdentifier")
    snapshot = rds._db_cluster_snapshots.get(name.rsplit(":", 1)[-1])
    if snapshot is None:
        return refuse("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {name} not found.", 404)
    if snapshot["Status"] != "available":
        return refuse("InvalidDBClusterSnapshotStateFault", f"{name} is {snapshot['Status']}")
    if rds._p(p, "Engine") != snapshot["Engine"]:
        return refuse("InvalidParameterCombination", f"The engine of {name} is {snapshot['Engine']}")
    refusal = refuse_cluster(p, snapshot["Engine"])
    return refusal or make_cluster("RestoreDBClusterFromSnapshot", p, snapshot)


def restore_to_point_in_time(p):
    name = rds._p(p, "SourceDBClusterIdentifier")
    source = rds._clusters.get(name)
    if source is None:
        return refuse("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)
    time, latest = rds._p(p, "RestoreToTime"), rds._p(p, "UseLatestRestorableTime") == "true"
    refusal = refuse_time(time, latest, "InvalidRestoreFault") or refuse_cluster(p, source["Engine"])
    return refusal or make_cluster("RestoreDBClusterToPointInTime", p, source)


def refuse_time(time: str, latest: bool, code: str):
    """Exactly one of both says when, and the future can't be restored."""
    if bool(time) == latest:
        return refuse("InvalidParameterCombination", "Specify either a time or the latest restorable time")
    if time and time[:19] > now()[:19]:
        return refuse(code, f"{time} is later than the latest restorable time")
    return None


def refuse_cluster(p, engine: str):
    name, is_multi_az = rds._p(p, "DBClusterIdentifier"), engine in MULTI_AZ
    if name in rds._clusters:
        return refuse("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {name}")
    if is_multi_az != bool(rds._p(p, "DBClusterInstanceClass")):
        return refuse("InvalidParameterCombination", f"DBClusterInstanceClass and the engine {engine} don't go together")
    if rds._p(p, "StorageType") in ("gp3", "io1", "io2") and not rds._p(p, "Iops"):
        return refuse("InvalidParameterCombination", "Iops must be specified with this storage type")
    if rds._p(p, "PubliclyAccessible") and not is_multi_az:
        return refuse("InvalidParameterCombination", f"PubliclyAccessible isn't supported for the engine {engine}")
    group = rds._p(p, "DBSubnetGroupName")
    if group not in ("", "default") and group not in rds._subnet_groups:
        return refuse("DBSubnetGroupNotFoundFault", f"DB subnet group {group} not found.", 404)
    parameters = rds._p(p, "DBClusterParameterGroupName")
    is_known = not parameters or parameters.startswith("default.") or parameters in rds._db_cluster_param_groups
    return None if is_known else refuse("DBClusterParameterGroupNotFound", f"{parameters} not found.", 404)


def make_cluster(operation: str, p, source):
    """Makes a cluster that has the data of ``source``, and the settings of the request."""
    name, engine = rds._p(p, "DBClusterIdentifier"), source["Engine"]
    version = rds._p(p, "EngineVersion") or source["EngineVersion"]
    made = rds._ACTION_MAP["CreateDBCluster"]({**p, "Engine": [engine], "EngineVersion": [version]})
    if made[0] != 200:
        return made
    cluster = rds._clusters[name]
    tags = rds._parse_tags(p) or list(source.get("TagList") or ())
    rds._tags[cluster["DBClusterArn"]] = tags
    cluster.update(
        StorageEncrypted=source["StorageEncrypted"],
        BackupRetentionPeriod=source.get("BackupRetentionPeriod", 1),
        EnabledCloudwatchLogsExports=rds._parse_member_list(p, "EnableCloudwatchLogsExports"),
        VpcSecurityGroups=groups(p),
        TagList=tags,
        Status="available" if is_instant() else "creating",
        **{shown: rds._p(p, sent) == "true" for sent, shown in SWITCHES.items() if sent != "PubliclyAccessible"},
    )
    return answer(operation, "DBCluster", rds._cluster_xml(cluster))


def add_instances(cluster) -> None:
    for n in (1, 2, 3):
        rds._ACTION_MAP["CreateDBInstance"]({
            "DBInstanceIdentifier": [f"{cluster['DBClusterIdentifier']}-instance-{n}"],
            "DBClusterIdentifier": [cluster["DBClusterIdentifier"]],
            "Engine": [cluster["Engine"]],
            "DBInstanceClass": [cluster["DBClusterInstanceClass"]],
            "_own": ["true"],
        })


def restore_instance_to_point_in_time(p):
    name, target = rds._p(p, "SourceDBInstanceIdentifier"), rds._p(p, "TargetDBInstanceIdentifier")
    source = rds._instances.get(name)
    if source is None:
        return refuse("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
    if not source.get("BackupRetentionPeriod"):
        return refuse("PointInTimeRestoreNotEnabled", f"{name} has no automated backups")
    time, latest = rds._p(p, "RestoreTime"), rds._p(p, "UseLatestRestorableTime") == "true"
    refusal = refuse_time(time, latest, "InvalidRestoreFault")
    if refusal:
        return refusal
    snapshot = rds._create_snapshot_internal(f"rds-{target}", source)
    request = {**p, "DBInstanceIdentifier": [target], "DBSnapshotIdentifier": [f"rds-{target}"]}
    restored = rds._ACTION_MAP["RestoreDBInstanceFromDBSnapshot"](request)
    del rds._snapshots[snapshot["DBSnapshotIdentifier"]]
    if restored[0] != 200:
        return restored
    instance = rds._instances[target]
    return answer("RestoreDBInstanceToPointInTime", "DBInstance", rds._instance_xml(instance))


# Instances of clusters


def create_member(original):
    def created(p):
        cluster = rds._clusters.get(rds._p(p, "DBClusterIdentifier"))
        if cluster is None or rds._p(p, "_own"):
            return original(p)
        engine = cluster["Engine"]
        if cluster["Status"] != "available":
            return refuse("InvalidDBClusterStateFault", f"{cluster['DBClusterIdentifier']} is {cluster['Status']}")
        if rds._p(p, "Engine") != engine:
            return refuse("InvalidParameterCombination", f"The engine of the cluster is {engine}")
        if engine in PRIVATE and rds._p(p, "PubliclyAccessible"):
            return refuse("InvalidParameterCombination", f"PubliclyAccessible isn't supported for the engine {engine}")
        if any(rds._p(p, name) for name in ("MasterUsername", "AllocatedStorage", "BackupRetentionPeriod")):
            return refuse("InvalidParameterCombination", "The requested DB Instance will be a member of a DB Cluster.")
        made = original(p)
        instance = rds._instances.get(rds._p(p, "DBInstanceIdentifier"))
        if made[0] == 200:
            tags = rds._parse_tags(p)
            rds._tags[instance["DBInstanceArn"]] = tags
            # The storage is the cluster's.
            instance.update(TagList=tags, BackupRetentionPeriod=0, StorageEncrypted=cluster["StorageEncrypted"])
            if not is_instant():
                instance["DBInstanceStatus"] = "creating"
        return made

    return created


def delete_with_members(original):
    def deleted(p):
        cluster = rds._clusters.get(rds._p(p, "DBClusterIdentifier"))
        databases.REMOVED.append(rds._p(p, "DBClusterIdentifier"))
        if cluster is None or cluster["Engine"] not in MULTI_AZ or cluster.get("DeletionProtection"):
            return original(p)
        for member in cluster["DBClusterMembers"]:
            rds._instances.pop(member["DBInstanceIdentifier"], None)
        cluster["DBClusterMembers"] = []
        return original(p)

    return deleted


# Changes


def rename_cluster(original):
    def modified(p):
        done = original(p)
        new, old = rds._p(p, "NewDBClusterIdentifier"), rds._p(p, "DBClusterIdentifier")
        if done[0] != 200 or not new:
            return done
        if new in rds._clusters:
            return refuse("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {new}")
        cluster = rds._clusters.pop(old)
        move(cluster, "DBCluster", new)
        rds._clusters[new] = cluster
        for member in cluster["DBClusterMembers"]:
            rds._instances[member["DBInstanceIdentifier"]]["DBClusterIdentifier"] = new
        return answer("ModifyDBCluster", "DBCluster", rds._cluster_xml(cluster))

    return modified


def rename_instance(original):
    def modified(p):
        done = original(p)
        new, old = rds._p(p, "NewDBInstanceIdentifier"), rds._p(p, "DBInstanceIdentifier")
        if done[0] != 200 or not new:
            return done
        if new in rds._instances:
            return refuse("DBInstanceAlreadyExists", f"DB Instance already exists: {new}")
        instance = rds._instances.pop(old)
        move(instance, "DBInstance", new)
        rds._instances[new] = instance
        return answer("ModifyDBInstance", "DBInstance", rds._instance_xml(instance))

    return modified


def move(database, kind: str, name: str) -> None:
    """Renames a database: its ARN changes, its resource ID and its tags don't."""
    arn = database[f"{kind}Arn"]
    database[f"{kind}Identifier"] = name
    database[f"{kind}Arn"] = arn.rsplit(":", 1)[0] + f":{name}"
    rds._tags[database[f"{kind}Arn"]] = rds._tags.pop(arn, [])


def groups(p) -> list:
    """The security groups of a request, or the default one of the VPC."""
    wanted = rds._parse_member_list(p, "VpcSecurityGroupIds") or ["sg-default"]
    return [{"VpcSecurityGroupId": group, "Status": "active"} for group in wanted]


def is_instant() -> bool:
    return emit.SETTINGS["snapshots"] == "instant"


def now() -> str:
    return re.sub(r"\+.*", "Z", datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"))


def change(request: dict) -> dict:
    """{cluster, status}: sets the state of a cluster."""
    rds._clusters[request["cluster"]]["Status"] = request["status"]
    return {}


def shown(request: dict) -> dict:
    """{cluster} → the cluster as the emulator has it, without what is internal."""
    cluster = rds._clusters.get(request["cluster"]) or {}
    return {key: value for key, value in cluster.items() if not key.startswith("_")}
