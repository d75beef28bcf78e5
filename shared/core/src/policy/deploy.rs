//! `lamplighter:deploy`: the image that a service tracks and the gates of its release.

use std::collections::BTreeMap;

use super::deploy_options::{
    BaseRevision, OnInconclusive, RestartOn, Severity, Strategy, parse_base, parse_on_inconclusive,
    parse_restart, parse_severity, parse_strategy,
};
use super::grammar::{TagError, TagPairs};
use super::reference::DEPLOY_TAG;
use super::tag_selector::{TagSelector, parse_selector};
use super::{DEPLOY, join_continuations};
use crate::model::{ImageRef, Repository};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployPolicy {
    pub follows: TagSelector,
    /// The repository, with an empty host for the registry of the service; by default that of the running task
    /// definition.
    pub repo: Option<Repository>,
    /// The containers to update; by default those that run an image of the repository.
    pub containers: Vec<String>,
    /// URLs to probe once the rollout has finished.
    pub verify: Vec<String>,
    /// Text that every response must contain.
    pub expect: Option<String>,
    /// Hold an image whose scan has findings of this severity or worse.
    pub scan: Option<Severity>,
    /// Hold the image until an operator approves its digest with `lamplighter:approve`.
    pub approve: bool,
    /// Take a snapshot of the application's databases before the rollout.
    pub snapshot: bool,
    /// Maximum wait for that snapshot, in seconds.
    pub snapshot_limit: u64,
    /// Family of the task that runs with a new image before the service changes.
    pub before: Option<String>,
    /// Maximum duration of that task, in seconds.
    pub before_limit: u64,
    /// Keep the ECS deployment circuit breaker enabled, with rollback.
    pub breaker: bool,
    /// Maximum duration of a rollout, in seconds.
    pub deadline: u64,
    /// Bake time after completion, in seconds, during which an alarm can still reject the release.
    pub bake: u64,
    /// The names of further alarms that can reject the release during the bake time.
    pub alarms: Vec<String>,
    /// Deployment strategy for shifting traffic.
    pub strategy: Option<Strategy>,
    /// CodeDeploy application and deployment group; needed if ECS does not report them.
    pub group: Option<(String, String)>,
    /// Cluster and name of the service where a digest must be verified first.
    pub after: Option<(String, String)>,
    /// URL behind the test listener, which routes only to the new revision.
    pub verify_test: Option<String>,
    /// Reaction to inconclusive checks.
    pub unclear: OnInconclusive,
    /// The changes of values that restart the tasks.
    pub restart: RestartOn,
    /// The revision that releases are built on.
    pub base: BaseRevision,
}

/// Maximum of every wait that the tag configures, in seconds: 12 hours.
const MAX_WAIT: u64 = 43_200;
/// Minimum for the duration of a rollout in seconds: 2 minutes.
const MIN_DEADLINE: u64 = 120;
/// Minimum for the duration of a pre-deployment task in seconds: 1 minute.
const MIN_BEFORE_LIMIT: u64 = 60;
/// Default maximum duration of a pre-deployment task in seconds: 30 minutes.
const DEFAULT_BEFORE_LIMIT: u64 = 1_800;
/// Maximum length of the name of a family.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>
const MAX_FAMILY: usize = 255;
/// Minimum for the wait for a snapshot in seconds: 1 minute.
const MIN_SNAPSHOT_LIMIT: u64 = 60;
/// Default maximum duration of a rollout in seconds: 15 minutes.
const DEFAULT_DEADLINE: u64 = 900;

/// Minimum time to check a traffic step, in seconds: 10 minutes, because metrics lag.
const MIN_STEP: u64 = 600;
/// Maximum time to check a traffic step, in seconds. ECS rolls back if a hook is unanswered for two
/// hours.
const MAX_STEP: u64 = 6_000;
/// Maximum number of URLs that fit into one reconciliation.
const MAX_URLS: usize = 5;
/// Maximum number of alarms: what one call of DescribeAlarms takes.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
const MAX_ALARMS: usize = 100;
/// Default maximum wait for a snapshot in seconds: 30 minutes.
const DEFAULT_SNAPSHOT_LIMIT: u64 = 1_800;

impl DeployPolicy {
    /// Returns the maximum time in seconds to check one traffic step.
    #[must_use]
    pub fn max_step_seconds(&self) -> u64 {
        self.bake.clamp(MIN_STEP, MAX_STEP)
    }

    /// Parses the tag with its continuations; `None` if it is missing.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn from_tags(tags: &BTreeMap<String, String>) -> Result<Option<Self>, TagError> {
        join_continuations(tags, DEPLOY)
            .map(|value| Self::parse(&value))
            .transpose()
    }

    /// Parses the tag's value.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(value: &str) -> Result<Self, TagError> {
        let pairs = TagPairs::parse(&DEPLOY_TAG, value)?;
        Ok(Self {
            bake: pairs
                .parse_duration("bake", 1..=MAX_WAIT, "duration of up to 12h such as 5m")?
                .unwrap_or_default(),
            deadline: pairs
                .parse_duration(
                    "deadline",
                    MIN_DEADLINE..=MAX_WAIT,
                    "duration of 2m to 12h such as 15m",
                )?
                .unwrap_or(DEFAULT_DEADLINE),
            follows: parse_selector(&pairs)?,
            repo: parse_optional(&pairs, "repo", parse_repository)?,
            containers: parse_list(&pairs, "container", "containers such as web+migrate")?,
            alarms: parse_alarms(&pairs)?,
            verify: parse_verify_urls(&pairs)?,
            expect: pairs.get("expect").map(str::to_owned),
            scan: parse_optional(&pairs, "scan", parse_severity)?,
            approve: pairs.parse_switch("approve", false)?,
            snapshot: pairs.parse_switch("snapshot", false)?,
            snapshot_limit: pairs
                .parse_duration(
                    "snapshot-limit",
                    MIN_SNAPSHOT_LIMIT..=MAX_WAIT,
                    "duration of 1m to 12h such as 30m",
                )?
                .unwrap_or(DEFAULT_SNAPSHOT_LIMIT),
            before: parse_optional(&pairs, "before", parse_family)?,
            before_limit: pairs
                .parse_duration(
                    "before-limit",
                    MIN_BEFORE_LIMIT..=MAX_WAIT,
                    "duration of 1m to 12h such as 30m",
                )?
                .unwrap_or(DEFAULT_BEFORE_LIMIT),
            breaker: pairs.parse_switch("breaker", true)?,
            after: parse_optional(&pairs, "after", parse_service)?,
            group: parse_optional(&pairs, "group", parse_deployment_group)?,
            strategy: parse_optional(&pairs, "strategy", parse_strategy)?,
            verify_test: pairs
                .get("verify-test")
                .map(|url| parse_url(&pairs, "verify-test", url))
                .transpose()?,
            unclear: parse_on_inconclusive(&pairs)?,
            restart: parse_restart(&pairs)?,
            base: parse_base(&pairs)?,
        })
    }
}

/// Parses the value of a key if it is there.
fn parse_optional<T>(
    pairs: &TagPairs<'_>,
    key: &str,
    parse: fn(&TagPairs<'_>, &str) -> Result<T, TagError>,
) -> Result<Option<T>, TagError> {
    pairs.get(key).map(|text| parse(pairs, text)).transpose()
}

fn parse_verify_urls(pairs: &TagPairs<'_>) -> Result<Vec<String>, TagError> {
    let urls: Vec<String> = pairs
        .get_all("verify")
        .map(|url| parse_url(pairs, "verify", url))
        .collect::<Result<_, _>>()?;
    if urls.len() > MAX_URLS {
        return Err(pairs.build_error(format!(
            "verify= has {} URLs; the maximum is {MAX_URLS}",
            urls.len()
        )));
    }
    Ok(urls)
}

fn parse_url(pairs: &TagPairs<'_>, key: &str, url: &str) -> Result<String, TagError> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url.to_owned());
    }
    Err(pairs.build_error(format!("{key}={url} is not an http:// or https:// URL")))
}

/// Parses a repository: its name, or its whole address.
fn parse_repository(pairs: &TagPairs<'_>, text: &str) -> Result<Repository, TagError> {
    let image = ImageRef::parse(text);
    if image.tag.is_some() || image.digest.is_some() {
        return Err(pairs.build_error(format!(
            "repo={text} names an image; a repository has no tag, such as {}",
            image.repository.name
        )));
    }
    let repository = image.repository;
    if !repository.host.is_empty() && !repository.is_ecr() {
        return Err(pairs.build_error(format!(
            "repo={text} is in no private ECR registry, such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com"
        )));
    }
    Ok(repository)
}

/// Parses names separated by `+`. `expected` describes a valid value.
fn parse_list(pairs: &TagPairs<'_>, key: &str, expected: &str) -> Result<Vec<String>, TagError> {
    let Some(text) = pairs.get(key) else {
        return Ok(Vec::new());
    };
    let names: Vec<String> = text.split('+').map(str::to_owned).collect();
    if names.iter().any(String::is_empty) {
        return Err(pairs.build_error(format!("{key}={text} is not a list of {expected}")));
    }
    Ok(names)
}

/// Parses the names of alarms, which count only during a bake time.
fn parse_alarms(pairs: &TagPairs<'_>) -> Result<Vec<String>, TagError> {
    let alarms = parse_list(
        pairs,
        "alarms",
        "alarms such as checkout-errors+checkout-latency",
    )?;
    if alarms.len() > MAX_ALARMS {
        return Err(pairs.build_error(format!(
            "alarms= has {} names; the maximum is {MAX_ALARMS}",
            alarms.len()
        )));
    }
    if !alarms.is_empty() && pairs.get("bake").is_none() {
        return Err(pairs.build_error(
            "alarms= needs bake=, the time in which the alarms count, such as bake=10m",
        ));
    }
    Ok(alarms)
}

/// Parses the cluster and the name of a service.
fn parse_service(pairs: &TagPairs<'_>, names: &str) -> Result<(String, String), TagError> {
    match names.split_once('/') {
        Some((cluster, service))
            if !cluster.is_empty() && !service.is_empty() && !service.contains('/') =>
        {
            Ok((cluster.to_owned(), service.to_owned()))
        }
        _ => Err(pairs.build_error(format!(
            "after={names} is not a cluster and a service such as staging/web"
        ))),
    }
}

/// Parses the family of a task definition, without a revision.
fn parse_family(pairs: &TagPairs<'_>, text: &str) -> Result<String, TagError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.len() <= MAX_FAMILY && text.chars().all(is_name) {
        return Ok(text.to_owned());
    }
    Err(pairs.build_error(format!(
        "before={text} is not a family of task definitions such as shop-migrate"
    )))
}

fn parse_deployment_group(pairs: &TagPairs<'_>, names: &str) -> Result<(String, String), TagError> {
    match names.split_once('/') {
        Some((application, group)) if !application.is_empty() && !group.is_empty() => {
            Ok((application.to_owned(), group.to_owned()))
        }
        _ => Err(pairs.build_error(format!(
            "group={names} is not an application and a deployment group such as shop/web"
        ))),
    }
}
