//! The dashboards of applications as targets. A dashboard has no tags and no ARN that AWS gives out.

use std::collections::BTreeMap;

use lamplighter::model::{Arn, Tagged};
use lamplighter::notify::{dashboard_name, dashboard_prefix};
use lamplighter::policy::{self, APP, MANAGED};

/// Reports whether a target is a dashboard.
pub fn is_dashboard(target: &Arn) -> bool {
    target.resource().starts_with("dashboard/")
}

/// Returns the dashboards of all applications, including existing ones whose application is gone.
pub fn dashboard_targets(
    targets: &[Tagged],
    existing: &[String],
    region: &str,
    topic: &Arn,
) -> Vec<Tagged> {
    let managed = targets
        .iter()
        .filter(|target| target.tags.contains_key(MANAGED));
    let mut found: BTreeMap<String, Tagged> = BTreeMap::new();
    for target in managed {
        let dashboard = policy::app_name(&target.tags)
            .and_then(|app| dashboard_target(&target.arn, region, app, true));
        found.extend(dashboard.map(|dashboard| (dashboard.arn.display_name(), dashboard)));
    }
    for name in existing
        .iter()
        .filter_map(|name| name.strip_prefix(&dashboard_prefix(region)))
    {
        let beside = targets.first().map_or(topic, |target| &target.arn);
        let gone = dashboard_target(beside, region, name, false)
            .filter(|gone| !found.contains_key(&gone.arn.display_name()));
        found.extend(gone.map(|gone| (gone.arn.display_name(), gone)));
    }
    found.into_values().collect()
}

/// Returns the dashboard of an application as a target, or `None` if the application has no name.
pub fn dashboard_target(member: &Arn, region: &str, app: &str, wanted: bool) -> Option<Tagged> {
    let arn = format!(
        "arn:{}:cloudwatch::{}:dashboard/{}",
        member.partition(),
        member.account_id(),
        dashboard_name(region, app)
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
