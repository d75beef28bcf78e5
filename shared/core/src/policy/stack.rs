//! The stack's defaults: a JSON document in the environment, written by `infra/template.yaml`.

use std::ops::RangeInclusive;

use crate::ParameterError;
use crate::model::Arn;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::clock::{parse_time_of_day, parse_time_zone};

/// Environment variable with the stack's defaults.
pub const DEFAULTS_VARIABLE: &str = "LAMPLIGHTER";

/// Environment variable with the deployment lifecycle hook.
///
/// It is separate from the document that all functions share: the hook function can't have its own
/// ARN in its environment.
pub const HOOK_VARIABLE: &str = "LAMPLIGHTER_HOOK";

/// Environment variable with the settings of signed links, separate for the same reason.
pub const LINKS_VARIABLE: &str = "LAMPLIGHTER_LINKS";
/// The environment variable with the ARN of the function `request`.
pub const REQUEST_FUNCTION_VARIABLE: &str = "LAMPLIGHTER_REQUEST_FUNCTION";
/// The environment variable with the ARN of the function `digest`, which renders the status as a widget.
pub const STATUS_FUNCTION_VARIABLE: &str = "LAMPLIGHTER_STATUS_FUNCTION";

/// The stack-wide mode of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Act,
    /// Decide, journal and notify, but change nothing.
    Observe,
    /// Do nothing.
    Off,
}

/// The lifecycle hook that Lamplighter registers with ECS deployments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleHook {
    /// ARN of the `verify` function.
    pub function: String,
    /// ARN of the role with which ECS invokes the function.
    pub role: String,
}

/// Settings of the signed links that acknowledge an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct SignedLinks {
    /// URL of the function behind the links. Empty in that function itself.
    #[serde(default)]
    pub url: String,
    /// ARN of the secret with the signing key.
    pub key: String,
}

/// Defaults for settings that no tag overrides. The values match the template's defaults, except
/// `costs`, which incurs charges.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StackDefaults {
    /// Name of the CloudFormation stack, which separates two stacks in one account.
    pub stack: String,
    pub mode: Mode,
    /// Average CPU utilization that counts as a peak, in percent.
    pub cpu_peak: u32,
    /// Requests per second that one task serves; 0 if only tags say so.
    pub rps: u32,
    /// Days for which backups and logs are kept.
    pub retention_days: u32,
    #[serde(deserialize_with = "deserialize_time")]
    pub backup_at: Time,
    /// Maximum rollouts of one target per hour. More count as a runaway.
    pub rollouts_per_hour: u32,
    /// Maximum first rollouts in progress at the same time, over all services.
    pub adoptions_at_once: u32,
    /// Maximum actions per invocation. The next sweep runs the rest.
    pub actions_per_run: u32,
    /// Minimum minutes between two notifications about a changing incident.
    pub alert_interval: u32,
    /// Maximum messages per minute and channel. More are merged into a summary.
    pub messages_per_minute: u32,
    /// Hour of the daily report, in `time_zone`.
    pub digest_hour: u32,
    #[serde(deserialize_with = "deserialize_time_zone")]
    pub time_zone: TimeZone,
    /// True if the daily report queries Cost Explorer.
    #[serde(deserialize_with = "deserialize_yes_no")]
    pub costs: bool,
    /// Secret with the notification channels other than the SNS topic. May be empty.
    pub channels_secret: String,
    /// Secret with what is needed to accept buttons of Slack and webhooks of `PagerDuty`. May be empty.
    pub interactions_secret: String,
    /// Security group without rules, for databases restored in a drill. May be empty.
    pub drill_group: String,
    /// Role in the vault account that copies the shared snapshots. May be empty.
    pub vault_role: String,
    /// ECS cluster that runs the check tasks. May be empty.
    pub check_cluster: String,
    /// Subnets of the check tasks, separated by commas; the database's subnets if empty.
    pub check_subnets: String,
    /// Security group of the check tasks.
    pub check_group: String,
    /// S3 bucket for exported logs.
    pub log_bucket: String,
    /// Set only in the function that registers the hook, from [`HOOK_VARIABLE`].
    #[serde(skip)]
    pub hook: Option<LifecycleHook>,
    /// Set only in the functions that create or accept links, from [`LINKS_VARIABLE`].
    #[serde(skip)]
    pub sealed_links: Option<SignedLinks>,
    /// Set only in `interact`, from [`REQUEST_FUNCTION_VARIABLE`].
    #[serde(skip)]
    pub request_function: Option<Arn>,
    /// Set only in `enroll`, from [`STATUS_FUNCTION_VARIABLE`].
    #[serde(skip)]
    pub status_function: Option<Arn>,
    /// DynamoDB table of the ledger.
    pub table: String,
    /// SQS queue for notifications.
    pub notices: String,
    /// SQS queue of events that failed in spite of all retries.
    pub dead_letters: String,
    /// SNS topic for subscribers.
    pub topic: String,
}

impl Default for StackDefaults {
    fn default() -> Self {
        Self {
            stack: "lamplighter".to_owned(),
            mode: Mode::Act,
            cpu_peak: 80,
            rps: 0,
            retention_days: 7,
            backup_at: Time::constant(3, 0, 0, 0),
            rollouts_per_hour: 6,
            adoptions_at_once: 5,
            actions_per_run: 100,
            alert_interval: 5,
            messages_per_minute: 8,
            digest_hour: 7,
            time_zone: TimeZone::UTC,
            costs: false,
            channels_secret: String::new(),
            interactions_secret: String::new(),
            drill_group: String::new(),
            vault_role: String::new(),
            check_cluster: String::new(),
            check_subnets: String::new(),
            check_group: String::new(),
            log_bucket: String::new(),
            hook: None,
            sealed_links: None,
            request_function: None,
            status_function: None,
            table: String::new(),
            notices: String::new(),
            dead_letters: String::new(),
            topic: String::new(),
        }
    }
}

impl StackDefaults {
    /// Parses and validates the document.
    ///
    /// # Errors
    /// [`ParameterError`] if the document is invalid or a parameter is out of range.
    pub fn parse(document: &str) -> Result<Self, ParameterError> {
        let parsed: Self = serde_json::from_str(document).map_err(|e| ParameterError {
            parameter: DEFAULTS_VARIABLE.to_owned(),
            problem: e.to_string(),
        })?;
        parsed.check_bounds()?;
        Ok(parsed)
    }

    fn check_bounds(&self) -> Result<(), ParameterError> {
        self.check_bound("CpuPeak", 1..=100, |it| it.cpu_peak)?;
        self.check_bound("RequestsPerSecond", 0..=1_000_000, |it| it.rps)?;
        self.check_bound("RetentionDays", 1..=35, |it| it.retention_days)?;
        self.check_bound("RolloutsPerHour", 1..=1_000, |it| it.rollouts_per_hour)?;
        self.check_bound("AdoptionsAtOnce", 1..=1_000, |it| it.adoptions_at_once)?;
        self.check_bound("ActionsPerRun", 1..=10_000, |it| it.actions_per_run)?;
        self.check_bound("DigestHour", 0..=23, |it| it.digest_hour)?;
        self.check_bound("AlertInterval", 0..=1_440, |it| it.alert_interval)?;
        self.check_bound("MessagesPerMinute", 1..=600, |it| it.messages_per_minute)
    }

    /// Checks that a parameter is within its bounds. The error names its default as an example.
    fn check_bound(
        &self,
        parameter: &str,
        range: RangeInclusive<u32>,
        read: fn(&Self) -> u32,
    ) -> Result<(), ParameterError> {
        let value = read(self);
        if range.contains(&value) {
            return Ok(());
        }
        Err(ParameterError {
            parameter: parameter.to_owned(),
            problem: format!(
                "{value} is not between {} and {}; for example: {}",
                range.start(),
                range.end(),
                read(&Self::default())
            ),
        })
    }

    /// Adds the lifecycle hook from its own document; an empty document means no hook.
    ///
    /// # Errors
    /// [`ParameterError`] naming the variable if the document is invalid.
    pub fn with_hook(self, document: &str) -> Result<Self, ParameterError> {
        Ok(Self {
            hook: parse_optional_document(HOOK_VARIABLE, document)?,
            ..self
        })
    }

    /// Adds the settings of signed links from their own document; an empty document means no links.
    ///
    /// # Errors
    /// [`ParameterError`] naming the variable if the document is invalid.
    pub fn with_links(self, document: &str) -> Result<Self, ParameterError> {
        Ok(Self {
            sealed_links: parse_optional_document(LINKS_VARIABLE, document)?,
            ..self
        })
    }

    /// Adds the ARNs of the functions `request` and `digest`, if they aren't empty.
    #[must_use]
    pub fn with_functions(self, request: &str, status: &str) -> Self {
        let parse = |arn: &str| (!arn.is_empty()).then(|| Arn::new(arn));
        Self {
            request_function: parse(request),
            status_function: parse(status),
            ..self
        }
    }

    /// Checks that the given parts of the stack are set: `table`, `notices`, `topic`.
    ///
    /// # Errors
    /// [`ParameterError`] naming the first part that is missing.
    pub fn require_parts(&self, parts: &[&str]) -> Result<(), ParameterError> {
        let named = [
            ("table", &self.table),
            ("notices", &self.notices),
            ("topic", &self.topic),
        ];
        let missing = named
            .iter()
            .find(|(name, value)| parts.contains(name) && value.is_empty());
        missing.map_or(Ok(()), |(name, _)| {
            let problem = format!("\"{name}\" is missing; infra/template.yaml sets it");
            Err(ParameterError {
                parameter: DEFAULTS_VARIABLE.to_owned(),
                problem,
            })
        })
    }
}

fn deserialize_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    parse_time_of_day(&String::deserialize(deserializer)?)
        .map_err(|e| serde::de::Error::custom(format!("BackupAt: {e}")))
}

/// Deserializes `yes` as true, because CloudFormation has no booleans.
fn deserialize_yes_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(String::deserialize(deserializer)? == "yes")
}

fn deserialize_time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    parse_time_zone(&String::deserialize(deserializer)?)
        .map_err(|e| serde::de::Error::custom(format!("TimeZone: {e}")))
}

/// Parses a document that only some functions have; an empty one is `None`.
///
/// # Errors
/// [`ParameterError`] naming the variable if the document is invalid.
fn parse_optional_document<T: DeserializeOwned>(
    variable: &str,
    document: &str,
) -> Result<Option<T>, ParameterError> {
    if document.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(document)
        .map(Some)
        .map_err(|e| ParameterError {
            parameter: variable.to_owned(),
            problem: e.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn an_empty_document_is_the_defaults() {
        assert_eq!(StackDefaults::parse("{}"), Ok(StackDefaults::default()));
    }

    #[test]
    fn a_missing_part_of_the_stack_is_named() {
        let error = StackDefaults::default()
            .require_parts(&["table"])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "stack parameter LAMPLIGHTER: \"table\" is missing; infra/template.yaml sets it"
        );
    }

    #[rstest]
    #[case(
        r#"{"cpu_peak": 180}"#,
        "stack parameter CpuPeak: 180 is not between 1 and 100; for example: 80"
    )]
    #[case(
        r#"{"mode": "on"}"#,
        "unknown variant `on`, expected one of `act`, `observe`, `off`"
    )]
    #[case(
        r#"{"backup_at": "3 am"}"#,
        "BackupAt: 3 am is not a time of day such as 03:00"
    )]
    #[case(
        r#"{"time_zone": "Rome"}"#,
        "TimeZone: Rome is not a time zone such as Europe/Rome"
    )]
    #[case(r#"{"cpu": 80}"#, "unknown field `cpu`")]
    fn a_bad_default_names_the_parameter(#[case] document: &str, #[case] expected: &str) {
        let error = StackDefaults::parse(document).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
