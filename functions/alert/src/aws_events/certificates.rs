//! Translates events of ACM about certificates that ended, or that ACM can't renew. The function `certificates` watches
//! those of load balancers; these events are about all certificates of the account.
//!
//! Source: <https://docs.aws.amazon.com/acm/latest/userguide/supported-events.html>

use lamplighter::model::Arn;
use lamplighter::notify::{CERTIFICATE_PREFIX, Message};
use serde_json::Value;

use super::envelope::{AwsEvent, shorten_text};
use super::translation::{TranslatedEvent, console_page_link};

/// Translates an event about a certificate; `None` if it is routine, or nothing uses the certificate.
pub fn translate_certificate(event: &AwsEvent) -> Option<TranslatedEvent> {
    if event.detail.get("InUse").and_then(Value::as_bool) == Some(false) {
        return None;
    }
    let target = event.first_resource();
    let domain = read_text(event, &["CommonName", "DomainName"])
        .map_or_else(|| target.display_name(), str::to_owned);
    let message = build_message(event, &target)?;
    let page = format!(
        "home?region={}#/certificates/{}",
        event.region,
        target.display_name()
    );
    let link = console_page_link(event, &target, "acm", &page);
    Some(TranslatedEvent {
        message,
        name: domain,
        target,
        app: None,
        link: Some(link),
    })
}

/// Returns the first of these fields that is a text.
fn read_text<'a>(event: &'a AwsEvent, names: &[&str]) -> Option<&'a str> {
    names
        .iter()
        .find_map(|name| event.detail.get(name).and_then(Value::as_str))
}

fn build_message(event: &AwsEvent, target: &Arn) -> Option<Message> {
    let reason = read_text(
        event,
        &["RenewalStatusReason", "RevocationReason", "Reason"],
    )
    .map_or_else(String::new, |reason| {
        format!(" ACM says: {}.", shorten_text(reason))
    });
    let condition = format!("{CERTIFICATE_PREFIX}{}", target.display_name());
    Some(match event.detail_type.as_str() {
        "ACM Certificate Expired" => Message::critical("certificate expired")
            .why(format!(
                "Clients refuse to connect where it is used.{reason}"
            ))
            .next("Request or import another certificate, and use it instead.")
            .fires(condition),
        "ACM Certificate Revoked" => Message::critical("certificate revoked")
            .why(format!(
                "Clients that check for it refuse to connect.{reason}"
            ))
            .next("Request another certificate, and use it instead. Find out who revoked this one.")
            .fires(condition),
        "ACM Certificate Renewal Action Required" => Message::warning("certificate not renewed - action required")
        .why(format!("ACM can't renew it by itself.{reason}"))
        .next("Open the certificate in ACM and correct the reason. Without one, create the CNAME record that ACM names.")
        .fires(condition),
        "ACM Certificate Available" => Message::info("certificate is valid")
            .why("ACM issued or renewed it.")
            .next("Nothing to do.")
            .clears(condition),
        _ => return None,
    })
}
