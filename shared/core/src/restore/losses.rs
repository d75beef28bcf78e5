//! What a restore does not bring back, or brings back weaker.

use jiff::SignedDuration;

use crate::model::{Database, DatabaseKind};
use crate::restore::lost::LostDatabase;
use crate::restore::origin::{Origin, Place};
use crate::restore::versions::find_other_major;

/// Describes what the reader has to know before a restore: what does not come back, or comes back weaker.
pub fn describe_losses(lost: &LostDatabase, origin: &Origin, is_earlier: bool) -> Vec<String> {
    let database = &lost.database;
    let record = if is_earlier {
        Some(
            "It is of an earlier database that had the name. Its settings are those that are known last.",
        )
    } else if lost.exists {
        None
    } else {
        Some(
            "AWS no longer describes it, or is deleting it. These are the settings that Lamplighter recorded.",
        )
    };
    let upgrade = find_other_major(database, origin.snapshot());
    let upgrade = upgrade.map(|version| {
        format!(
            "It comes back with {} {version}, and the database had {}: it gets default groups of parameters and options.",
            database.engine, database.engine_version
        )
    });
    let vault = (origin.place() == Place::Vault).then(|| {
        "It is restored in the vault's account. Log in there, and set the profile of the AWS CLI: VAULT_PROFILE=…"
            .to_owned()
    });
    let kind = if database.arn.is_cache() {
        describe_cache(database)
    } else {
        describe_database(database, origin)
    };
    record
        .map(str::to_owned)
        .into_iter()
        .chain(upgrade)
        .chain(vault)
        .chain(describe_groups(database, origin))
        .chain(kind)
        .collect()
}

/// Describes the groups that exist only in the region and account of the source.
fn describe_groups(database: &Database, origin: &Origin) -> Vec<String> {
    let groups = [
        ("parameter group", database.parameter_group.as_ref()),
        ("option group", database.settings.option_group.as_ref()),
    ];
    let groups = groups.into_iter().filter_map(|(kind, group)| {
        let own = group.filter(|group| !group.starts_with("default"))?;
        Some(format!(
            "It gets the default {kind}, or that of the copy. Make one like {own} there, and set it before clients connect."
        ))
    });
    match origin.place() {
        Place::Here => Vec::new(),
        Place::OtherRegion | Place::Vault => groups.collect(),
    }
}

fn describe_database(database: &Database, origin: &Origin) -> Vec<String> {
    let settings = &database.settings;
    let password = if database.secret.is_some() {
        "It gets a new secret with a new password: let clients read that one.".to_owned()
    } else {
        format!(
            "The password of {} is the one at that time.",
            name_user(database)
        )
    };
    let lists = [
        ("Its read replicas don't come back", &settings.read_replicas),
        (
            "Its custom endpoints don't come back",
            &settings.custom_endpoints,
        ),
        ("It joins no directory", &settings.domains),
    ];
    let lists = lists
        .into_iter()
        .filter_map(|(text, names)| describe_names(text, names));
    let global = settings.global_cluster.as_ref();
    let global = global.map(|cluster| format!("It is no part of the global cluster {cluster}."));
    let others = (!settings.others.is_empty()).then(|| {
        format!(
            "It had more settings. Add those that you need to the restore: {}.",
            settings.others.join(" ")
        )
    });
    [password]
        .into_iter()
        .chain(others)
        .chain(global)
        .chain(lists)
        .chain(describe_point_in_time(database, origin))
        .collect()
}

fn describe_point_in_time(database: &Database, origin: &Origin) -> Vec<String> {
    let Origin::PointInTime { latest, .. } = origin else {
        return Vec::new();
    };
    let option = if database.is_cluster {
        "--restore-to-time"
    } else {
        "--restore-time"
    };
    let hour_before = *latest - SignedDuration::from_hours(1);
    let earlier = format!(
        "For an earlier time, say {option} {hour_before} instead of --use-latest-restorable-time, and change the name in all commands."
    );
    let reboot = (database.engine == "docdb").then(|| {
        "Its parameter group is set after the restore. Static parameters need a reboot of its instances."
            .to_owned()
    });
    [earlier].into_iter().chain(reboot).collect()
}

fn describe_cache(cache: &Database) -> Vec<String> {
    let is_group = cache.arn.database_kind() == Some(DatabaseKind::ReplicationGroup);
    let defaults = if is_group {
        "Its automatic snapshots and its maintenance window are the defaults."
    } else {
        "Its automatic snapshots and its usage limits are the defaults."
    };
    let logs = &cache.settings.cache.log_deliveries;
    let logs = describe_names("Its logs are not delivered", logs);
    [defaults.to_owned()].into_iter().chain(logs).collect()
}

/// Describes a list of names; `None` if it is empty.
fn describe_names(text: &str, names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("{text}: {}.", names.join(", ")))
}

fn name_user(database: &Database) -> &str {
    if database.user.is_empty() {
        "the master user"
    } else {
        &database.user
    }
}
