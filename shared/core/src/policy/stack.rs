//! The stack's defaults: one JSON document in the environment, written by `infra/template.yaml`.

use crate::ParameterError;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::clock::{time_of_day, time_zone};

/// The environment variable that holds the document.
pub const VARIABLE: &str = "LAMPLIGHTER";

/// The environment variable that says what deployments ask on their way. The function that is asked can't have its own
/// ARN in its environment, so this is no part of the document that all functions share.
pub const HOOK_VARIABLE: &str = "LAMPLIGHTER_HOOK";

/// The same for the links in messages, and the function that they lead to.
pub const LINKS_VARIABLE: &str = "LAMPLIGHTER_LINKS";

/// Whether the stack acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Act,
    /// Decide, journal and tell, change nothing.
    Observe,
    /// Do nothing at all.
    Off,
}

/// What deployments ask on their way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// The ARN of the function `verify`.
    pub function: String,
    /// The ARN of the role under which ECS calls it.
    pub role: String,
}

/// Links that acknowledge an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct SealedLinks {
    /// Where they lead. Empty for the function that is there.
    #[serde(default)]
    pub url: String,
    /// The ARN of the secret that they are sealed with.
    pub key: String,
}

/// What holds where a tag does not say otherwise. The values here are the template's own defaults, but for
/// `costs`, which asks for money.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StackDefaults {
    /// The CloudFormation stack, so that two can live in one account.
    pub stack: String,
    pub mode: Mode,
    /// Average CPU utilisation that counts as a peak, in per cent.
    pub cpu_peak: u32,
    /// Requests per second that one task serves.
    pub rps: u32,
    /// Days that backups and logs are kept.
    pub retention_days: u32,
    #[serde(deserialize_with = "time")]
    pub backup_at: Time,
    /// Rollouts of one target within an hour; more is a runaway.
    pub rollouts_per_hour: u32,
    /// Actions of one invocation; the rest waits for the next sweep.
    pub actions_per_run: u32,
    /// Minutes between two messages about one incident while it changes.
    pub alert_interval: u32,
    /// The most messages a minute, by each channel. More become one.
    pub messages_per_minute: u32,
    /// The hour, in `time_zone`, at which the digest is told.
    pub digest_hour: u32,
    #[serde(deserialize_with = "zone")]
    pub time_zone: TimeZone,
    /// Whether the digest asks Cost Explorer.
    #[serde(deserialize_with = "yes")]
    pub costs: bool,
    /// Secret with the channels beside the topic. May be empty.
    pub channels_secret: String,
    /// Security group without any rule, for databases that are restored to prove a backup. May be empty.
    pub drill_group: String,
    /// Role in another account that copies what is shared with it. May be empty.
    pub vault_role: String,
    /// ECS cluster in which restored databases are looked into. May be empty.
    pub check_cluster: String,
    /// Subnets of the tasks that look, joined by commas; those of the database where it is empty.
    pub check_subnets: String,
    /// Security group of these tasks.
    pub check_group: String,
    /// S3 bucket that logs are exported to.
    pub log_bucket: String,
    /// Only the function that registers it knows it, from an environment variable of its own.
    #[serde(skip)]
    pub hook: Option<Hook>,
    /// Only the functions that make and read them know it, from an environment variable of their own.
    #[serde(skip)]
    pub sealed_links: Option<SealedLinks>,
    /// DynamoDB table of the ledger.
    pub table: String,
    /// SQS queue that notices go to.
    pub notices: String,
    /// SNS topic that people subscribe to.
    pub topic: String,
}

impl Default for StackDefaults {
    fn default() -> Self {
        Self {
            stack: "lamplighter".to_owned(),
            mode: Mode::Act,
            cpu_peak: 80,
            rps: 10,
            retention_days: 7,
            backup_at: Time::constant(3, 0, 0, 0),
            rollouts_per_hour: 6,
            actions_per_run: 100,
            alert_interval: 5,
            messages_per_minute: 8,
            digest_hour: 7,
            time_zone: TimeZone::UTC,
            costs: false,
            channels_secret: String::new(),
            drill_group: String::new(),
            vault_role: String::new(),
            check_cluster: String::new(),
            check_subnets: String::new(),
            check_group: String::new(),
            log_bucket: String::new(),
            hook: None,
            sealed_links: None,
            table: String::new(),
            notices: String::new(),
            topic: String::new(),
        }
    }
}

impl StackDefaults {
    /// Reads and checks the document.
    ///
    /// # Errors
    /// [`ParameterError`] naming the parameter, its value and its bounds.
    pub fn parse(document: &str) -> Result<Self, ParameterError> {
        let parsed: Self = serde_json::from_str(document).map_err(|e| ParameterError {
            parameter: VARIABLE.to_owned(),
            problem: e.to_string(),
        })?;
        let bounds = [
            ("CpuPeak", parsed.cpu_peak, 1, 100),
            ("RequestsPerSecond", parsed.rps, 1, 1_000_000),
            ("RetentionDays", parsed.retention_days, 1, 35),
            ("RolloutsPerHour", parsed.rollouts_per_hour, 1, 1_000),
            ("ActionsPerRun", parsed.actions_per_run, 1, 10_000),
            ("DigestHour", parsed.digest_hour, 0, 23),
            ("AlertInterval", parsed.alert_interval, 0, 1_440),
            ("MessagesPerMinute", parsed.messages_per_minute, 1, 600),
        ];
        for (parameter, value, min, max) in bounds {
            if !(min..=max).contains(&value) {
                let problem = format!("{value} is not from {min} to {max}");
                return Err(ParameterError {
                    parameter: parameter.to_owned(),
                    problem,
                });
            }
        }
        Ok(parsed)
    }
}

impl StackDefaults {
    /// The same with what deployments ask, from a document of its own; empty where they ask nobody.
    ///
    /// # Errors
    /// [`ParameterError`] naming the variable.
    pub fn with_hook(self, document: &str) -> Result<Self, ParameterError> {
        Ok(Self {
            hook: own(HOOK_VARIABLE, document)?,
            ..self
        })
    }

    /// Reads what the links in messages are; an empty document where there are none.
    ///
    /// # Errors
    /// [`ParameterError`] naming the variable.
    pub fn with_links(self, document: &str) -> Result<Self, ParameterError> {
        Ok(Self {
            sealed_links: own(LINKS_VARIABLE, document)?,
            ..self
        })
    }

    /// Checks that the parts of the stack that are named exist: `table`, `notices`, `topic`.
    ///
    /// # Errors
    /// [`ParameterError`] naming the first that is missing.
    pub fn require(&self, parts: &[&str]) -> Result<(), ParameterError> {
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
                parameter: VARIABLE.to_owned(),
                problem,
            })
        })
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    time_of_day(&String::deserialize(deserializer)?)
        .map_err(|e| serde::de::Error::custom(format!("BackupAt: {e}")))
}

/// CloudFormation knows no booleans.
fn yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(String::deserialize(deserializer)? == "yes")
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    time_zone(&String::deserialize(deserializer)?)
        .map_err(|e| serde::de::Error::custom(format!("TimeZone: {e}")))
}

/// A document that only some functions have.
fn own<T: DeserializeOwned>(variable: &str, document: &str) -> Result<Option<T>, ParameterError> {
    if document.is_empty() {
        return Ok(None);
    }
    let problem = |e: serde_json::Error| ParameterError {
        parameter: variable.to_owned(),
        problem: e.to_string(),
    };
    serde_json::from_str(document).map(Some).map_err(problem)
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
            .require(&["table"])
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
        "stack parameter CpuPeak: 180 is not from 1 to 100"
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
        "TimeZone: Rome is no time zone such as Europe/Rome"
    )]
    #[case(r#"{"cpu": 80}"#, "unknown field `cpu`")]
    fn a_bad_default_names_the_parameter(#[case] document: &str, #[case] says: &str) {
        let error = StackDefaults::parse(document).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
