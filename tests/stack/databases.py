"""RDS as AWS has it, as far as backups go: snapshots that take their time and tell, states that refuse them, quotas.

The emulator's snapshots are there at once, whatever state the database is in, and nobody hears of them; it knows
no account attributes and none of an instance's snapshots; and a database without automated backups has a recovery
point all the same.

Shapes: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html,
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html
"""

import re

from ministack.core import responses
from ministack.services import rds

from . import emit

READY = ("available", "storage-optimization")
QUOTA = {"ManualSnapshots": 100, "ManualClusterSnapshots": 100}
# The accounts that may restore from a snapshot, by its identifier.
SHARED = {}
RESTORED = {}
REMOVED = []
KINDS = {
    False: ("_snapshots", "DBSnapshot", "RDS DB Snapshot Event", "SNAPSHOT", "RDS-EVENT-0042", "RDS-EVENT-0041"),
    True: ("_db_cluster_snapshots", "DBClusterSnapshot", "RDS DB Cluster Snapshot Event", "CLUSTER_SNAPSHOT",
           "RDS-EVENT-0075", "RDS-EVENT-0046"),
}


def install() -> None:
    """Replaces what differs. Call once, before the emulator starts serving."""
    show_source_of_copies()
    for of_cluster in KINDS:
        take_time_and_tell(of_cluster)
        list_by_resource_id(of_cluster)
    restore_with_tags_and_tell()
    rds._ACTION_MAP["CopyDBSnapshot"] = copy_snapshot
    rds._ACTION_MAP["DescribeAccountAttributes"] = account_attributes
    rds._ACTION_MAP["DescribeDBSnapshotAttributes"] = snapshot_attributes
    rds._ACTION_MAP["ModifyDBSnapshotAttribute"] = share
    original = rds._instance_xml

    def instance_xml(instance):
        xml = original(instance)
        if instance.get("BackupRetentionPeriod"):
            return xml
        return re.sub(r"\s*<LatestRestorableTime>[^<]*</LatestRestorableTime>", "", xml)

    rds._instance_xml = instance_xml


def show_source_of_copies() -> None:
    """Shows what a copy of another account or region was copied from, which the emulator leaves out."""
    for shown, element in (("_snapshot_xml", "SourceDBSnapshotIdentifier"), ("_cluster_snapshot_xml", "SourceDBClusterSnapshotArn")):
        setattr(rds, shown, with_source(getattr(rds, shown), element))


def with_source(original, element: str):
    def snapshot_xml(snapshot):
        source = snapshot.get("CopiedFrom")
        return original(snapshot) + (f"<{element}>{source}</{element}>" if source else "")

    return snapshot_xml


def list_by_resource_id(of_cluster: bool) -> None:
    """Lists the snapshots of one database by its resource ID: they keep the name that the database had."""
    store, kind, *_ = KINDS[of_cluster]
    parameter = "DbClusterResourceId" if of_cluster else "DbiResourceId"
    describe = rds._ACTION_MAP[f"Describe{kind}s"]
    to_xml = rds._cluster_snapshot_xml if of_cluster else rds._snapshot_xml

    def described(p):
        wanted = rds._p(p, parameter)
        if not wanted:
            return describe(p)
        found = [s for s in getattr(rds, store).values() if s.get(parameter) == wanted]
        members = "".join(f"<{kind}>{to_xml(s)}</{kind}>" for s in found)
        result = f"<Describe{kind}sResult><{kind}s>{members}</{kind}s></Describe{kind}sResult>"
        return rds._xml(200, f"Describe{kind}sResponse", result)

    rds._ACTION_MAP[f"Describe{kind}s"] = described


def take_time_and_tell(of_cluster: bool) -> None:
    store, kind, *_ = KINDS[of_cluster]
    source = "DBClusterIdentifier" if of_cluster else "DBInstanceIdentifier"
    take, delete = rds._ACTION_MAP[f"Create{kind}"], rds._ACTION_MAP[f"Delete{kind}"]

    def taken(p):
        databases = rds._clusters if of_cluster else rds._instances
        database = databases.get(rds._p(p, source)) or {}
        status = database.get("Status" if of_cluster else "DBInstanceStatus", "available")
        if status not in READY:
            code = "InvalidDBClusterStateFault" if of_cluster else "InvalidDBInstanceState"
            return rds._error(code, f"{rds._p(p, source)} is {status}", 400)
        if len(getattr(rds, store)) >= QUOTA[f"Manual{'Cluster' if of_cluster else ''}Snapshots"]:
            return rds._error("SnapshotQuotaExceeded", "all manual snapshots are used", 400)
        answer = take(p)
        snapshot = getattr(rds, store).get(rds._p(p, f"{kind}Identifier"))
        if answer[0] == 200 and emit.SETTINGS["snapshots"] == "instant":
            tell(snapshot, of_cluster, made=True)
        elif answer[0] == 200:
            snapshot["Status"] = "creating"
        return answer

    def deleted(p):
        snapshot = getattr(rds, store).get(rds._p(p, f"{kind}Identifier"))
        if snapshot and snapshot["Status"] == "creating":
            return rds._error(f"Invalid{kind}State", f"{rds._p(p, f'{kind}Identifier')} is creating", 400)
        answer = delete(p)
        if answer[0] == 200:
            tell(snapshot, of_cluster, made=False)
        return answer

    rds._ACTION_MAP[f"Create{kind}"] = taken
    rds._ACTION_MAP[f"Delete{kind}"] = deleted


def restore_with_tags_and_tell() -> None:
    """A restored instance has the settings and tags of the request, takes its time, and is told of when it is there."""
    restore, delete = rds._ACTION_MAP["RestoreDBInstanceFromDBSnapshot"], rds._ACTION_MAP["DeleteDBInstance"]

    def restored(p):
        refusal = refuse_restore(p)
        if refusal:
            return refusal
        answer = restore(p)
        instance = rds._instances.get(rds._p(p, "DBInstanceIdentifier"))
        if answer[0] == 200:
            snapshot = rds._snapshots[rds._p(p, "DBSnapshotIdentifier")]
            # If none are given, it has those of the source.
            tags = rds._parse_tags(p) or list(snapshot.get("TagList") or ())
            rds._tags[instance["DBInstanceArn"]] = tags
            instance.update(TagList=tags, StorageEncrypted=snapshot["StorageEncrypted"], **settings(p))
            RESTORED[instance["DBInstanceIdentifier"]] = {
                "class": rds._p(p, "DBInstanceClass"),
                "group": rds._p(p, "VpcSecurityGroupIds.VpcSecurityGroupId.1"),
                "public": rds._p(p, "PubliclyAccessible"),
            }
            if emit.SETTINGS["snapshots"] == "instant":
                restoration(instance)
            else:
                instance["DBInstanceStatus"] = "creating"
        return answer

    def deleted(p):
        REMOVED.append(rds._p(p, "DBInstanceIdentifier"))
        return delete(p)

    rds._ACTION_MAP["RestoreDBInstanceFromDBSnapshot"] = restored
    rds._ACTION_MAP["DeleteDBInstance"] = deleted


def refuse_restore(p):
    """Why AWS refuses the restore of an instance; None if it doesn't."""
    name, group = rds._p(p, "DBSnapshotIdentifier"), rds._p(p, "DBSubnetGroupName")
    snapshot = rds._snapshots.get(name)
    if snapshot and snapshot["Status"] != "available":
        return rds._error("InvalidDBSnapshotState", f"{name} is {snapshot['Status']}", 400)
    if group not in ("", "default") and group not in rds._subnet_groups:
        return rds._error("DBSubnetGroupNotFoundFault", f"DB subnet group {group} not found.", 404)
    parameters = rds._p(p, "DBParameterGroupName")
    if parameters and not parameters.startswith("default.") and parameters not in rds._param_groups:
        return rds._error("DBParameterGroupNotFound", f"{parameters} not found.", 404)
    if rds._p(p, "StorageType") in ("io1", "io2") and not rds._p(p, "Iops"):
        return rds._error("InvalidParameterCombination", "Iops must be specified with this storage type", 400)
    return None


def settings(p) -> dict:
    """What a restored instance has by the request, or by default: not what its source had."""
    found = {
        "VpcSecurityGroups": [
            {"VpcSecurityGroupId": group, "Status": "active"}
            for group in rds._parse_member_list(p, "VpcSecurityGroupIds") or ["sg-default"]
        ],
        "DeletionProtection": rds._p(p, "DeletionProtection") == "true",
        "CopyTagsToSnapshot": rds._p(p, "CopyTagsToSnapshot") == "true",
        "IAMDatabaseAuthenticationEnabled": rds._p(p, "EnableIAMDatabaseAuthentication") == "true",
        "AutoMinorVersionUpgrade": rds._p(p, "AutoMinorVersionUpgrade") != "false",
    }
    parameters, options, iops = (rds._p(p, name) for name in ("DBParameterGroupName", "OptionGroupName", "Iops"))
    if parameters:
        found["DBParameterGroups"] = [{"DBParameterGroupName": parameters, "ParameterApplyStatus": "in-sync"}]
    if options:
        found["OptionGroupMemberships"] = [{"OptionGroupName": options, "Status": "in-sync"}]
    if iops:
        found["Iops"] = int(iops)
    return found


def restoration(instance) -> None:
    if not emit.SETTINGS["events"]:
        return
    arn = instance["DBInstanceArn"]
    detail = {
        "EventCategories": ["restoration"],
        "SourceType": "DB_INSTANCE",
        "SourceArn": arn,
        "Message": "Restored from DB snapshot",
        "SourceIdentifier": instance["DBInstanceIdentifier"],
        "EventID": "RDS-EVENT-0043",
    }
    emit.send("aws.rds", "RDS DB Instance Event", detail, [arn])


def tell(snapshot, of_cluster, *, made) -> None:
    _, kind, detail_type, source_type, created, deleted = KINDS[of_cluster]
    if not emit.SETTINGS["events"]:
        return
    arn = snapshot[f"{kind}Arn"]
    detail = {
        "EventCategories": ["creation" if made else "deletion"],
        "SourceType": source_type,
        "SourceArn": arn,
        "Message": "Manual snapshot created" if made else "Deleted manual snapshot",
        "SourceIdentifier": snapshot[f"{kind}Identifier"],
        "EventID": created if made else deleted,
    }
    emit.send("aws.rds", detail_type, detail, [arn])


def whole(name: str, kind: str) -> str:
    """The ARN of a snapshot; a plain name is one of the caller's own."""
    return name if ":" in name else f"arn:aws:rds:{responses.get_region()}:{responses.get_account_id()}:{kind}:{name}"


def copy_snapshot(p):
    """Copies a snapshot from the region and account of its ARN to this one. A copy has no tags but those of the request,
    an encrypted one needs a key here, and what is of another account must be shared with this one."""
    source, name = whole(rds._p(p, "SourceDBSnapshotIdentifier"), "snapshot"), rds._p(p, "TargetDBSnapshotIdentifier")
    account, region = responses.get_account_id(), source.split(":")[3]
    owner, original_name = source.split(":")[4], source.rsplit(":", 1)[-1]
    original = rds._snapshots._data.get((owner, region, original_name))
    if original is None or (owner != account and account not in SHARED.get(original_name, ())):
        return rds._error("DBSnapshotNotFound", f"{source} not found.", 404)
    if name in rds._snapshots:
        return rds._error("DBSnapshotAlreadyExists", f"Snapshot {name} already exists.", 400)
    if original["StorageEncrypted"] and not rds._p(p, "KmsKeyId"):
        return rds._error("KMSKeyNotAccessibleFault", "an encrypted copy needs a key in its region", 400)
    options, group = original.get("PermanentOptions"), rds._p(p, "OptionGroupName")
    if options and not group:
        text = f"The snapshot requires a target option group with the following options: [{options}]"
        return rds._error("InvalidParameterValue", text, 400)
    arn = f"arn:aws:rds:{responses.get_region()}:{account}:snapshot:{name}"
    copied = {**original, "DBSnapshotIdentifier": name, "DBSnapshotArn": arn, "TagList": rds._parse_tags(p)}
    copied["OptionGroupName"] = group or "default"
    copied["OriginalSnapshotCreateTime"] = original["SnapshotCreateTime"]
    # AWS says it of copies from another account or region alone.
    copied["CopiedFrom"] = source if (owner, region) != (account, responses.get_region()) else None
    rds._snapshots[name] = copied
    inner = f"<CopyDBSnapshotResult><DBSnapshot>{rds._snapshot_xml(copied)}</DBSnapshot></CopyDBSnapshotResult>"
    return rds._xml(200, "CopyDBSnapshotResponse", inner)


def account_attributes(p):
    used = {"ManualSnapshots": len(rds._snapshots), "ManualClusterSnapshots": len(rds._db_cluster_snapshots)}
    quotas = "".join(
        f"<AccountQuota><AccountQuotaName>{name}</AccountQuotaName><Used>{used[name]}</Used><Max>{most}</Max></AccountQuota>"
        for name, most in QUOTA.items()
    )
    result = f"<DescribeAccountAttributesResult><AccountQuotas>{quotas}</AccountQuotas></DescribeAccountAttributesResult>"
    return rds._xml(200, "DescribeAccountAttributesResponse", result)


def snapshot_attributes(p):
    name = rds._p(p, "DBSnapshotIdentifier")
    if name not in rds._snapshots:
        return rds._error("DBSnapshotNotFound", f"Snapshot {name} not found.", 404)
    values = "".join(f"<AttributeValue>{account}</AttributeValue>" for account in sorted(SHARED.get(name, ())))
    attributes = (
        f"<DBSnapshotAttribute><AttributeName>restore</AttributeName><AttributeValues>{values}</AttributeValues>"
        "</DBSnapshotAttribute>"
    )
    result = (
        f"<DescribeDBSnapshotAttributesResult><DBSnapshotAttributesResult><DBSnapshotIdentifier>{name}"
        f"</DBSnapshotIdentifier><DBSnapshotAttributes>{attributes}</DBSnapshotAttributes>"
        "</DBSnapshotAttributesResult></DescribeDBSnapshotAttributesResult>"
    )
    return rds._xml(200, "DescribeDBSnapshotAttributesResponse", result)


def share(p):
    name = rds._p(p, "DBSnapshotIdentifier")
    SHARED.setdefault(name, set()).add(rds._p(p, "ValuesToAdd.AttributeValue.1"))
    result = (
        f"<ModifyDBSnapshotAttributeResult><DBSnapshotAttributesResult><DBSnapshotIdentifier>{name}"
        "</DBSnapshotIdentifier></DBSnapshotAttributesResult></ModifyDBSnapshotAttributeResult>"
    )
    return rds._xml(200, "ModifyDBSnapshotAttributeResponse", result)


def change(request: dict) -> dict:
    """{database, status}: sets the state of an instance. One that was being made is told of."""
    instance = rds._instances[request["database"]]
    was, instance["DBInstanceStatus"] = instance["DBInstanceStatus"], request["status"]
    if was == "creating" and request["status"] == "available":
        restoration(instance)
    return {}


def snapshot(request: dict) -> dict:
    """{name, database?, at?, tags?, status?, shared?, options?, account?}: makes a snapshot of an instance as it would be, or
    changes one, here or in another account. Nothing is told unless it becomes ``available``."""
    with responses.request_scope(request.get("account", responses.get_account_id()), responses.get_region()):
        return put_snapshot(request)


def put_snapshot(request: dict) -> dict:
    name = request["name"]
    known = rds._snapshots.get(name)
    if known is None:
        known = rds._create_snapshot_internal(name, rds._instances[request["database"]])
        known["TagList"] = []
    was = known["Status"]
    if "at" in request:
        known["SnapshotCreateTime"] = known["OriginalSnapshotCreateTime"] = request["at"]
    if "tags" in request:
        known["TagList"] = [{"Key": key, "Value": value} for key, value in request["tags"].items()]
    known["Status"] = request.get("status", was)
    known["PermanentOptions"] = request.get("options")
    if request.get("shared"):
        SHARED.setdefault(name, set()).add("210987654321")
    if was == "creating" and known["Status"] == "available":
        tell(known, False, made=True)
    return {}


def listed(request: dict) -> list:
    """{region?, account?} → [{name, database, at, status, tags}]: every snapshot of an instance there, or here."""
    account = request.get("account", responses.get_account_id())
    with responses.request_scope(account, request.get("region", responses.get_region())):
        return of_region()


def of_region() -> list:
    return [
        {
            "name": s["DBSnapshotIdentifier"],
            "database": s["DBInstanceIdentifier"],
            "at": s["SnapshotCreateTime"],
            "status": s["Status"],
            "option_group": s.get("OptionGroupName"),
            "tags": {tag["Key"]: tag["Value"] for tag in s["TagList"]},
        }
        for s in rds._snapshots.values()
    ]


def set_quota(request: dict) -> dict:
    """{ManualSnapshots?, ManualClusterSnapshots?}: how many there may be."""
    QUOTA.update(request)
    return QUOTA


def drills(_: dict) -> dict:
    """{restored: {name: {class, group, public}}, removed: [name]}: every restore and every deletion of an instance."""
    return {"restored": RESTORED, "removed": REMOVED}


def reset() -> None:
    for memory in (SHARED, RESTORED, REMOVED):
        memory.clear()
