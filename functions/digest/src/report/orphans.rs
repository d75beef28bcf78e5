//! Backups whose database is gone or no longer tagged: nothing deletes them, and they cost money.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{Arn, Snapshot};
use lamplighter::policy::{STACK, TARGET, TARGET_ID};

use crate::inputs::ReportInputs;

/// Price of backup storage of RDS in US East (N. Virginia), in USD for a GiB and month. Other regions are up to twice as
/// expensive. Source: <https://aws.amazon.com/rds/postgresql/pricing/>
const USD_PER_GIB: f64 = 0.095;

/// The backups of a database that is gone or no longer tagged.
#[derive(Debug, Clone, PartialEq)]
pub struct OrphanedBackups {
    /// The name of the database.
    pub name: String,
    pub count: usize,
    /// The times of the oldest and the newest one.
    pub oldest: Timestamp,
    pub newest: Timestamp,
    /// The most that they cost, in USD a month: each as large as its database. `None` for clusters and caches, whose snapshots
    /// don't say how large they are.
    pub most_usd: Option<f64>,
}

/// Lists the backups whose database is none of those that the report knows, the most expensive first.
pub fn list_orphans(inputs: &ReportInputs, stack: &str) -> Vec<OrphanedBackups> {
    let mut by_owner: BTreeMap<(&str, &str), Vec<&Snapshot>> = BTreeMap::new();
    for snapshot in &inputs.snapshots {
        if let Some(owner) = find_owner(snapshot, stack).filter(|owner| !is_known(inputs, *owner)) {
            by_owner.entry(owner).or_default().push(snapshot);
        }
    }
    let mut orphans: Vec<OrphanedBackups> = by_owner
        .into_iter()
        .filter_map(|((target, _), snapshots)| summarize(target, &snapshots))
        .collect();
    orphans.sort_by(|a, b| {
        b.most_usd
            .unwrap_or_default()
            .total_cmp(&a.most_usd.unwrap_or_default())
    });
    orphans
}

/// Returns the ARN and the resource ID of the database that this stack took a snapshot of.
fn find_owner<'a>(snapshot: &'a Snapshot, stack: &str) -> Option<(&'a str, &'a str)> {
    let tag = |key: &str| snapshot.tags.get(key).map(String::as_str);
    let target = tag(TARGET).filter(|_| snapshot.has_own_name() && tag(STACK) == Some(stack))?;
    Some((target, tag(TARGET_ID).unwrap_or_default()))
}

/// Reports whether a database is among those that the report knows, under whatever name.
fn is_known(inputs: &ReportInputs, (target, id): (&str, &str)) -> bool {
    inputs.described.iter().any(|database| {
        if id.is_empty() || database.resource_id.is_empty() {
            database.arn.as_str() == target
        } else {
            database.resource_id == id
        }
    })
}

fn summarize(target: &str, snapshots: &[&Snapshot]) -> Option<OrphanedBackups> {
    let times = || snapshots.iter().filter_map(|snapshot| snapshot.taken_at);
    let sizes: Option<u32> = snapshots
        .iter()
        .map(|snapshot| snapshot.allocated_gib)
        .sum();
    Some(OrphanedBackups {
        name: Arn::new(target).display_name(),
        count: snapshots.len(),
        oldest: times().min()?,
        newest: times().max()?,
        most_usd: sizes.map(|gib| f64::from(gib) * USD_PER_GIB),
    })
}

#[cfg(test)]
mod tests {
    use lamplighter::model::{Database, build_snapshot_tags};
    use rstest::rstest;

    use super::*;

    const DAY: i64 = 86_400;

    fn database(id: &str) -> Database {
        let name = format!("arn:aws:rds:eu-west-1:123456789012:db:{id}");
        Database {
            arn: Arn::new(name),
            resource_id: format!("db-{id}"),
            ..Database::default()
        }
    }

    fn snapshot(of: &Database, day: i64, gib: Option<u32>) -> Snapshot {
        Snapshot {
            identifier: format!("lamplighter-{day}"),
            taken_at: Timestamp::from_second(day * DAY).ok(),
            allocated_gib: gib,
            tags: build_snapshot_tags(of, "lamplighter", "slot", "7d"),
            ..Snapshot::default()
        }
    }

    #[rstest]
    #[case::known_size(Some(100), Some(19.0))]
    #[case::unknown_size(None, None)]
    fn what_is_left_of_a_database_has_a_price(
        #[case] gib: Option<u32>,
        #[case] most_usd: Option<f64>,
    ) {
        let (gone, kept) = (database("orders"), database("web"));
        let mut by_hand = snapshot(&gone, 3, gib);
        by_hand.identifier = "by-hand".to_owned();
        let inputs = ReportInputs {
            described: vec![kept.clone()],
            snapshots: vec![
                snapshot(&gone, 1, gib),
                snapshot(&kept, 2, gib),
                snapshot(&gone, 4, gib),
                by_hand,
            ],
            ..ReportInputs::default()
        };
        let expected = OrphanedBackups {
            name: "orders".to_owned(),
            count: 2,
            oldest: Timestamp::from_second(DAY).unwrap(),
            newest: Timestamp::from_second(4 * DAY).unwrap(),
            most_usd,
        };
        assert_eq!(list_orphans(&inputs, "lamplighter"), [expected]);
        assert_eq!(list_orphans(&inputs, "another"), []);
    }
}
