//! What should happen to one target's alarms or dashboard, and what is found wrong. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::model::{Alarm, counted};
use lamplighter::plan::{Action, Alarms, Dashboard};
use lamplighter::policy::{self, MANAGED, Managed, STACK, TARGET};

use crate::survey::{Observed, Subject};
use crate::{Policy, alarms, dashboard, findings};

/// Decides for one target.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let managed = seen.policy.managed != Managed::No;
    let mut plan = match &observed.subject {
        Subject::Application { .. } => keep_dashboard(seen, observed, managed),
        Subject::Topic(_) => Plan::nothing("the topic is looked at"),
        Subject::Service {
            service, groups, ..
        } if managed => keep(
            seen,
            observed,
            alarms::of_service(seen.policy, service, groups),
        ),
        Subject::Database(database) if managed => {
            keep(seen, observed, alarms::of_database(seen.policy, database))
        }
        Subject::Service { .. } | Subject::Database(_) | Subject::Gone => {
            keep(seen, observed, Vec::new())
        }
    };
    plan.findings = Some(if managed {
        findings::of(seen, observed, now)
    } else {
        Vec::new()
    });
    plan
}

fn keep(seen: Seen<'_, Policy>, observed: &Observed, mut wanted: Vec<Alarm>) -> Plan {
    let existing = |name: &str| observed.alarms.iter().find(|own| own.has.name == name);
    for alarm in &mut wanted {
        alarm.actions = existing(&alarm.name)
            .map(|own| own.has.actions.clone())
            .unwrap_or_default();
    }
    let is_so = |alarm: &Alarm| {
        existing(&alarm.name).is_some_and(|own| own.has.alarm.as_ref() == Some(alarm))
    };
    let is_foreign = |alarm: &Alarm| existing(&alarm.name).is_some_and(|own| !own.is_ours);
    let surplus = observed
        .alarms
        .iter()
        .filter(|own| own.is_ours && !wanted.iter().any(|w| w.name == own.has.name));
    let delete: Vec<String> = surplus.map(|own| own.has.name.clone()).collect();
    let count = wanted.len();
    let put: Vec<Alarm> = wanted
        .into_iter()
        .filter(|alarm| !is_so(alarm) && !is_foreign(alarm))
        .collect();
    if put.is_empty() && delete.is_empty() {
        return Plan::nothing(format!("{} as they should be", counted(count, "alarm")));
    }
    let reason = reason(&put, &delete, count);
    let tags = BTreeMap::from([
        (MANAGED.to_owned(), "true".to_owned()),
        (TARGET.to_owned(), seen.target.arn.to_string()),
        (STACK.to_owned(), seen.policy.stack.clone()),
    ]);
    Plan::act(
        Action::Alarms(Alarms {
            target: seen.target.arn.clone(),
            put,
            tags,
            delete,
        }),
        reason,
        None,
    )
}

fn reason(put: &[Alarm], delete: &[String], wanted: usize) -> String {
    let kind = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let list = |names: Vec<String>| names.join(", ");
    let put = list(put.iter().map(|alarm| kind(&alarm.name)).collect());
    let delete = list(delete.iter().map(|name| kind(name)).collect());
    match (put.is_empty(), delete.is_empty()) {
        (_, true) => format!("missing or other than they should be: {put}"),
        (true, false) if wanted == 0 => format!("not managed any more: {delete}"),
        (true, false) => format!("not needed any more: {delete}"),
        (false, false) => {
            format!("missing or other than they should be: {put}; not needed any more: {delete}")
        }
    }
}

fn keep_dashboard(seen: Seen<'_, Policy>, observed: &Observed, managed: bool) -> Plan {
    let name = seen.target.arn.name();
    let app = policy::app(&seen.target.tags).unwrap_or_default();
    let is_ours = observed
        .dashboard
        .as_ref()
        .is_none_or(|body| dashboard::is_ours(body, &seen.policy.stack));
    if !is_ours {
        return Plan::nothing(format!("the dashboard {name} is somebody else's"));
    }
    let body = managed.then(|| dashboard::body(app, seen.policy, &observed.subject));
    let is_so = match (&body, &observed.dashboard) {
        (Some(wanted), Some(has)) => dashboard::same(wanted, has),
        (wanted, has) => wanted.is_none() && has.is_none(),
    };
    if is_so {
        return Plan::nothing(format!("the dashboard {name} is as it should be"));
    }
    let reason = if body.is_some() {
        "it is missing or other than it should be"
    } else {
        "its application is gone"
    };
    Plan::act(Action::Dashboard(Dashboard { name, body }), reason, None)
}
