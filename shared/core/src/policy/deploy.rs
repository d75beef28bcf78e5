//! `lamplighter:deploy`: the image that a service tracks and the gates of its release.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::grammar::{TagError, TagPairs, parse_seconds};
use super::{DEPLOY, SemverRange, TagPattern};

const EXAMPLE: &str = "tag=RC_x.x.x repo=shop/web";
const KEYS: [&str; 18] = [
    "tag",
    "semver",
    "repo",
    "container",
    "verify",
    "verify.",
    "expect",
    "scan",
    "approve",
    "snapshot",
    "snapshot-limit",
    "breaker",
    "deadline",
    "bake",
    "strategy",
    "verify-test",
    "unclear",
    "group",
];

/// The deployment strategy that shifts traffic to a release. Without one, the service's own
/// applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Strategy {
    /// A small share first, the rest later.
    Canary,
    /// In equal steps.
    Linear,
    /// All at once, after a test.
    BlueGreen,
}

/// The reaction to a release whose checks are inconclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInconclusive {
    #[default]
    Keep,
    Rollback,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployPolicy {
    pub follows: TagSelector,
    /// Repository name; by default that of the running task definition.
    pub repo: Option<String>,
    /// The container to update; required if several match.
    pub container: Option<String>,
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
    /// Keep the ECS deployment circuit breaker enabled, with rollback.
    pub breaker: bool,
    /// Maximum duration of a rollout, in seconds.
    pub deadline: u64,
    /// Bake time after completion, in seconds, during which an alarm can still reject the release.
    pub bake: u64,
    /// Deployment strategy for shifting traffic.
    pub strategy: Option<Strategy>,
    /// CodeDeploy application and deployment group; needed if ECS does not report them.
    pub group: Option<(String, String)>,
    /// URL behind the test listener, which routes only to the new revision.
    pub verify_test: Option<String>,
    /// Reaction to inconclusive checks.
    pub unclear: OnInconclusive,
}

/// Default maximum duration of a rollout in seconds: 15 minutes.
const DEFAULT_DEADLINE: u64 = 900;

/// Minimum time to check a traffic step, in seconds: 10 minutes, because metrics lag.
const MIN_STEP: u64 = 600;
/// Maximum time to check a traffic step, in seconds. ECS rolls back if a hook is unanswered for two
/// hours.
const MAX_STEP: u64 = 6_000;
/// Maximum number of URLs that fit into one reconciliation.
const MAX_URLS: usize = 5;
/// Default maximum wait for a snapshot in seconds: 30 minutes.
const DEFAULT_SNAPSHOT_LIMIT: u64 = 1_800;

/// The image tags that a service tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSelector {
    Tag(TagPattern),
    Semver(SemverRange),
}

/// Severity of scan findings, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl DeployPolicy {
    /// Returns the maximum time in seconds to check one traffic step.
    #[must_use]
    pub fn max_step_seconds(&self) -> u64 {
        self.bake.clamp(MIN_STEP, MAX_STEP)
    }

    /// Parses the tag's value.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(value: &str) -> Result<Self, TagError> {
        let pairs = TagPairs::parse(DEPLOY, value, &KEYS, EXAMPLE)?;
        let wrong = |text: &str| {
            pairs.build_error(format!(
                "snapshot-limit={text} is not a duration of up to 12h such as 30m"
            ))
        };
        let limit = |text: &str| {
            parse_seconds(text)
                .filter(|limit| (60..=43_200).contains(limit))
                .ok_or_else(|| wrong(text))
        };
        let late = |text: &str| {
            pairs.build_error(format!(
                "deadline={text} is not a duration of 2m to 12h such as 15m"
            ))
        };
        let deadline = |text: &str| {
            parse_seconds(text)
                .filter(|limit| (120..=43_200).contains(limit))
                .ok_or_else(|| late(text))
        };
        let long = |text: &str| {
            pairs.build_error(format!(
                "bake={text} is not a duration of up to 12h such as 5m"
            ))
        };
        let bake = |text: &str| {
            parse_seconds(text)
                .filter(|bake| *bake <= 43_200)
                .ok_or_else(|| long(text))
        };
        Ok(Self {
            bake: pairs.get("bake").map(bake).transpose()?.unwrap_or_default(),
            deadline: pairs
                .get("deadline")
                .map(deadline)
                .transpose()?
                .unwrap_or(DEFAULT_DEADLINE),
            follows: parse_selector(&pairs)?,
            repo: pairs.get("repo").map(str::to_owned),
            container: pairs.get("container").map(str::to_owned),
            verify: parse_verify_urls(&pairs)?,
            expect: pairs.get("expect").map(str::to_owned),
            scan: pairs
                .get("scan")
                .map(|word| parse_severity(&pairs, word))
                .transpose()?,
            approve: pairs.parse_switch("approve", false)?,
            snapshot: pairs.parse_switch("snapshot", false)?,
            snapshot_limit: pairs
                .get("snapshot-limit")
                .map(limit)
                .transpose()?
                .unwrap_or(DEFAULT_SNAPSHOT_LIMIT),
            breaker: pairs.parse_switch("breaker", true)?,
            group: pairs
                .get("group")
                .map(|names| parse_deployment_group(&pairs, names))
                .transpose()?,
            strategy: pairs
                .get("strategy")
                .map(|word| parse_strategy(&pairs, word))
                .transpose()?,
            verify_test: pairs
                .get("verify-test")
                .map(|url| parse_url(&pairs, "verify-test", url))
                .transpose()?,
            unclear: match pairs.get("unclear") {
                None | Some("keep") => OnInconclusive::Keep,
                Some("back") => OnInconclusive::Rollback,
                Some(word) => {
                    return Err(
                        pairs.build_error(format!("unclear={word} is not one of keep, back"))
                    );
                }
            },
        })
    }
}

fn parse_selector(pairs: &TagPairs<'_>) -> Result<TagSelector, TagError> {
    match (pairs.get("tag"), pairs.get("semver")) {
        (Some(tag), None) => Ok(TagSelector::Tag(TagPattern::parse(tag))),
        (None, Some(line)) => SemverRange::parse(line)
            .map(TagSelector::Semver)
            .ok_or_else(|| {
                pairs.build_error(format!(
                    "semver={line} is not a line of versions such as 2.x or 1.4.x"
                ))
            }),
        (Some(_), Some(_)) => Err(pairs.build_error("tag= and semver= exclude each other")),
        (None, None) => Err(pairs.build_error("tag= (or semver=) is missing")),
    }
}

fn parse_verify_urls(pairs: &TagPairs<'_>) -> Result<Vec<String>, TagError> {
    let urls: Vec<String> = pairs
        .get_all("verify")
        .map(|url| parse_url(pairs, "verify", url))
        .collect::<Result<_, _>>()?;
    if urls.len() > MAX_URLS {
        return Err(pairs.build_error(format!(
            "{} addresses are more than the {MAX_URLS} that can be asked",
            urls.len()
        )));
    }
    Ok(urls)
}

fn parse_url(pairs: &TagPairs<'_>, key: &str, url: &str) -> Result<String, TagError> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url.to_owned());
    }
    Err(pairs.build_error(format!("{key}={url} is not an http:// or https:// address")))
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

fn parse_strategy(pairs: &TagPairs<'_>, word: &str) -> Result<Strategy, TagError> {
    match word {
        "canary" => Ok(Strategy::Canary),
        "linear" => Ok(Strategy::Linear),
        "blue-green" => Ok(Strategy::BlueGreen),
        _ => Err(pairs.build_error(format!(
            "strategy={word} is not one of canary, linear, blue-green"
        ))),
    }
}

fn parse_severity(pairs: &TagPairs<'_>, word: &str) -> Result<Severity, TagError> {
    match word {
        "low" => Ok(Severity::Low),
        "medium" => Ok(Severity::Medium),
        "high" => Ok(Severity::High),
        "critical" => Ok(Severity::Critical),
        _ => Err(pairs.build_error(format!(
            "scan={word} is not one of low, medium, high, critical"
        ))),
    }
}

impl Strategy {
    /// Returns the strategy in ECS's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "CANARY",
            Self::Linear => "LINEAR",
            Self::BlueGreen => "BLUE_GREEN",
        }
    }
}

impl Severity {
    /// Returns the severity in ECR's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// Returns this severity and all worse ones, worst first.
    pub fn self_and_worse(self) -> impl Iterator<Item = Self> {
        [Self::Critical, Self::High, Self::Medium, Self::Low]
            .into_iter()
            .filter(move |s| *s >= self)
    }
}

impl TagSelector {
    #[must_use]
    pub fn matches_tag(&self, tag: &str) -> bool {
        self.compare_tags(tag, tag).is_some()
    }

    /// Returns the tag if the selector matches exactly one, such as `latest`.
    #[must_use]
    pub fn as_fixed_tag(&self) -> Option<&str> {
        match self {
            Self::Tag(pattern) if pattern.is_fixed() => Some(pattern.as_str()),
            Self::Tag(_) | Self::Semver(_) => None,
        }
    }

    /// Orders two tags by version; `None` unless both match.
    #[must_use]
    pub fn compare_tags(&self, a: &str, b: &str) -> Option<Ordering> {
        match self {
            Self::Tag(pattern) => Some(
                pattern
                    .extract_version(a)?
                    .cmp(&pattern.extract_version(b)?),
            ),
            Self::Semver(line) => Some(line.extract_version(a)?.cmp(&line.extract_version(b)?)),
        }
    }
}

impl std::fmt::Display for TagSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(pattern) => f.write_str(pattern.as_str()),
            Self::Semver(line) => write!(f, "semver {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn reads_all_of_the_design_example() {
        let policy = DeployPolicy::parse(
            "tag=RC_x.x.x repo=shop/web container=web verify=https://shop.example.com/health verify.2=http://a/b scan=critical",
        )
        .unwrap();
        assert!(policy.follows.matches_tag("RC_1.4.2"));
        assert_eq!(policy.repo.as_deref(), Some("shop/web"));
        assert_eq!(
            policy.verify,
            ["https://shop.example.com/health", "http://a/b"]
        );
        assert_eq!(policy.scan, Some(Severity::Critical));
        assert!(policy.breaker && !policy.approve && !policy.snapshot);
    }

    #[rstest]
    #[case("repo=shop/web", "tag= (or semver=) is missing")]
    #[case("tag=latest semver=2.x", "tag= and semver= exclude each other")]
    #[case(
        "semver=two",
        "semver=two is not a line of versions such as 2.x or 1.4.x"
    )]
    #[case(
        "tag=latest scan=bad",
        "scan=bad is not one of low, medium, high, critical"
    )]
    #[case(
        "tag=latest verify=shop.example.com",
        "verify=shop.example.com is not an http:// or https:// address"
    )]
    #[case(
        "tag=latest repo.2=shop/web",
        "unknown key \"repo.2\", did you mean \"repo\"? (known: tag, semver, repo, container, verify, expect, scan, approve, snapshot, snapshot-limit, breaker, deadline, bake, strategy, verify-test, unclear, group)"
    )]
    #[case("tag=latest approve=maybe", "approve=maybe is neither yes nor no")]
    fn a_mistake_is_named(#[case] value: &str, #[case] problem: &str) {
        assert_eq!(DeployPolicy::parse(value).unwrap_err().problem, problem);
    }
}
