//! Decides which alarms or dashboard of one target to change, and which findings to report. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Alarm, pluralize};
use lamplighter::plan::{Action, ApplyAlarms, ApplyDashboard, MonitoringAction};
use lamplighter::policy::{self, MANAGED, Managed, STACK, TARGET};

use crate::alarm_drift;
use crate::alarm_incidents;
use crate::alarm_words::last_part;
use crate::dashboard;
use crate::findings;
use crate::observed::{Observed, Subject};
use crate::policy::Policy;
use crate::subject_alarms::subject_alarms;

/// Decides the changes to the alarms or the dashboard of one target, and its findings.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let policy = context.policy;
    let managed = policy.managed != Managed::No;
    let mut plan = match &observed.subject {
        Subject::Application { .. } => reconcile_dashboard(context, observed, managed),
        Subject::Topic { .. } => Plan::nothing("a topic is only checked for findings"),
        Subject::Service { .. } | Subject::Database(_) if managed && policy.invalid.is_some() => {
            Plan::nothing("the alarms stay as they are, because a tag is invalid")
        }
        Subject::Service { .. } | Subject::Database(_) | Subject::Gone if managed => {
            reconcile_alarms(context, observed, subject_alarms(policy, &observed.subject))
        }
        Subject::Service { .. } | Subject::Database(_) | Subject::Gone => {
            reconcile_alarms(context, observed, Vec::new())
        }
    };
    if policy.managed == Managed::Act {
        plan.messages = alarm_drift::report_edits(context, observed, list_put(&plan));
    }
    plan.messages.extend(alarm_incidents::report_alarms(
        context, observed, managed, now,
    ));
    plan.findings = Some(if managed {
        findings::find_problems(context, observed, now)
    } else {
        Vec::new()
    });
    plan
}

/// Plans the changes that make the alarms of a target the wanted ones. Actions that people attached
/// to an alarm are kept, and an alarm that the stack doesn't own is not changed.
fn reconcile_alarms(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    mut wanted: Vec<Alarm>,
) -> Plan {
    for alarm in &mut wanted {
        alarm.actions = observed
            .find_alarm(&alarm.name)
            .map(|own| own.existing.actions.clone())
            .unwrap_or_default();
    }
    let surplus = observed
        .alarms
        .iter()
        .filter(|own| own.is_ours && !wanted.iter().any(|w| w.name == own.existing.name));
    let delete: Vec<String> = surplus.map(|own| own.existing.name.clone()).collect();
    let count = wanted.len();
    let put: Vec<Alarm> = wanted
        .into_iter()
        .filter(|alarm| !observed.has_alarm(alarm) && !is_foreign(observed, alarm))
        .collect();
    if put.is_empty() && delete.is_empty() {
        return Plan::nothing(format!("{} up to date", pluralize(count, "alarm")));
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

/// Returns the alarms that a plan puts.
fn list_put(plan: &Plan) -> &[Alarm] {
    let mut actions = plan.steps.iter().map(|step| &step.action);
    actions
        .find_map(|action| match action {
            Action::Monitoring(MonitoringAction::ApplyAlarms(changes)) => {
                Some(changes.put.as_slice())
            }
            _ => None,
        })
        .unwrap_or_default()
}

/// Reports whether an alarm of this name exists that the stack doesn't own.
fn is_foreign(observed: &Observed, alarm: &Alarm) -> bool {
    observed
        .find_alarm(&alarm.name)
        .is_some_and(|own| !own.is_ours)
}

fn describe_changes(put: &[Alarm], delete: &[String], wanted: usize) -> String {
    let put = list_kinds(put.iter().map(|alarm| alarm.name.as_str()));
    let delete = list_kinds(delete.iter().map(String::as_str));
    match (put.is_empty(), delete.is_empty()) {
        (_, true) => format!("missing or outdated: {put}"),
        (true, false) if wanted == 0 => format!("no longer managed: {delete}"),
        (true, false) => format!("no longer needed: {delete}"),
        (false, false) => format!("missing or outdated: {put}; no longer needed: {delete}"),
    }
}

fn list_kinds<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(last_part).collect::<Vec<_>>().join(", ")
}

/// Plans the change that makes the dashboard of an application the wanted one, or deletes it.
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
        return Plan::nothing(format!("the dashboard {name} is not owned by this stack"));
    }
    let members = match &observed.subject {
        Subject::Application { members } => members.as_slice(),
        _ => &[],
    };
    let body = managed.then(|| dashboard::render_body(app, context.policy, members));
    let is_applied = match (&body, &observed.dashboard) {
        (Some(wanted), Some(existing)) => dashboard::is_same_body(wanted, existing),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if is_applied {
        return Plan::nothing(format!("the dashboard {name} is up to date"));
    }
    let reason = if body.is_some() {
        "the dashboard is missing or outdated"
    } else {
        "the application no longer exists"
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
