//! Messages as other programs read them.

use lamplighter::notify::Severity;
use lamplighter::notify::incident::Incident;
use lamplighter_aws::signed_link::seal;
use serde_json::{Value, json};

use crate::desk::Letter;
use crate::due::Kind;
use crate::text::{LISTED, Listing, Telling};

/// PagerDuty refuses longer summaries. Source: <https://developer.pagerduty.com/docs/send-alert-event>
const SUMMARY: usize = 1_024;

/// Events v2: one alert for each incident, which resolves by itself. Of many only those are one alert that are not named.
#[must_use]
pub fn pager_duty(letter: &Letter<'_>, key: &str) -> Vec<Value> {
    let Letter::Many(listing) = letter else {
        return vec![event(letter, key)];
    };
    let (now, stack) = (listing.now, listing.stack);
    let (named, rest) = listing
        .incidents
        .split_at(listing.incidents.len().min(LISTED));
    let one = |(incident, kind): &(&Incident, Kind)| {
        event(
            &Letter::One(Telling {
                incident,
                kind: *kind,
                known: 0,
                stack,
                now,
                links: None,
            }),
            key,
        )
    };
    let mut events: Vec<Value> = named.iter().map(one).collect();
    if !rest.is_empty() {
        events.push(event(
            &Letter::Many(Listing {
                incidents: rest.to_vec(),
                stack,
                now,
            }),
            key,
        ));
    }
    events
}

fn event(letter: &Letter<'_>, key: &str) -> Value {
    let (summary, severity, dedup_key, action, about) = match letter {
        Letter::One(telling) => {
            // What ends badly is over as well, where it was begun.
            let is_over =
                telling.incident.over.is_some() && telling.incident.lasted && telling.known > 0;
            let action = if telling.kind == Kind::Over || is_over {
                "resolve"
            } else {
                "trigger"
            };
            (
                telling.subject(),
                telling.incident.severity,
                telling.incident.token(),
                action,
                Some(telling.incident),
            )
        }
        Letter::Many(listing) => {
            let key = format!("{}-many-{}", listing.stack, listing.now.as_second());
            (listing.subject(), Severity::Critical, key, "trigger", None)
        }
    };
    let severity = match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let body = match letter {
        Letter::One(telling) => telling.body(),
        Letter::Many(listing) => listing.body(),
    };
    json!({
        "routing_key": key,
        "event_action": action,
        "dedup_key": dedup_key,
        "payload": {
            "summary": summary.chars().take(SUMMARY).collect::<String>(),
            "source": about.map_or("lamplighter", |incident| incident.target.as_str()),
            "severity": severity,
            "component": about.map(|incident| &incident.name),
            "group": about.and_then(|incident| incident.app.as_ref()),
            "class": about.map(|incident| &incident.cause),
            "custom_details": {"text": body},
        },
        "links": about.map_or(Vec::new(), |incident| vec![json!({"href": incident.link, "text": "AWS console"})]),
    })
}

/// What a webhook gets, version 1.
#[must_use]
pub fn webhook(letter: &Letter<'_>) -> Value {
    match letter {
        Letter::One(telling) => {
            let more = json!({
                "version": 1, "stack": telling.stack, "kind": word(telling.kind), "title": telling.title(), "text": telling.body(),
            });
            with(about(telling.incident), more)
        }
        Letter::Many(listing) => {
            let incidents: Vec<Value> = listing
                .incidents
                .iter()
                .map(|(incident, _)| about(incident))
                .collect();
            json!({"version": 1, "stack": listing.stack, "kind": "many", "title": listing.subject(), "incidents": incidents})
        }
    }
}

fn about(incident: &Incident) -> Value {
    json!({
        "id": incident.token(),
        "target": incident.target,
        "name": incident.name,
        "app": incident.app,
        "cause": incident.cause,
        "severity": incident.severity,
        "since": incident.since,
        "over": incident.over,
        "link": incident.link,
    })
}

/// A document with the fields of another one.
#[must_use]
pub fn with(mut document: Value, more: Value) -> Value {
    if let (Value::Object(all), Value::Object(more)) = (&mut document, more) {
        all.extend(more);
    }
    document
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Begins => "begins",
        Kind::News => "news",
        Kind::Goes => "changes",
        Kind::Lasts => "lasts",
        Kind::Over => "over",
        Kind::Flaps => "flaps",
    }
}

/// `v1=` and the HMAC-SHA256, in hexadecimal, of the time in seconds, a dot and the body.
#[must_use]
pub fn signature(key: &str, seconds: i64, body: &str) -> String {
    format!("v1={}", seal(key, &format!("{seconds}.{body}")))
}

/// What Amazon Q Developer in chat applications shows.
/// Source: <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>
#[must_use]
pub fn amazon_q(letter: &Letter<'_>) -> Value {
    let (title, description, thread, next) = match letter {
        Letter::One(telling) => (
            telling.subject(),
            described(telling),
            Some(telling.incident.token()),
            next(telling),
        ),
        Letter::Many(listing) => (
            listing.subject(),
            listing.lines().join("\n"),
            None,
            Vec::new(),
        ),
    };
    let content =
        json!({"textType": "client-markdown", "title": title, "description": description});
    let next = if next.is_empty() {
        Value::Null
    } else {
        json!({"nextSteps": next})
    };
    let metadata = thread.map_or(
        Value::Null,
        |thread| json!({"metadata": {"threadId": thread, "summary": title}}),
    );
    with(
        json!({"version": "1.0", "source": "custom", "content": with(content, next)}),
        metadata,
    )
}

fn described(telling: &Telling<'_>) -> String {
    let news = telling
        .news()
        .into_iter()
        .map(|line| format!("{}: {}\n{}", telling.incident.name, line.title, line.why));
    news.chain(telling.span())
        .chain([format!("<{}|AWS console>", telling.incident.link)])
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn next(telling: &Telling<'_>) -> Vec<String> {
    telling
        .news()
        .into_iter()
        .map(|line| line.next.clone())
        .filter(|next| !next.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1795321829.{"a":1}' | openssl dgst -sha256 -hmac key`
    #[test]
    fn a_signature_is_what_openssl_says() {
        assert_eq!(
            signature("key", 1_795_321_829, r#"{"a":1}"#),
            "v1=7d1e588b26ef73c4ce6ff7fea601303e689e46cf9b1a124813a7119cfbe7b1f5"
        );
    }
}
