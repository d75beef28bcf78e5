//! The dashboards of applications as targets. A dashboard has no tags and no ARN that AWS gives out.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::model::{Arn, Tagged};
use lamplighter::notify::{dashboard_name, dashboard_prefix};
use lamplighter::policy::{self, APP, MANAGED};

use crate::dashboard::MEMBERS_PER_DASHBOARD;

/// The most dashboards of one application.
const MOST_PARTS: usize = 40;

/// Reports whether a target is a dashboard.
pub fn is_dashboard(target: &Arn) -> bool {
    target.resource().starts_with("dashboard/")
}

/// Returns the number of a dashboard among those of its application, from 1.
pub fn part_number(dashboard: &Arn, region: &str, app: &str) -> usize {
    let name = dashboard.display_name();
    (2..=MOST_PARTS)
        .find(|part| name == dashboard_name(&region_of_part(region, *part), app))
        .unwrap_or(1)
}

/// Returns what stands for the region in the name of a further dashboard: `lamplighter-eu-west-1_2-shop`. No region has such a
/// name, so that no application has the name of another one's dashboard.
fn region_of_part(region: &str, part: usize) -> String {
    if part > 1 {
        format!("{region}_{part}")
    } else {
        region.to_owned()
    }
}

/// Returns the dashboards of all applications, including existing ones whose application is gone or needs fewer.
/// `count_members`: the number of members of an application.
pub fn dashboard_targets(
    targets: &[Tagged],
    existing: &[String],
    region: &str,
    topic: &Arn,
    count_members: impl Fn(&str) -> usize,
) -> Vec<Tagged> {
    let managed = targets
        .iter()
        .filter(|target| target.tags.contains_key(MANAGED));
    let apps: BTreeMap<&str, &Arn> = managed
        .filter_map(|target| Some((policy::app_name(&target.tags)?, &target.arn)))
        .collect();
    let mut found: Vec<Tagged> = apps
        .into_iter()
        .flat_map(|(app, member)| application_dashboards(member, region, app, count_members(app)))
        .collect();
    let known: BTreeSet<String> = found.iter().map(|found| found.arn.display_name()).collect();
    let beside = targets.first().map_or(topic, |target| &target.arn);
    let gone = existing
        .iter()
        .filter(|name| !known.contains(*name))
        .filter_map(|name| {
            let parts = (1..=MOST_PARTS).map(|part| (part, region_of_part(region, part)));
            let mut parts = parts.filter_map(|(part, region)| {
                Some((part, name.strip_prefix(&dashboard_prefix(&region))?))
            });
            parts.next()
        })
        .filter_map(|(part, app)| dashboard_target(beside, region, app, part, false));
    found.extend(gone);
    found
}

/// Returns the dashboards of an application with so many members; none if it has no name.
pub fn application_dashboards(
    member: &Arn,
    region: &str,
    app: &str,
    members: usize,
) -> Vec<Tagged> {
    let parts = members.div_ceil(MEMBERS_PER_DASHBOARD);
    (1..=parts.clamp(1, MOST_PARTS))
        .filter_map(|part| dashboard_target(member, region, app, part, true))
        .collect()
}

fn dashboard_target(
    member: &Arn,
    region: &str,
    app: &str,
    part: usize,
    wanted: bool,
) -> Option<Tagged> {
    let name = dashboard_name(&region_of_part(region, part), app);
    let arn = format!(
        "arn:{}:cloudwatch::{}:dashboard/{name}",
        member.partition(),
        member.account_id(),
    );
    (!app.is_empty()).then(|| {
        let mut target = build_target(Arn::new(arn), wanted);
        target.tags.insert(APP.to_owned(), app.to_owned());
        target
    })
}

/// Builds a target that has no tags of its own.
pub fn build_target(arn: Arn, managed: bool) -> Tagged {
    let tags = managed.then(|| (MANAGED.to_owned(), "true".to_owned()));
    Tagged {
        arn,
        tags: tags.into_iter().collect(),
    }
}
