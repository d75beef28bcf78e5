//! What PagerDuty sends when somebody acknowledges or resolves an incident there.
//!
//! Source: <https://developer.pagerduty.com/docs/webhooks-overview>,
//! <https://developer.pagerduty.com/docs/verifying-webhook-signatures>

use lamplighter_aws::hmac_sha256::is_signed_in_hex;
use serde_json::Value;

use crate::call::{Call, text_at};

/// Events by which a person says to work on an incident, or to be done with it.
const ACKNOWLEDGING: [&str; 2] = ["incident.acknowledged", "incident.resolved"];

/// An incident that a person acknowledged in PagerDuty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The token of the incident.
    pub incident: String,
    /// The name of the person.
    pub by: String,
}

/// Reports whether PagerDuty signed a call with one of the secrets. While a secret is replaced, it signs with two.
#[must_use]
pub fn is_from_pager_duty(call: &Call<'_>, secrets: &[String]) -> bool {
    let signatures: Vec<&str> = call
        .header("x-pagerduty-signature")
        .split(',')
        .filter_map(|signature| signature.trim().strip_prefix("v1="))
        .collect();
    secrets.iter().any(|secret| {
        signatures
            .iter()
            .any(|signature| is_signed_in_hex(secret.as_bytes(), &call.body, signature))
    })
}

/// Parses an acknowledgement. `None` for anything else: other events, incidents of other sources, and resolutions that
/// Lamplighter itself sent.
#[must_use]
pub fn parse_acknowledgement(body: &[u8]) -> Option<Acknowledgement> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let event_type = text_at(&document, "/event/event_type")?;
    let is_person = text_at(&document, "/event/agent/type") == Some("user_reference");
    if !is_person || !ACKNOWLEDGING.contains(&event_type) {
        return None;
    }
    let incident = text_at(&document, "/event/data/incident_key").filter(|key| is_token(key))?;
    let by = text_at(&document, "/event/agent/summary").unwrap_or("a person");
    Some(Acknowledgement {
        incident: incident.to_owned(),
        by: format!("{by} in PagerDuty"),
    })
}

/// Reports whether a text has the form of a token of an incident: `9f799f05ef5e-1795229940`.
fn is_token(text: &str) -> bool {
    text.split_once('-').is_some_and(|(hash, seconds)| {
        hash.len() == 12
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !seconds.is_empty()
            && seconds.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use lamplighter_aws::hmac_sha256::sign_in_hex;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "9f799f05ef5e-1795229940";

    fn event(event_type: &str, agent: &str, key: &Value) -> Value {
        json!({"event": {
            "id": "01DEN1HNLBC1VITK192ETJ1MPJ",
            "event_type": event_type,
            "resource_type": "incident",
            "occurred_at": "2026-11-21T03:00:00Z",
            "agent": {"id": "PLH1HKV", "summary": "Tenex Engineer", "type": agent},
            "data": {"id": "PGR0VU2", "type": "incident", "status": "acknowledged", "incident_key": key},
        }})
    }

    #[rstest]
    #[case::acknowledged("incident.acknowledged", "user_reference", json!(TOKEN), true)]
    #[case::resolved_by_hand("incident.resolved", "user_reference", json!(TOKEN), true)]
    #[case::resolved_by_lamplighter("incident.resolved", "inbound_integration_reference", json!(TOKEN), false)]
    #[case::of_another_source("incident.acknowledged", "user_reference", json!("disk-full"), false)]
    #[case::without_key("incident.acknowledged", "user_reference", Value::Null, false)]
    #[case::other_event("incident.reassigned", "user_reference", json!(TOKEN), false)]
    fn only_a_person_acknowledges(
        #[case] event_type: &str,
        #[case] agent: &str,
        #[case] key: Value,
        #[case] is_taken: bool,
    ) {
        let body = event(event_type, agent, &key).to_string();
        let expected = is_taken.then(|| Acknowledgement {
            incident: TOKEN.to_owned(),
            by: "Tenex Engineer in PagerDuty".to_owned(),
        });
        assert_eq!(parse_acknowledgement(body.as_bytes()), expected);
    }

    #[rstest]
    #[case::one(&["key"], "key", true)]
    #[case::replaced(&["old", "new"], "new", true)]
    #[case::unknown(&["old"], "new", false)]
    #[case::none(&[], "", false)]
    fn a_call_needs_one_known_signature(
        #[case] known: &[&str],
        #[case] signs: &str,
        #[case] is_accepted: bool,
    ) {
        let signature = sign_in_hex(signs.as_bytes(), b"{}");
        let other = sign_in_hex(b"unknown", b"{}");
        let payload = json!({
            "requestContext": {"http": {"path": "/pagerduty"}},
            "headers": {"x-pagerduty-signature": format!("v1={other},v1={signature}")},
            "body": "{}",
        });
        let call = Call::parse(&payload).unwrap();
        let known: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(is_from_pager_duty(&call, &known), is_accepted);
    }
}
