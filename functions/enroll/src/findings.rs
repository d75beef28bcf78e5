//! Findings: configuration risks that are checked at enrollment and every hour. A new finding is
//! notified.

use jiff::Timestamp;
use lamplighter::engine::TargetContext;
use lamplighter::model::InactiveSubscription;
use lamplighter::plan::Finding;
use lamplighter::policy::{self, Managed};

use crate::alarm_findings::check_alarms;
use crate::database_findings::{check_database, describe_unkept_rpo};
use crate::finding::build_finding;
use crate::observed::{Observed, Subject};
use crate::policy::Policy;
use crate::service_findings::ServiceFacts;
use crate::stray_tags::StrayTag;

pub fn find_problems(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = match &observed.subject {
        Subject::Service {
            service,
            groups,
            definition,
            newest,
            scalable,
        } => ServiceFacts {
            service,
            scale: context.policy.scale.as_ref(),
            groups,
            definition: definition.as_ref(),
            newest: newest.as_ref(),
            scalable: scalable.as_ref(),
            state: context.state,
            is_started_by_us: context.policy.scale.is_some()
                && context.policy.invalid.is_none()
                && context.policy.managed == Managed::Act,
        }
        .find_problems(),
        Subject::Database(database) => {
            let backup = context.policy.backup.as_ref();
            let mut found: Vec<Finding> = backup
                .and_then(|backup| describe_unkept_rpo(backup, database))
                .into_iter()
                .collect();
            if !database.arn.is_cache() {
                found.extend(check_database(database));
            }
            found
        }
        Subject::Topic {
            inactive,
            stray_tags,
        } => inactive
            .iter()
            .map(describe_subscription)
            .chain(stray_tags.iter().map(StrayTag::describe))
            .collect(),
        Subject::Application { .. } | Subject::Gone => Vec::new(),
    };
    found.extend(policy::find_invalid_runbook(&context.target.tags).map(describe_runbook));
    found.extend(check_alarms(context, observed, now));
    found
}

fn describe_runbook(value: &str) -> Finding {
    build_finding(
        format!("runbook:{value}"),
        "tag lamplighter:runbook is no address",
        format!(
            "\"{value}\" doesn't start with https:// or http://, or has a space, so that no message links to it."
        ),
        "Set the tag to the address of the runbook.",
    )
}

fn describe_subscription(inactive: &InactiveSubscription) -> Finding {
    match inactive {
        InactiveSubscription::Unconfirmed(address) => build_finding(
            format!("unconfirmed:{address}"),
            format!("{address} gets no notifications - subscription not confirmed"),
            "AWS sent a confirmation link, which is valid for 48 hours.",
            "Open the link in that e-mail, or subscribe again.",
        ),
        InactiveSubscription::Unsubscribed(address) => build_finding(
            format!("unsubscribed:{address}"),
            format!("{address} gets no notifications - unsubscribed"),
            "Each SNS e-mail ends with an unsubscribe link that works without a login. Readers and mail scanners may open it.",
            "Subscribe again if this was a mistake. Confirm it by the AWS CLI with --authenticate-on-unsubscribe true: the link \
             then requires a login.",
        ),
    }
}
