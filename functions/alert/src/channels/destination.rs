//! Parses the channels beside the stack's own topic from the secret with the channels.
//!
//! ```json
//! {"ops":   {"slack_token": "xoxb-…", "channel": "C0123ABC", "from": "warning", "buttons": true},
//!  "shop":  {"slack_webhook": "https://hooks.slack.com/services/…", "apps": ["shop"]},
//!  "pager": {"pagerduty_key": "…", "from": "critical"},
//!  "hook":  {"webhook": "https://…", "signing_key": "whsec_…"},
//!  "chief": {"pagerduty_key": "…", "escalate": "15m"},
//!  "team":  {"teams": "https://….logic.azure.com/workflows/…"},
//!  "alive": {"heartbeat": "https://hc-ping.com/…"},
//!  "chat":  {"topic": "arn:aws:sns:…", "amazon_q": true}}
//! ```

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lamplighter::notify::Severity;
use lamplighter::policy::TimeWindow;
use lamplighter_aws::webhook_signature::is_valid_key;
use serde_json::{Map, Value};

use super::slack::SlackBot;

/// The name of the channel of the stack's own topic.
pub const EMAIL: &str = "e-mail";
/// The base URL of Slack's Web API. `api` in the secret overrides it, such as for Slack for
/// governments.
const SLACK_API: &str = "https://slack.com/api";
/// Source: <https://developer.pagerduty.com/docs/send-alert-event>
const PAGER_DUTY_API: &str = "https://events.pagerduty.com/v2/enqueue";

const FILTERS: [&str; 4] = ["from", "apps", "escalate", "quiet"];
/// The longest time until an incident escalates. A day later it is in the daily report.
const MAX_ESCALATION: SignedDuration = SignedDuration::from_hours(24);

/// A channel from the secret. It has no `Debug`, because it holds secrets.
#[derive(Clone)]
pub struct Destination {
    pub kind: DestinationKind,
    /// The lowest severity that is sent. The default is everything, and for PagerDuty warnings.
    pub min_severity: Severity,
    /// The applications whose incidents are sent; all of them if empty.
    pub apps: Vec<String>,
    /// The time after which an incident that nobody acknowledged is sent; `None` sends it at once.
    pub escalates_after: Option<SignedDuration>,
    /// The times in which only critical incidents and resolutions are sent.
    pub quiet: Vec<TimeWindow>,
    /// Its Slack app sends buttons to the stack.
    pub has_buttons: bool,
}

/// The settings of a channel, by what it sends to.
#[derive(Clone)]
pub enum DestinationKind {
    SlackWebhook {
        url: String,
    },
    SlackBot(SlackBot),
    PagerDuty {
        key: String,
        api: String,
    },
    Webhook {
        url: String,
        signing_key: String,
    },
    Teams {
        url: String,
    },
    Topic {
        arn: String,
        amazon_q: bool,
    },
    /// An address that is called every minute, and gets no messages.
    Heartbeat {
        url: String,
    },
}

impl DestinationKind {
    /// Reports whether readers of the channel see who acknowledged an incident: in its thread, or in its alert.
    pub const fn shows_acknowledgements(&self) -> bool {
        match self {
            Self::SlackBot(_) | Self::PagerDuty { .. } => true,
            Self::SlackWebhook { .. }
            | Self::Webhook { .. }
            | Self::Teams { .. }
            | Self::Topic { .. }
            | Self::Heartbeat { .. } => false,
        }
    }
}

const NO_KIND: &str =
    "has none of slack_webhook, slack_token, pagerduty_key, webhook, teams, topic and heartbeat";

/// Parses the secret's JSON document into channels by name.
///
/// # Errors
/// A text that names the channel and the invalid field; it never contains a value.
pub fn parse(document: &str) -> Result<BTreeMap<String, Destination>, String> {
    let all: Map<String, Value> = serde_json::from_str(document).map_err(|error| {
        format!(
            "not a JSON object (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    all.iter()
        .map(|(name, fields)| Ok((name.clone(), parse_destination(name, fields)?)))
        .collect()
}

fn parse_destination(name: &str, fields: &Value) -> Result<Destination, String> {
    parse_settings(name, fields).map_err(|problem| format!("channel {name}: {problem}"))
}

fn parse_settings(name: &str, fields: &Value) -> Result<Destination, String> {
    if name == EMAIL {
        return Err("this is the name of the stack's own topic; choose another name".to_owned());
    }
    let Some(fields) = fields.as_object() else {
        return Err("is not a JSON object".to_owned());
    };
    let fields = Fields(fields);
    let (kind, known) = parse_kind(&fields)?;
    fields.reject_unknown(known)?;
    Ok(Destination {
        min_severity: parse_min_severity(&fields, &kind)?,
        apps: fields.names("apps")?,
        escalates_after: parse_escalation(&fields)?,
        quiet: parse_quiet_hours(&fields)?,
        has_buttons: fields.is_set("buttons")?,
        kind,
    })
}

fn parse_min_severity(fields: &Fields<'_>, kind: &DestinationKind) -> Result<Severity, String> {
    match fields.optional_text("from")?.as_deref() {
        None => Ok(default_min_severity(kind)),
        Some("info") => Ok(Severity::Info),
        Some("warning") => Ok(Severity::Warning),
        Some("critical") => Ok(Severity::Critical),
        Some(_) => Err("from is not one of info, warning, critical".to_owned()),
    }
}

/// Parses the time until an incident escalates: `15m`, `2h`.
fn parse_escalation(fields: &Fields<'_>) -> Result<Option<SignedDuration>, String> {
    let Some(text) = fields.optional_text("escalate")? else {
        return Ok(None);
    };
    let minutes = text
        .strip_suffix('m')
        .and_then(|minutes| minutes.parse::<u16>().ok())
        .map(|minutes| SignedDuration::from_mins(minutes.into()));
    let hours = text
        .strip_suffix('h')
        .and_then(|hours| hours.parse::<u16>().ok())
        .map(|hours| SignedDuration::from_hours(hours.into()));
    minutes
        .or(hours)
        .filter(|time| time.is_positive() && *time <= MAX_ESCALATION)
        .map(Some)
        .ok_or_else(|| "escalate is not a time of up to 24h such as 15m".to_owned())
}

/// Parses the quiet hours, in the grammar of `lamplighter:freeze`.
fn parse_quiet_hours(fields: &Fields<'_>) -> Result<Vec<TimeWindow>, String> {
    let text = fields.optional_text("quiet")?;
    let windows = text.map(|text| TimeWindow::parse("quiet", &text));
    match windows.transpose() {
        Ok(window) => Ok(window.into_iter().collect()),
        Err(_) => Err("quiet is no time such as daily 22:00-07:00 Europe/Rome".to_owned()),
    }
}

/// Returns the lowest severity that is sent by default. The daily report is no reason to page
/// someone.
fn default_min_severity(kind: &DestinationKind) -> Severity {
    match kind {
        DestinationKind::PagerDuty { .. } => Severity::Warning,
        DestinationKind::SlackWebhook { .. }
        | DestinationKind::SlackBot(_)
        | DestinationKind::Webhook { .. }
        | DestinationKind::Teams { .. }
        | DestinationKind::Topic { .. }
        | DestinationKind::Heartbeat { .. } => Severity::Info,
    }
}

/// Parses the fields that say what the channel sends to. Returns their names as well.
fn parse_kind(fields: &Fields<'_>) -> Result<(DestinationKind, &'static [&'static str]), String> {
    if let Some(url) = fields.optional_text("slack_webhook")? {
        let known = &["slack_webhook", "buttons"];
        return Ok((DestinationKind::SlackWebhook { url }, known));
    }
    if let Some(token) = fields.optional_text("slack_token")? {
        let bot = SlackBot {
            token,
            api: fields.text_or("api", SLACK_API)?,
            channel: fields.get_required_text("channel")?,
        };
        let known = &["slack_token", "channel", "api", "buttons"];
        return Ok((DestinationKind::SlackBot(bot), known));
    }
    if let Some(key) = fields.optional_text("pagerduty_key")? {
        let api = fields.text_or("api", PAGER_DUTY_API)?;
        return Ok((
            DestinationKind::PagerDuty { key, api },
            &["pagerduty_key", "api"],
        ));
    }
    if let Some(url) = fields.optional_text("webhook")? {
        let signing_key = fields.get_required_text("signing_key")?;
        if !is_valid_key(&signing_key) {
            return Err("signing_key is not base64 after whsec_".to_owned());
        }
        return Ok((
            DestinationKind::Webhook { url, signing_key },
            &["webhook", "signing_key"],
        ));
    }
    if let Some(url) = fields.optional_text("teams")? {
        return Ok((DestinationKind::Teams { url }, &["teams"]));
    }
    if let Some(url) = fields.optional_text("heartbeat")? {
        return Ok((DestinationKind::Heartbeat { url }, &["heartbeat"]));
    }
    if let Some(arn) = fields.optional_text("topic")? {
        let amazon_q = fields.0.get("amazon_q") == Some(&Value::Bool(true));
        return Ok((
            DestinationKind::Topic { arn, amazon_q },
            &["topic", "amazon_q"],
        ));
    }
    Err(NO_KIND.to_owned())
}

/// The fields of one channel in the secret.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    /// Reports whether a field is `true`.
    fn is_set(&self, key: &str) -> Result<bool, String> {
        match self.0.get(key) {
            None => Ok(false),
            Some(Value::Bool(is_set)) => Ok(*is_set),
            Some(_) => Err(format!("{key} is neither true nor false")),
        }
    }

    fn optional_text(&self, key: &str) -> Result<Option<String>, String> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => {
                Ok(Some(text.trim().to_owned()))
            }
            Some(_) => Err(format!("{key} is not a text, or empty")),
        }
    }

    fn text_or(&self, key: &str, default: &str) -> Result<String, String> {
        Ok(self
            .optional_text(key)?
            .unwrap_or_else(|| default.to_owned()))
    }

    fn get_required_text(&self, key: &str) -> Result<String, String> {
        self.optional_text(key)?
            .ok_or_else(|| format!("{key} is missing"))
    }

    fn names(&self, key: &str) -> Result<Vec<String>, String> {
        match self.0.get(key) {
            None => Ok(Vec::new()),
            Some(names) => serde_json::from_value(names.clone())
                .map_err(|_| format!("{key} is not a list of names")),
        }
    }

    /// Returns an error if a field is neither known nor a filter, so that a misspelt one is noticed.
    fn reject_unknown(&self, known: &[&str]) -> Result<(), String> {
        let unknown = self
            .0
            .keys()
            .find(|key| !known.contains(&key.as_str()) && !FILTERS.contains(&key.as_str()));
        match unknown {
            None => Ok(()),
            Some(unknown) => Err(format!(
                "{unknown} is unknown; allowed are {}, from, apps, escalate and quiet",
                known.join(", ")
            )),
        }
    }
}
