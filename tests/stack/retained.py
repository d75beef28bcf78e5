"""Automated backups that outlive their database, if whoever deletes it says so.

Sources: DeleteDBInstance, DeleteDBCluster (DeleteAutomatedBackups), DescribeDBInstanceAutomatedBackups and
DescribeDBClusterAutomatedBackups in https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/
"""

from ministack.services import rds

from . import clusters

# Deleted databases whose automated backups are left, by resource ID.
INSTANCES: dict = {}
CLUSTERS: dict = {}


def install() -> None:
    """Call once, after ``clusters``."""
    calls = rds._ACTION_MAP
    calls["DeleteDBInstance"] = retain(calls["DeleteDBInstance"], "DBInstance", lambda: rds._instances)
    calls["DeleteDBCluster"] = retain(calls["DeleteDBCluster"], "DBCluster", lambda: rds._clusters)
    for kind, store, key in (("DBInstance", INSTANCES, "DbiResourceId"), ("DBCluster", CLUSTERS, "DbClusterResourceId")):
        operation = f"Describe{kind}AutomatedBackups"
        calls[operation] = describe(operation, kind, store, key)
    original = calls["RestoreDBInstanceToPointInTime"]
    calls["RestoreDBInstanceToPointInTime"] = restore(
        original, INSTANCES, "SourceDbiResourceId", "SourceDBInstanceIdentifier", lambda: rds._instances
    )
    original = calls["RestoreDBClusterToPointInTime"]
    calls["RestoreDBClusterToPointInTime"] = restore(
        original, CLUSTERS, "SourceDbClusterResourceId", "SourceDBClusterIdentifier", lambda: rds._clusters
    )


def retain(original, kind: str, databases):
    store = INSTANCES if kind == "DBInstance" else CLUSTERS

    def deleted(p):
        database = databases().get(rds._p(p, f"{kind}Identifier"))
        kept = dict(database) if database else {}
        done = original(p)
        # AWS deletes them unless it is told not to.
        if done[0] == 200 and kept.get("BackupRetentionPeriod") and rds._p(p, "DeleteAutomatedBackups") == "false":
            store[kept.get("DbiResourceId") or kept["DbClusterResourceId"]] = kept
        return done

    return deleted


def describe(operation: str, kind: str, store: dict, key: str):
    parameter = {"DBInstance": "DbiResourceId", "DBCluster": "DbClusterResourceId"}[kind]

    def described(p):
        name = rds._p(p, parameter)
        if name not in store:
            return clusters.refuse(f"{kind}AutomatedBackupNotFoundFault", f"{name} has no automated backups.", 404)
        window = f"<RestoreWindow><EarliestTime>{clusters.now()}</EarliestTime><LatestTime>{clusters.now()}</LatestTime></RestoreWindow>"
        inner = (
            f"<{kind}AutomatedBackup><{key}>{name}</{key}><Status>retained</Status>{window}</{kind}AutomatedBackup>"
        )
        return clusters.answer(operation, f"{kind}AutomatedBackups", inner)

    return described


def restore(original, store: dict, parameter: str, by_name: str, databases):
    """Restores from what is left of a deleted database as if it were still there."""

    def restored(p):
        left = store.get(rds._p(p, parameter))
        if left is None:
            return original(p)
        name = "retained-automated-backup"
        databases()[name] = left
        try:
            return original({**p, by_name: [name]})
        finally:
            del databases()[name]

    return restored
