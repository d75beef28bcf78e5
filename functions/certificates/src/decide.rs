//! Reports about the certificates of one service. Pure: all inputs are arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::model::pluralize;
use lamplighter::notify::Message;
use lamplighter::state::RecordedCertificate;

use crate::messages;
use crate::observed::Observed;
use crate::risk::Risk;

/// Decides what to report about the certificates of one service. There is nothing to execute.
///
/// Certificates at risk are reported at every sweep, so that a report withheld by a silence is made up for. The
/// engine and `alert` drop repetitions.
#[must_use]
pub fn decide(observed: &Observed, now: Timestamp) -> Plan {
    let at_risk = observed.certificates.iter().filter_map(|shared| {
        let risk = Risk::assess(&shared.certificate, now)?;
        Some(messages::at_risk(shared, risk))
    });
    let resolved = observed
        .previous
        .iter()
        .filter_map(|previous| resolve_report(previous, observed, now));
    let messages: Vec<Message> = at_risk.chain(resolved).collect();
    let mut plan = Plan::nothing(describe(observed));
    plan.messages = messages;
    plan
}

/// Builds the message that resolves an earlier report; `None` if it still applies or there was none.
fn resolve_report(
    previous: &RecordedCertificate,
    observed: &Observed,
    now: Timestamp,
) -> Option<Message> {
    if !previous.is_at_risk {
        return None;
    }
    let arn = &previous.certificate.arn;
    match (observed.find_certificate(arn), observed.elsewhere.get(arn)) {
        (Some(current), _) if Risk::assess(current, now).is_some() => None,
        (Some(current), _) => Some(messages::renewed(current)),
        (None, Some(owner)) => Some(messages::moved(&previous.certificate, owner)),
        (None, None) => Some(messages::no_longer_used(&previous.certificate)),
    }
}

/// Describes the certificates of a service: how many, and the next end.
fn describe(observed: &Observed) -> String {
    let count = observed.certificates.len();
    if count == 0 {
        return "no certificate is reported for this service".to_owned();
    }
    let next = observed
        .certificates
        .iter()
        .filter_map(|shared| shared.certificate.expires_at)
        .min();
    let next = next.map_or("end unknown".to_owned(), |next| {
        format!("the next expires on {}", next.strftime("%F"))
    });
    format!("{}, {next}", pluralize(count, "certificate"))
}
