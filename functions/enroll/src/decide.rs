//! Decides which alarms or dashboard of one target to change, and which findings to report. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Alarm, pluralize};
use lamplighter::plan::{Action, ApplyAlarms, ApplyDashboard, MonitoringAction};
use lamplighter::policy::{self, MANAGED, Managed, STACK, TARGET};

use crate::observation::{Observed, Subject};
use crate::{Policy, alarms, dashboard, findings};

/// Decides the changes to the alarms or the dashboard of one target, and its findings.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let managed = context.policy.managed != Managed::No;
    let mut plan = match &observed.subject {
        Subject::Application { .. } => reconcile_dashboard(context, observed, managed),
        Subject::Topic(_) => Plan::nothing("the topic is looked at"),
        Subject::Service {
            service, groups, ..
        } if managed => reconcile_alarms(
            context,
            observed,
            alarms::service_alarms(context.policy, service, groups),
        ),
        Subject::Database(database) if managed => reconcile_alarms(
            context,
            observed,
            alarms::database_alarms(context.policy, database),
        ),
        Subject::Service { .. } | Subject::Database(_) | Subject::Gone => {
            reconcile_alarms(context, observed, Vec::new())
        }
    };
    plan.findings = Some(if managed {
        findings::find_problems(context, observed, now)
    } else {
        Vec::new()
    });
    plan
}

fn reconcile_alarms(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    mut wanted: Vec<Alarm>,
) -> Plan {
    let existing = |name: &str| observed.alarms.iter().find(|own| own.existing.name == name);
    for alarm in &mut wanted {
        alarm.actions = existing(&alarm.name)
            .map(|own| own.existing.actions.clone())
            .unwrap_or_default();
    }
    let is_so = |alarm: &Alarm| {
        existing(&alarm.name).is_some_and(|own| own.existing.alarm.as_ref() == Some(alarm))
    };
    let is_foreign = |alarm: &Alarm| existing(&alarm.name).is_some_and(|own| !own.is_ours);
    let surplus = observed
        .alarms
        .iter()
        .filter(|own| own.is_ours && !wanted.iter().any(|w| w.name == own.existing.name));
    let delete: Vec<String> = surplus.map(|own| own.existing.name.clone()).collect();
    let count = wanted.len();
    let put: Vec<Alarm> = wanted
        .into_iter()
        .filter(|alarm| !is_so(alarm) && !is_foreign(alarm))
        .collect();
    if put.is_empty() && delete.is_empty() {
        return Plan::nothing(format!("{} as they should be", pluralize(count, "alarm")));
    }
    let reason = describe_changes(&put, &delete, count);
    let tags = BTreeMap::from([
        (MANAGED.to_owned(), "true".to_owned()),
        (TARGET.to_owned(), context.target.arn.to_string()),
        (STACK.to_owned(), context.policy.stack.clone()),
    ]);
    Plan::single_step(
        Action::Monitoring(MonitoringAction::ApplyAlarms(ApplyAlarms {
            target: context.target.arn.clone(),
            put,
            tags,
            delete,
        })),
        reason,
        None,
    )
}

fn describe_changes(put: &[Alarm], delete: &[String], wanted: usize) -> String {
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

fn reconcile_dashboard(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    managed: bool,
) -> Plan {
    let name = context.target.arn.display_name();
    let app = policy::app_name(&context.target.tags).unwrap_or_default();
    let is_ours = observed
        .dashboard
        .as_ref()
        .is_none_or(|body| dashboard::is_ours(body, &context.policy.stack));
    if !is_ours {
        return Plan::nothing(format!("the dashboard {name} is somebody else's"));
    }
    let body = managed.then(|| dashboard::render_body(app, context.policy, &observed.subject));
    let is_so = match (&body, &observed.dashboard) {
        (Some(wanted), Some(has)) => dashboard::is_same_body(wanted, has),
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
    Plan::single_step(
        Action::Monitoring(MonitoringAction::ApplyDashboard(ApplyDashboard {
            name,
            body,
        })),
        reason,
        None,
    )
}
