//! The steps of a restore.

use std::collections::BTreeMap;

use crate::model::tag_keys::{HOLD, MANAGED, PREFIX};
use crate::model::{Arn, Database, short_hash};
use crate::plan::RestoreCall;
use crate::restore::build::{RestoreName, build_member, build_restore};
use crate::restore::call_commands::service_of;
use crate::restore::command::CliCommand;
use crate::restore::lookups::{list_choices, show_endpoint, wait_for, wait_for_instance};
use crate::restore::lost::LostDatabase;
use crate::restore::origin::{Origin, Place};
use crate::restore::step::RestoreStep;

/// Middle of the name that the lost database gets, if the restored one takes its name.
const BEFORE: &str = "-before";
/// Maximum length of the name of a database, and of a cache.
const MAX_NAME_LENGTH: usize = 63;
const MAX_CACHE_NAME_LENGTH: usize = 40;
/// Characters of the hash in a name that is too long.
const HASH_LENGTH: usize = 4;

/// Lists the steps that bring a database back from one backup, in order.
pub fn list_steps(lost: &LostDatabase, origin: &Origin) -> Vec<RestoreStep> {
    let database = &lost.database;
    let suffix = time_suffix(origin);
    let name = add_suffix(&database.identifier, &suffix, database.arn.is_cache());
    let call = build_restore(database, origin.snapshot(), &name);
    let members = list_members(lost, &name, &suffix);
    let after = add_members(lost, &members, origin)
        .into_iter()
        .chain(restore_settings(database, &name, origin))
        .chain([check(database, &name, origin)])
        .chain(manage(database, &name, origin))
        .chain(switch(lost, &name, origin))
        .map(|step| step.after_restore(&name));
    keep_snapshot(origin)
        .into_iter()
        .chain(list_choices(lost, origin))
        .chain([restore(database, &call, origin)])
        .chain(after)
        .collect()
}

/// Returns the ending of the names of what is restored: the time of its data, so that no attempt with other data is taken for this one.
fn time_suffix(origin: &Origin) -> String {
    origin.time().map_or_else(
        || "-restored".to_owned(),
        |at| at.strftime("-%Y%m%d-%H%M").to_string(),
    )
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

/// Holds the snapshot, so that no retention rule deletes it meanwhile. Copies in the vault are not this account's to tag.
fn keep_snapshot(origin: &Origin) -> Option<RestoreStep> {
    let snapshot = origin.snapshot();
    let arn = &snapshot.filter(|_| origin.place() != Place::Vault)?.arn;
    let hold = BTreeMap::from([(HOLD.to_owned(), "true".to_owned())]);
    let service = arn.service();
    let command = CliCommand::new(service, "add-tags-to-resource", origin)
        .option("resource-name", arn.as_str())
        .tags(&hold);
    Some(RestoreStep::new("Keep the snapshot", vec![command]))
}

fn restore(database: &Database, call: &RestoreCall, origin: &Origin) -> RestoreStep {
    let title = "Restore, and wait until it is available. If the name exists, this backup was restored before: look at that one first. Repeat the wait if it gives up, as it does after at most half an hour";
    let name = call.name();
    let commands = vec![call.to_command(origin), wait_for(database, name, origin)];
    RestoreStep::new(title, commands).restoring(name)
}

/// Returns the instances to create in a restored cluster, each with the one that it replaces, the writer first.
fn list_members<'a>(
    lost: &'a LostDatabase,
    cluster: &str,
    suffix: &str,
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
            let restored = add_suffix(&member.identifier, suffix, false);
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
        let call = build_member(&lost.database, *member, origin.snapshot(), name);
        RestoreCall::Member(call).to_command(origin)
    });
    let wait = members
        .iter()
        .map(|(_, name)| wait_for_instance(&name.member, origin));
    let commands: Vec<CliCommand> = create.chain(wait).collect();
    (!commands.is_empty()).then(|| {
        RestoreStep::new(
            "Add its instances: a restored cluster has none, and no endpoint answers",
            commands,
        )
    })
}

/// Sets what a restore can't be told: roles, retention, windows, monitoring, storage, and who manages the password. Each
/// that AWS may refuse has a command of its own.
fn restore_settings(database: &Database, name: &str, origin: &Origin) -> Option<RestoreStep> {
    if database.arn.is_cache() {
        return None;
    }
    let roles = if origin.place() == Place::Vault {
        Vec::new()
    } else {
        add_roles(database, name, origin)
    };
    // AWS takes one change after the other.
    let commands = roles
        .into_iter()
        .chain(list_modifications(database, name, origin))
        .flat_map(|command| [command, wait_for(database, name, origin)])
        .collect();
    Some(RestoreStep::new("Set what a restore leaves out", commands))
}

fn list_modifications(database: &Database, name: &str, origin: &Origin) -> Vec<CliCommand> {
    let settings = &database.settings;
    let service = service_of(&database.engine);
    let schedule = modify(database, name, origin)
        .option(
            "backup-retention-period",
            database.backup_retention_days.to_string(),
        )
        .optional("preferred-backup-window", settings.backup_window.as_ref())
        .optional(
            "preferred-maintenance-window",
            settings.maintenance_window.as_ref(),
        );
    // The restore to a point in time of DocumentDB takes none.
    let parameters = database.parameter_group.as_ref().filter(|_| {
        service == "docdb" && database.is_cluster && matches!(origin, Origin::PointInTime { .. })
    });
    let parameters = parameters.map(|group| {
        modify(database, name, origin).option("db-cluster-parameter-group-name", group)
    });
    let storage = settings.max_allocated_gib.filter(|_| !database.is_cluster);
    let storage = storage.map(|most| {
        modify(database, name, origin).option("max-allocated-storage", most.to_string())
    });
    // Neptune has no passwords.
    let has_password = database.secret.is_some() && service != "neptune";
    let password = has_password
        .then(|| modify(database, name, origin).switch("manage-master-user-password", true));
    [schedule]
        .into_iter()
        .chain(parameters)
        .chain(set_monitoring(database, name, origin))
        .chain(storage)
        .chain(password)
        .map(|command| command.switch("apply-immediately", true))
        .collect()
}

/// Returns the command that watches the database as before; `None` if nothing did.
fn set_monitoring(database: &Database, name: &str, origin: &Origin) -> Option<CliCommand> {
    let settings = &database.settings;
    let monitoring = settings
        .monitoring
        .as_ref()
        .filter(|_| origin.place() != Place::Vault);
    let is_watched = monitoring.is_some() || settings.has_performance_insights;
    (is_watched && service_of(&database.engine) == "rds").then(|| {
        modify(database, name, origin)
            .monitoring(monitoring)
            .switch_on(
                "enable-performance-insights",
                settings.has_performance_insights,
            )
            .optional(
                "performance-insights-retention-period",
                settings
                    .insights_days
                    .filter(|_| settings.has_performance_insights),
            )
    })
}

/// Begins a modification of an instance or cluster.
fn modify(database: &Database, name: &str, origin: &Origin) -> CliCommand {
    let service = service_of(&database.engine);
    if database.is_cluster {
        CliCommand::new(service, "modify-db-cluster", origin).option("db-cluster-identifier", name)
    } else {
        CliCommand::new(service, "modify-db-instance", origin)
            .option("db-instance-identifier", name)
    }
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
    RestoreStep::new(
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
    Some(RestoreStep::new(
        "Let Lamplighter back it up",
        vec![command],
    ))
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
    let point = RestoreStep::new(
        "Point clients at the new endpoint: change the secret or parameter that they read, and restart them",
        Vec::new(),
    );
    let can_rename = origin.place() == Place::Here && !database.arn.is_cache();
    if !can_rename {
        return vec![point];
    }
    let before = format!("{BEFORE}{}", time_suffix(origin));
    let old = add_suffix(&database.identifier, &before, false);
    let away = lost.exists.then(|| {
        [
            rename_to(database, &database.identifier, &old, origin),
            // A rename takes a while to begin, and nothing has the new name until then.
            wait_for(database, &old, origin).repeated(),
        ]
    });
    let back = [
        rename_to(database, name, &database.identifier, origin),
        wait_for(database, &database.identifier, origin).repeated(),
    ];
    let commands = away.into_iter().flatten().chain(back).collect();
    let title = "Or let it take the old name, which interrupts clients for minutes. Only when you have seen the right rows in it, run these without the comment signs";
    vec![point, RestoreStep::new(title, commands).commented()]
}

fn rename_to(database: &Database, from: &str, to: &str, origin: &Origin) -> CliCommand {
    let option = if database.is_cluster {
        "new-db-cluster-identifier"
    } else {
        "new-db-instance-identifier"
    };
    modify(database, from, origin)
        .option(option, to)
        .switch("apply-immediately", true)
}
