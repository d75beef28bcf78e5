//! The steps of a restore.

use std::collections::BTreeMap;

use crate::model::tag_keys::{HOLD, MANAGED, PREFIX};
use crate::model::{Arn, Database, Snapshot, short_hash};
use crate::plan::RestoreCall;
use crate::restore::build::{RestoreName, build_member, build_restore};
use crate::restore::call_commands::service_of;
use crate::restore::command::{CliCommand, Word};
use crate::restore::lookups::{list_choices, show_endpoint, wait_for, wait_for_instance};
use crate::restore::lost::LostDatabase;
use crate::restore::origin::{Origin, Place};
use crate::restore::step::RestoreStep;

/// Ending of the names of what is restored.
const SUFFIX: &str = "-restored";
/// Ending of the name that the lost database gets, if the restored one takes its name.
const OLD_SUFFIX: &str = "-old";
/// Maximum length of the name of a database, and of a cache.
const MAX_NAME_LENGTH: usize = 63;
const MAX_CACHE_NAME_LENGTH: usize = 40;
/// Characters of the hash in a name that is too long.
const HASH_LENGTH: usize = 4;

/// Lists the steps that bring a database back from one backup, in order.
pub fn list_steps(lost: &LostDatabase, origin: &Origin) -> Vec<RestoreStep> {
    let database = &lost.database;
    let name = add_suffix(&database.identifier, SUFFIX, database.arn.is_cache());
    let call = build_restore(database, find_snapshot(lost, origin), &name);
    let members = list_members(lost, &name);
    keep_snapshot(origin)
        .into_iter()
        .chain(list_choices(lost, origin))
        .chain([restore(database, &call, origin)])
        .chain(add_members(lost, &members, origin))
        .chain(restore_settings(database, &name, origin))
        .chain([check(database, &name, origin)])
        .chain(manage(database, &name, origin))
        .chain(switch(lost, &name, origin))
        .collect()
}

fn step(title: impl Into<String>, commands: Vec<CliCommand>) -> RestoreStep {
    RestoreStep {
        title: title.into(),
        commands,
    }
}

/// Adds a suffix to a name. If it gets too long, a hash replaces the end, so that two instances of a cluster stay apart.
fn add_suffix(name: &str, suffix: &str, is_cache: bool) -> String {
    let max_length = if is_cache {
        MAX_CACHE_NAME_LENGTH
    } else {
        MAX_NAME_LENGTH
    };
    if name.len() + suffix.len() <= max_length {
        return format!("{name}{suffix}");
    }
    let room = max_length - suffix.len() - HASH_LENGTH - 1;
    let short: String = name.chars().take(room).collect();
    let hash: String = short_hash(name).chars().take(HASH_LENGTH).collect();
    format!("{}-{hash}{suffix}", short.trim_end_matches('-'))
}

fn find_snapshot<'a>(lost: &'a LostDatabase, origin: &Origin) -> Option<&'a Snapshot> {
    match origin {
        Origin::Snapshot { arn, .. } => lost.snapshots.iter().find(|known| known.arn == *arn),
        Origin::PointInTime { .. } => None,
    }
}

/// Holds the snapshot, so that no retention rule deletes it meanwhile. Copies in the vault are not this account's to tag.
fn keep_snapshot(origin: &Origin) -> Option<RestoreStep> {
    let arn = match origin {
        Origin::Snapshot { arn, place, .. } if *place != Place::Vault => arn,
        Origin::Snapshot { .. } | Origin::PointInTime { .. } => return None,
    };
    let hold = BTreeMap::from([(HOLD.to_owned(), "true".to_owned())]);
    let service = arn.service();
    let command = CliCommand::new(service, "add-tags-to-resource", origin)
        .option("resource-name", arn.as_str())
        .tags(&hold);
    Some(step("Keep the snapshot", vec![command]))
}

fn restore(database: &Database, call: &RestoreCall, origin: &Origin) -> RestoreStep {
    let title = "Restore, and wait until it is available. Repeat the wait if it gives up, as it does after at most half an hour";
    let name = call.name();
    step(
        title,
        vec![call.to_command(origin), wait_for(database, name, origin)],
    )
}

/// Returns the instances to create in a restored cluster, each with the one that it replaces, the writer first.
fn list_members<'a>(
    lost: &'a LostDatabase,
    cluster: &str,
) -> Vec<(Option<&'a Database>, RestoreName)> {
    let database = &lost.database;
    if !database.is_cluster || database.is_multi_az_cluster() {
        return Vec::new();
    }
    let name = |member: String| RestoreName {
        database: cluster.to_owned(),
        member,
    };
    if lost.members.is_empty() {
        return vec![(None, name(add_suffix(cluster, "-1", false)))];
    }
    let mut members: Vec<&Database> = lost.members.iter().collect();
    let writer = &database.settings.writer;
    members.sort_by_key(|member| {
        let is_writer = writer.as_ref() == Some(&member.identifier);
        (!is_writer, member.identifier.clone())
    });
    members
        .into_iter()
        .map(|member| {
            let restored = add_suffix(&member.identifier, SUFFIX, false);
            (Some(member), name(restored))
        })
        .collect()
}

fn add_members(
    lost: &LostDatabase,
    members: &[(Option<&Database>, RestoreName)],
    origin: &Origin,
) -> Option<RestoreStep> {
    let create = members.iter().map(|(member, name)| {
        let call = build_member(&lost.database, *member, name);
        RestoreCall::Member(call).to_command(origin)
    });
    let wait = members
        .iter()
        .map(|(_, name)| wait_for_instance(&name.member, origin));
    let commands: Vec<CliCommand> = create.chain(wait).collect();
    (!commands.is_empty()).then(|| {
        step(
            "Add its instances: a restored cluster has none, and no endpoint answers",
            commands,
        )
    })
}

/// Sets what a restore can't be told: retention, windows, monitoring, roles, and who manages the password.
fn restore_settings(database: &Database, name: &str, origin: &Origin) -> Option<RestoreStep> {
    if database.arn.is_cache() {
        return None;
    }
    let modify = modify(database, name, origin);
    let roles = if origin.place() == Place::Vault {
        Vec::new()
    } else {
        add_roles(database, name, origin)
    };
    let commands = [modify].into_iter().chain(roles);
    let commands = commands.chain([wait_for(database, name, origin)]).collect();
    Some(step("Set what a restore leaves out", commands))
}

fn modify(database: &Database, name: &str, origin: &Origin) -> CliCommand {
    let settings = &database.settings;
    let service = service_of(&database.engine);
    let monitoring = settings
        .monitoring
        .as_ref()
        .filter(|_| origin.place() != Place::Vault && service == "rds");
    let command = if database.is_cluster {
        let is_point_in_time = matches!(origin, Origin::PointInTime { .. });
        let parameters = database.parameter_group.as_ref();
        CliCommand::new(service, "modify-db-cluster", origin)
            .option("db-cluster-identifier", name)
            // The restore to a point in time of DocumentDB takes none.
            .optional(
                "db-cluster-parameter-group-name",
                parameters.filter(|_| is_point_in_time && service == "docdb"),
            )
    } else {
        CliCommand::new(service, "modify-db-instance", origin)
            .option("db-instance-identifier", name)
            .optional("max-allocated-storage", settings.max_allocated_gib)
    };
    let has_insights = settings.has_performance_insights && service == "rds";
    command
        .monitoring(monitoring)
        .switch_on("enable-performance-insights", has_insights)
        .switch_on("manage-master-user-password", database.secret.is_some())
        .option(
            "backup-retention-period",
            &database.backup_retention_days.to_string(),
        )
        .optional("preferred-backup-window", settings.backup_window.as_ref())
        .optional(
            "preferred-maintenance-window",
            settings.maintenance_window.as_ref(),
        )
        .switch("apply-immediately", true)
}

fn add_roles(database: &Database, name: &str, origin: &Origin) -> Vec<CliCommand> {
    let (operation, option) = if database.is_cluster {
        ("add-role-to-db-cluster", "db-cluster-identifier")
    } else {
        ("add-role-to-db-instance", "db-instance-identifier")
    };
    // DocumentDB has no roles.
    let service = service_of(&database.engine);
    let roles = database.settings.roles.iter();
    let roles = roles.filter(|_| service != "docdb");
    roles
        .map(|role| {
            let feature = Some(&role.feature).filter(|feature| !feature.is_empty());
            CliCommand::new(service, operation, origin)
                .option(option, name)
                .option("role-arn", &role.role)
                .optional("feature-name", feature)
        })
        .collect()
}

fn check(database: &Database, name: &str, origin: &Origin) -> RestoreStep {
    step(
        "Connect from a place with network access, and look for the newest rows",
        vec![show_endpoint(database, name, origin)],
    )
}

/// Gives the restored database the tags of Lamplighter that the lost one had.
fn manage(database: &Database, name: &str, origin: &Origin) -> Option<RestoreStep> {
    if origin.place() == Place::Vault {
        return None;
    }
    let mut tags: BTreeMap<String, String> = database
        .tags
        .iter()
        .filter(|(key, _)| key.starts_with(PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    tags.insert(MANAGED.to_owned(), "true".to_owned());
    let arn = rename(&database.arn, name, origin.region());
    let command = CliCommand::new(arn.service(), "add-tags-to-resource", origin)
        .option("resource-name", arn.as_str())
        .tags(&tags);
    Some(step("Let Lamplighter back it up", vec![command]))
}

/// Returns the ARN of a database of another name.
fn rename(arn: &Arn, name: &str, region: &str) -> Arn {
    let kind = arn.resource().split(':').next().unwrap_or_default();
    Arn::new(format!(
        "arn:{}:{}:{region}:{}:{kind}:{name}",
        arn.partition(),
        arn.service(),
        arn.account_id()
    ))
}

/// Lets clients find the restored database: by its own name, or by that of the lost one.
fn switch(lost: &LostDatabase, name: &str, origin: &Origin) -> Vec<RestoreStep> {
    let database = &lost.database;
    let point = step(
        "Point clients at the new endpoint: change the secret or parameter that they read, and restart them",
        Vec::new(),
    );
    let can_rename = origin.place() == Place::Here && !database.arn.is_cache();
    if !can_rename {
        return vec![point];
    }
    let old = add_suffix(&database.identifier, OLD_SUFFIX, false);
    let away = lost.exists.then(|| {
        [
            rename_to(database, &database.identifier, &old, origin),
            wait_for(database, &old, origin),
        ]
    });
    let back = [
        rename_to(database, name, &database.identifier, origin),
        wait_for(database, &database.identifier, origin),
    ];
    let commands = away.into_iter().flatten().chain(back).collect();
    let title = "Or let it take the old name, which interrupts clients for minutes. Repeat a wait that says NotFound: a rename takes a while to begin";
    vec![point, step(title, commands)]
}

fn rename_to(database: &Database, from: &str, to: &str, origin: &Origin) -> CliCommand {
    let service = service_of(&database.engine);
    let command = if database.is_cluster {
        CliCommand::new(service, "modify-db-cluster", origin)
            .option("db-cluster-identifier", from)
            .option("new-db-cluster-identifier", to)
    } else {
        CliCommand::new(service, "modify-db-instance", origin)
            .option("db-instance-identifier", from)
            .option("new-db-instance-identifier", Word::from(to))
    };
    command.switch("apply-immediately", true)
}
