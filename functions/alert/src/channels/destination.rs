//! Parses the channels beside the stack's own topic from the secret with the channels.
//!
//! ```json
//! {"ops":   {"slack_token": "xoxb-…", "channel": "C0123ABC", "from": "warning"},
//!  "shop":  {"slack_webhook": "https://hooks.slack.com/services/…", "apps": ["shop"]},
//!  "pager": {"pagerduty_key": "…", "from": "critical"},
//!  "hook":  {"webhook": "https://…", "signing_key": "…"},
//!  "chat":  {"topic": "arn:aws:sns:…", "amazon_q": true}}
//! ```

use std::collections::BTreeMap;

use lamplighter::notify::Severity;
use serde_json::{Map, Value};

use super::EMAIL;

/// The base URL of Slack's Web API. `api` in the secret overrides it, such as for Slack for
/// governments.
const SLACK_API: &str = "https://slack.com/api";
/// Source: <https://developer.pagerduty.com/docs/send-alert-event>
const PAGER_DUTY_API: &str = "https://events.pagerduty.com/v2/enqueue";

const FILTERS: [&str; 2] = ["from", "apps"];

/// A channel from the secret. It has no `Debug`, because it holds secrets.
#[derive(Clone)]
pub struct Destination {
    pub kind: DestinationKind,
    /// The lowest severity that is sent. The default is everything, and for PagerDuty warnings.
    pub min_severity: Severity,
    /// The applications whose incidents are sent; all of them if empty.
    pub apps: Vec<String>,
}

#[derive(Clone)]
pub enum DestinationKind {
    SlackWebhook {
        url: String,
    },
    SlackBot {
        token: String,
        channel: String,
        api: String,
    },
    PagerDuty {
        key: String,
        api: String,
    },
    Webhook {
        url: String,
        signing_key: String,
    },
    Topic {
        arn: String,
        amazon_q: bool,
    },
}

/// Parses the secret's JSON document into channels by name.
///
/// # Errors
/// A text that names the channel and the invalid field; it never contains a value.
pub fn parse(document: &str) -> Result<BTreeMap<String, Destination>, String> {
    let all: Map<String, Value> = serde_json::from_str(document).map_err(|error| {
        format!(
            "it is no JSON object (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    all.iter()
        .map(|(name, fields)| Ok((name.clone(), parse_destination(name, fields)?)))
        .collect()
}

fn parse_destination(name: &str, fields: &Value) -> Result<Destination, String> {
    let wrong = |what: String| format!("channel {name}: {what}");
    if name == EMAIL {
        return Err(wrong(
            "is the stack's own topic; take another name".to_owned(),
        ));
    }
    let fields = fields
        .as_object()
        .ok_or_else(|| wrong("is no object".to_owned()))?;
    let fields = Fields(fields);
    let (kind, known) = parse_kind(&fields).map_err(wrong)?;
    if let Some(unknown) = fields
        .0
        .keys()
        .find(|key| !known.contains(&key.as_str()) && !FILTERS.contains(&key.as_str()))
    {
        return Err(wrong(format!(
            "{unknown} means nothing; it may have {}, from and apps",
            known.join(", ")
        )));
    }
    let from = match fields.optional_text("from").map_err(wrong)?.as_deref() {
        // The daily report is no reason to page someone.
        None if matches!(kind, DestinationKind::PagerDuty { .. }) => Severity::Warning,
        None | Some("info") => Severity::Info,
        Some("warning") => Severity::Warning,
        Some("critical") => Severity::Critical,
        Some(_) => {
            return Err(wrong(
                "from is not one of info, warning, critical".to_owned(),
            ));
        }
    };
    let apps = match fields.0.get("apps") {
        None => Vec::new(),
        Some(apps) => serde_json::from_value(apps.clone())
            .map_err(|_| wrong("apps is no list of names".to_owned()))?,
    };
    Ok(Destination {
        kind,
        min_severity: from,
        apps,
    })
}

fn parse_kind(fields: &Fields<'_>) -> Result<(DestinationKind, &'static [&'static str]), String> {
    Ok(if let Some(url) = fields.optional_text("slack_webhook")? {
        (DestinationKind::SlackWebhook { url }, &["slack_webhook"])
    } else if let Some(token) = fields.optional_text("slack_token")? {
        let api = fields
            .optional_text("api")?
            .unwrap_or_else(|| SLACK_API.to_owned());
        (
            DestinationKind::SlackBot {
                token,
                channel: fields.required_text("channel")?,
                api,
            },
            &["slack_token", "channel", "api"],
        )
    } else if let Some(key) = fields.optional_text("pagerduty_key")? {
        let api = fields
            .optional_text("api")?
            .unwrap_or_else(|| PAGER_DUTY_API.to_owned());
        (
            DestinationKind::PagerDuty { key, api },
            &["pagerduty_key", "api"],
        )
    } else if let Some(url) = fields.optional_text("webhook")? {
        (
            DestinationKind::Webhook {
                url,
                signing_key: fields.required_text("signing_key")?,
            },
            &["webhook", "signing_key"],
        )
    } else if let Some(arn) = fields.optional_text("topic")? {
        let amazon_q = fields
            .0
            .get("amazon_q")
            .is_some_and(|yes| yes == &Value::Bool(true));
        (
            DestinationKind::Topic { arn, amazon_q },
            &["topic", "amazon_q"],
        )
    } else {
        return Err(
            "has none of slack_webhook, slack_token, pagerduty_key, webhook and topic".to_owned(),
        );
    })
}

struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn optional_text(&self, key: &str) -> Result<Option<String>, String> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => {
                Ok(Some(text.trim().to_owned()))
            }
            Some(_) => Err(format!("{key} is no text, or an empty one")),
        }
    }

    fn required_text(&self, key: &str) -> Result<String, String> {
        self.optional_text(key)?
            .ok_or_else(|| format!("{key} is missing"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn each_kind_is_read() {
        let document = r#"{
            "ops": {"slack_token": "xoxb-1", "channel": "C1", "from": "warning"},
            "shop": {"slack_webhook": "https://hooks.slack.com/services/1", "apps": ["shop"]},
            "pager": {"pagerduty_key": "1", "from": "critical"},
            "hook": {"webhook": "https://example.com", "signing_key": "1"},
            "chat": {"topic": "arn:aws:sns:eu-west-1:123456789012:lamplighter-chat", "amazon_q": true}}"#;
        let all = parse(document).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(
            (all.len(), all["ops"].min_severity, &all["shop"].apps[..]),
            (5, Severity::Warning, &["shop".to_owned()][..])
        );
        assert!(
            matches!(&all["ops"].kind, DestinationKind::SlackBot { api, .. } if api == SLACK_API)
        );
        assert!(matches!(
            all["chat"].kind,
            DestinationKind::Topic { amazon_q: true, .. }
        ));
    }

    #[rstest]
    #[case("xoxb-secret", "it is no JSON object (line 1, column 1)")]
    #[case(r#"{"ops": "xoxb-secret"}"#, "channel ops: is no object")]
    #[case(
        r#"{"ops": {"token": "xoxb-secret"}}"#,
        "channel ops: has none of slack_webhook, slack_token, pagerduty_key, webhook and topic"
    )]
    #[case(
        r#"{"ops": {"slack_token": "xoxb-secret"}}"#,
        "channel ops: channel is missing"
    )]
    #[case(
        r#"{"e-mail": {"slack_webhook": "x"}}"#,
        "channel e-mail: is the stack's own topic; take another name"
    )]
    #[case(
        r#"{"ops": {"slack_webhook": 7}}"#,
        "channel ops: slack_webhook is no text, or an empty one"
    )]
    #[case(
        r#"{"ops": {"pagerduty_key": "secret", "form": "critical"}}"#,
        "channel ops: form means nothing; it may have pagerduty_key, api, from and apps"
    )]
    #[case(
        r#"{"ops": {"pagerduty_key": "secret", "from": "secret"}}"#,
        "channel ops: from is not one of info, warning, critical"
    )]
    fn what_is_wrong_is_named_and_no_value_is(#[case] document: &str, #[case] says: &str) {
        assert_eq!(parse(document).err().as_deref(), Some(says));
    }
}
