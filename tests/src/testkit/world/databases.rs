//! Databases and their snapshots in the simulated world.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Database, DatabaseKind, Quota, Quotas, Snapshot};
use lamplighter::plan::{
    CopySnapshot, CreateSnapshot, DeleteRestoredDatabase, DeleteSnapshot, MarkVerified,
    RestoreCall, RestoreForDrill,
};
use lamplighter::policy::{STACK, TARGET, VERIFIED};
use lamplighter::ports::SnapshotFilter;

use super::{State, World, confirm_answer, error};

/// From asking for a snapshot until a database can be restored from it.
const TAKES: SignedDuration = SignedDuration::from_mins(10);

/// The account that everything is in, and that of the vault.
const OWN: &str = "123456789012";
const VAULT: &str = "345678901234";

/// From asking for a restore until the database is available.
const RESTORES: SignedDuration = SignedDuration::from_mins(20);

impl World {
    /// Makes a PostgreSQL instance that is to be backed up so; no automated backups.
    pub fn database(&self, name: &str, backup: &str) -> Arn {
        let arn = Arn::new(format!("arn:aws:rds:eu-west-1:123456789012:db:{name}"));
        self.keep_database(&arn, backup, |database| database)
    }

    /// Makes any database.
    pub fn keep_database(
        &self,
        arn: &Arn,
        backup: &str,
        change: impl FnOnce(Database) -> Database,
    ) -> Arn {
        let database = Database {
            arn: arn.clone(),
            identifier: arn.display_name(),
            engine: "postgres".to_owned(),
            resource_id: format!("db-{}", arn.display_name().to_uppercase()),
            status: "available".to_owned(),
            class: "db.r6g.large".to_owned(),
            is_cluster: arn.is_cluster(),
            allocated_gib: Some(100),
            multi_az: true,
            encrypted: true,
            deletion_protection: true,
            ..Database::default()
        };
        let mut state = self.state_mut();
        state.databases.insert(arn.clone(), change(database));
        let tags = [
            ("lamplighter:managed", "true"),
            ("lamplighter:backup", backup),
            ("team", "shop"),
        ];
        state.tags.insert(
            arn.clone(),
            tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        );
        drop(state);
        arn.clone()
    }

    /// A snapshot that somebody took, with these tags.
    pub fn snapshot(
        &self,
        database: &Arn,
        name: &str,
        at: Timestamp,
        tags: BTreeMap<String, String>,
    ) -> Arn {
        self.state_mut().take(database, name, at, tags)
    }

    /// When the snapshots of a database were taken, the oldest first, whoever took them.
    pub fn taken(&self, database: &Arn) -> Vec<Timestamp> {
        self.taken_in("eu-west-1", database)
    }

    /// The same of copies in another region, or in the `vault`.
    pub fn taken_in(&self, place: &str, database: &Arn) -> Vec<Timestamp> {
        let state = self.state();
        let mut taken: Vec<Timestamp> = state
            .snapshots_of(place, SnapshotFilter::OfSource(database))
            .iter()
            .filter_map(|s| s.taken_at)
            .collect();
        taken.sort_unstable();
        taken
    }

    /// The snapshots here, in another region or in the `vault`, as AWS lists them now.
    pub fn snapshots_in(&self, place: &str) -> Vec<Snapshot> {
        self.state().snapshots_of(place, SnapshotFilter::All)
    }

    pub(super) async fn take_snapshot(&self, backup: &CreateSnapshot) -> Result<String, AwsError> {
        let identifier = &backup.identifier;
        let answered = self.call("CreateDBSnapshot", identifier).await?;
        {
            let mut state = self.state_mut();
            let database = state.databases.get(&backup.database).cloned();
            let database = database.unwrap_or_default();
            if let Some(refusal) = refuse_cache_snapshot(backup, &database) {
                return Err(error(
                    "CreateSnapshot",
                    identifier,
                    "InvalidParameterCombination",
                    refusal,
                ));
            }
            let now = state.now;
            let day = SignedDuration::from_hours(24);
            let recent = state.snapshots.values().filter(|snapshot| {
                let is_recent = snapshot
                    .taken_at
                    .is_some_and(|at| now.duration_since(at) < day);
                snapshot.has_name_of(&backup.database) && is_recent
            });
            let is_group = backup.database.database_kind() == Some(DatabaseKind::ReplicationGroup);
            if is_group && recent.count() >= 20 {
                return Err(error(
                    "CreateSnapshot",
                    identifier,
                    "SnapshotQuotaExceededFault",
                    "20 snapshots of the cache were taken within 24 hours",
                ));
            }
            let status = &database.status;
            if status != "available" {
                return Err(error(
                    "CreateDBSnapshot",
                    identifier,
                    "InvalidDBInstanceState",
                    &format!("it is {status}"),
                ));
            }
            let wanted = Snapshot {
                arn: snapshot_arn(&backup.database, identifier),
                identifier: identifier.clone(),
                tags: backup.tags.clone(),
                ..Snapshot::default()
            };
            state.is_name_free("CreateDBSnapshot", &wanted)?;
            state.take(&backup.database, identifier, now, backup.tags.clone());
        }
        confirm_answer(answered, "CreateDBSnapshot", identifier)?;
        Ok(format!("{identifier} is being made"))
    }

    pub(super) async fn restore(&self, restore: &RestoreForDrill) -> Result<String, AwsError> {
        let answered = self
            .call("RestoreDBInstanceFromDBSnapshot", restore.call.name())
            .await?;
        {
            let mut state = self.state_mut();
            let has_cluster_mode = state
                .databases
                .get(&restore.source)
                .is_some_and(|source| source.has_cluster_mode);
            let shards = match &restore.call {
                RestoreCall::ReplicationGroup(call) => call.shards,
                RestoreCall::Instance(_)
                | RestoreCall::Cluster(_)
                | RestoreCall::Member(_)
                | RestoreCall::ServerlessCache(_) => None,
            };
            if has_cluster_mode != shards.is_some() {
                return Err(error(
                    "CreateReplicationGroup",
                    restore.call.name(),
                    "InvalidParameterValue",
                    "cluster mode needs automatic failover and shards, and nothing else has them",
                ));
            }
            let (service, kind, cluster) = match &restore.call {
                RestoreCall::Instance(_) => ("rds", "db", None),
                RestoreCall::Cluster(_) => ("rds", "cluster", None),
                RestoreCall::Member(call) => ("rds", "db", Some(call.cluster.clone())),
                RestoreCall::ReplicationGroup(_) => ("elasticache", "replicationgroup", None),
                RestoreCall::ServerlessCache(_) => ("elasticache", "serverlesscache", None),
            };
            let arn = Arn::new(format!(
                "arn:aws:{service}:eu-west-1:123456789012:{kind}:{}",
                restore.call.name()
            ));
            let source = state
                .databases
                .get(&restore.source)
                .cloned()
                .unwrap_or_default();
            let status = "creating".to_owned();
            let restored = Database {
                arn: arn.clone(),
                identifier: restore.call.name().to_owned(),
                status,
                cluster,
                ..source
            };
            let version = restore
                .call
                .engine_version()
                .unwrap_or(&restored.engine_version)
                .to_owned();
            let restored = Database {
                engine_version: version,
                ..restored
            };
            let restored = Database {
                is_cluster: kind == "cluster",
                class: restore.call.class().to_owned(),
                ..restored
            };
            let began = state.now;
            state.restoring.insert(arn.clone(), began);
            state.restored_from.insert(restore.snapshot.clone(), began);
            state.databases.entry(arn.clone()).or_insert(restored);
            state
                .tags
                .entry(arn)
                .or_insert_with(|| restore.call.tags().clone());
        }
        let name = restore.call.name();
        confirm_answer(answered, "RestoreDBInstanceFromDBSnapshot", name)?;
        Ok(format!("{name} is being made"))
    }

    pub(super) async fn remove(&self, remove: &DeleteRestoredDatabase) -> Result<String, AwsError> {
        let name = remove.database.display_name();
        let answered = self.call("DeleteDBInstance", &name).await?;
        {
            let mut state = self.state_mut();
            state.databases.remove(&remove.database);
            state.tags.remove(&remove.database);
        }
        confirm_answer(answered, "DeleteDBInstance", &name)?;
        Ok(format!("{name} is being deleted"))
    }

    pub(super) async fn verify(&self, verify: &MarkVerified) -> Result<String, AwsError> {
        let name = verify.snapshot.display_name();
        let answered = self.call("AddTagsToResource", &name).await?;
        if let Some(snapshot) = self.state_mut().snapshots.get_mut(&verify.snapshot) {
            snapshot
                .tags
                .insert(VERIFIED.to_owned(), verify.at.to_string());
        }
        confirm_answer(answered, "AddTagsToResource", &name)?;
        Ok(format!("{name} is verified"))
    }

    pub(super) async fn copy_snapshot(&self, copy: &CopySnapshot) -> Result<String, AwsError> {
        let name = &copy.identifier;
        let answered = self.call("CopyDBSnapshot", name).await?;
        {
            let mut state = self.state_mut();
            let Some(source) = state.snapshots.get(&copy.snapshot).cloned() else {
                return Err(error(
                    "CopyDBSnapshot",
                    name,
                    "DBSnapshotNotFound",
                    "there is no such snapshot",
                ));
            };
            let source_arn = copy.snapshot.as_str().replace(&source.identifier, name);
            let arn = Arn::new(match copy.to.region() {
                Some(region) => source_arn.replace(":eu-west-1:", &format!(":{region}:")),
                None => source_arn.replace(OWN, VAULT),
            });
            let now = state.now;
            let there = Snapshot {
                arn: arn.clone(),
                identifier: name.clone(),
                status: "creating".to_owned(),
                // The snapshot of a cluster has no time of its original.
                taken_at: if source.kind == DatabaseKind::Cluster {
                    Some(now)
                } else {
                    source.taken_at
                },
                tags: copy.tags.clone(),
                made_at: Some(now),
                copied_from: Some(copy.snapshot.clone()),
                ..source
            };
            if state.is_name_free("CopyDBSnapshot", &there)? {
                state.copying.insert(arn.clone(), now);
                let place = copy.to.region().unwrap_or("vault");
                let is_failing = [place, name]
                    .iter()
                    .any(|at| state.failing_places.contains(*at));
                if is_failing {
                    state.failing_copies.insert(arn.clone());
                } else {
                    state.failing_copies.remove(&arn);
                }
                state.snapshots.insert(arn, there.with_time_of_data());
            }
        }
        confirm_answer(answered, "CopyDBSnapshot", name)?;
        Ok(format!("{name} is being copied to {}", copy.to))
    }

    pub(super) async fn delete_snapshot(
        &self,
        expire: &DeleteSnapshot,
    ) -> Result<String, AwsError> {
        let name = expire.snapshot.display_name();
        let answered = self.call("DeleteDBSnapshot", &name).await?;
        if expire.snapshot.account_id() == VAULT {
            let refusal = "the role of the vault deletes nothing";
            return Err(error("DeleteDBSnapshot", &name, "AccessDenied", refusal));
        }
        self.state_mut().snapshots.remove(&expire.snapshot);
        confirm_answer(answered, "DeleteDBSnapshot", &name)?;
        Ok(format!("{name} is deleted"))
    }
}

/// Builds the ARN of a snapshot here.
fn snapshot_arn(database: &Arn, name: &str) -> Arn {
    let resource = match database.database_kind().unwrap_or_default() {
        DatabaseKind::Instance | DatabaseKind::ReplicationGroup => "snapshot",
        DatabaseKind::Cluster => "cluster-snapshot",
        DatabaseKind::ServerlessCache => "serverlesscachesnapshot",
    };
    let service = database.service();
    Arn::new(format!(
        "arn:aws:{service}:eu-west-1:{OWN}:{resource}:{name}"
    ))
}

/// Says why ElastiCache takes no snapshot of a group so.
fn refuse_cache_snapshot(backup: &CreateSnapshot, cache: &Database) -> Option<&'static str> {
    if cache.arn.database_kind() != Some(DatabaseKind::ReplicationGroup) {
        return None;
    }
    if backup.identifier.len() > 40 {
        return Some("the name of a snapshot has 40 characters at most");
    }
    (cache.has_cluster_mode == backup.node.is_some()).then_some(
        "a group with cluster mode has snapshots as a whole, and one without it of a node",
    )
}

impl State {
    /// As AWS describes it now.
    pub(super) fn described(&self, arn: &Arn) -> Option<Database> {
        let database = self.databases.get(arn)?;
        let ready = self
            .restoring
            .get(arn)
            .is_some_and(|began| self.now.duration_since(*began) >= RESTORES);
        let status = if database.status == "creating" && ready {
            "available"
        } else {
            &database.status
        };
        let tags = self.tags.get(arn).cloned().unwrap_or_default();
        Some(Database {
            status: status.to_owned(),
            tags,
            ..database.clone()
        })
    }

    fn take(
        &mut self,
        database: &Arn,
        name: &str,
        at: Timestamp,
        tags: BTreeMap<String, String>,
    ) -> Arn {
        let kind = database.database_kind().unwrap_or_default();
        let arn = snapshot_arn(database, name);
        let snapshot = Snapshot {
            arn: arn.clone(),
            identifier: name.to_owned(),
            database: database.display_name(),
            kind,
            status: "creating".to_owned(),
            taken_at: Some(at),
            encrypted: true,
            shards: (kind == DatabaseKind::ReplicationGroup).then_some(1),
            resource_id: self
                .databases
                .get(database)
                .map(|d| d.resource_id.clone())
                .unwrap_or_default(),
            tags,
            ..Snapshot::default()
        };
        // Its name makes it the only one.
        self.snapshots.entry(arn.clone()).or_insert(snapshot);
        arn
    }

    /// Reports whether the name of a snapshot is free. It is an error if another owner has a snapshot of this name.
    fn is_name_free(&self, call: &'static str, snapshot: &Snapshot) -> Result<bool, AwsError> {
        let Some(existing) = self.snapshots.get(&snapshot.arn) else {
            return Ok(true);
        };
        let is_same = [STACK, TARGET]
            .iter()
            .all(|key| existing.tags.get(*key) == snapshot.tags.get(*key));
        if is_same {
            return Ok(false);
        }
        Err(error(
            call,
            &snapshot.identifier,
            "DBSnapshotAlreadyExists",
            "the name is in use",
        ))
    }

    /// As AWS lists them now.
    pub(super) fn snapshots_of(&self, place: &str, which: SnapshotFilter<'_>) -> Vec<Snapshot> {
        let is_wanted = |snapshot: &&Snapshot| match which {
            _ if place == "vault" && snapshot.arn.account_id() != VAULT => false,
            _ if place != "vault"
                && (snapshot.arn.region(), snapshot.arn.account_id()) != (place, OWN) =>
            {
                false
            }
            SnapshotFilter::All => true,
            SnapshotFilter::OfSource(arn) => snapshot.has_name_of(arn),
            SnapshotFilter::OfResource(kind, id) => {
                snapshot.kind == kind && snapshot.resource_id == id
            }
            SnapshotFilter::ByArn(arn) => snapshot.arn == *arn,
        };
        let as_it_is = |snapshot: &Snapshot| {
            let begun = self
                .copying
                .get(&snapshot.arn)
                .copied()
                .or(snapshot.taken_at);
            let done = begun.is_some_and(|at| self.now.duration_since(at) >= TAKES);
            let restored = self.restored_from.get(&snapshot.arn);
            let is_restoring = snapshot.kind == DatabaseKind::ReplicationGroup
                && restored.is_some_and(|at| self.now.duration_since(*at) < RESTORES);
            let has_failed = self.failing_copies.contains(&snapshot.arn);
            let status = if is_restoring {
                "restoring"
            } else if snapshot.status == "creating" && done && has_failed {
                "failed"
            } else if snapshot.status == "creating" && done {
                "available"
            } else {
                &snapshot.status
            };
            Snapshot {
                status: status.to_owned(),
                ..snapshot.clone()
            }
        };
        self.snapshots
            .values()
            .filter(is_wanted)
            .map(as_it_is)
            .collect()
    }

    pub(super) fn quotas(&self) -> Quotas {
        let of = |kind: DatabaseKind| {
            let here = self
                .snapshots_of("eu-west-1", SnapshotFilter::All)
                .into_iter();
            let used = here.filter(|snapshot| snapshot.kind == kind).count();
            Quota {
                used: u32::try_from(used).unwrap_or(u32::MAX),
                max: self.snapshots_allowed,
            }
        };
        Quotas {
            instances: of(DatabaseKind::Instance),
            clusters: of(DatabaseKind::Cluster),
        }
    }
}
