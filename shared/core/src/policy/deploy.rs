//! `lamplighter:deploy`: which image a service follows and what holds it back.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::grammar::{Pairs, TagError, seconds};
use super::{DEPLOY, SemverLine, TagPattern};

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

/// How traffic is shifted to a release; what the service uses where the tag does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Strategy {
    /// A share first, all of it later.
    Canary,
    /// In equal steps.
    Linear,
    /// All at once, after a test.
    BlueGreen,
}

/// What becomes of a release that nobody can say anything about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unclear {
    #[default]
    Keep,
    GoBack,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployPolicy {
    pub follows: Selector,
    /// The repository, by name; that of the running task definition where absent.
    pub repo: Option<String>,
    /// The container to change, where several could be meant.
    pub container: Option<String>,
    /// URLs that a finished rollout must answer on.
    pub verify: Vec<String>,
    /// What each of these answers must have in it.
    pub expect: Option<String>,
    /// Hold images whose scan has findings of this severity or worse.
    pub scan: Option<Severity>,
    /// Wait for a person to name the digest in `lamplighter:approve`.
    pub approve: bool,
    /// Back up the application's databases first.
    pub snapshot: bool,
    /// How long a rollout waits for it, in seconds.
    pub snapshot_limit: u64,
    /// Keep ECS's deployment circuit breaker, with rollback, switched on.
    pub breaker: bool,
    /// How long a rollout may take, in seconds.
    pub deadline: u64,
    /// How long alarms may still speak against it once it is completed, in seconds.
    pub bake: u64,
    /// How traffic is to be shifted.
    pub strategy: Option<Strategy>,
    /// Application and deployment group of CodeDeploy, where ECS does not say them.
    pub group: Option<(String, String)>,
    /// An address behind the test listener, which leads to the new revision alone.
    pub verify_test: Option<String>,
    /// What becomes of a release that nobody can say anything about.
    pub unclear: Unclear,
}

/// A quarter of an hour: what a rollout may take where the tag does not say.
const DEADLINE: u64 = 900;

/// Ten minutes: how long a step is judged at least; metrics lag.
const STEP: u64 = 600;
/// ECS takes back what is not answered for two hours.
const LONGEST_STEP: u64 = 6_000;
/// As many as can be asked within one visit.
const MOST_URLS: usize = 5;
/// Half an hour: what a rollout waits for a snapshot where the tag does not say.
const SNAPSHOT_LIMIT: u64 = 1_800;

/// The tags a service follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    Tag(TagPattern),
    Semver(SemverLine),
}

/// Severity of a scan's findings, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl DeployPolicy {
    /// Seconds that one step of a deployment which shifts traffic is judged for at most.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.bake.clamp(STEP, LONGEST_STEP)
    }

    /// Reads the tag's value.
    ///
    /// # Errors
    /// [`TagError`] naming what is wrong.
    pub fn parse(value: &str) -> Result<Self, TagError> {
        let pairs = Pairs::parse(DEPLOY, value, &KEYS, EXAMPLE)?;
        let wrong = |text: &str| {
            pairs.error(format!(
                "snapshot-limit={text} is not a duration of up to 12h such as 30m"
            ))
        };
        let limit = |text: &str| {
            seconds(text)
                .filter(|limit| (60..=43_200).contains(limit))
                .ok_or_else(|| wrong(text))
        };
        let late = |text: &str| {
            pairs.error(format!(
                "deadline={text} is not a duration of 2m to 12h such as 15m"
            ))
        };
        let deadline = |text: &str| {
            seconds(text)
                .filter(|limit| (120..=43_200).contains(limit))
                .ok_or_else(|| late(text))
        };
        let long = |text: &str| {
            pairs.error(format!(
                "bake={text} is not a duration of up to 12h such as 5m"
            ))
        };
        let bake = |text: &str| {
            seconds(text)
                .filter(|bake| *bake <= 43_200)
                .ok_or_else(|| long(text))
        };
        Ok(Self {
            bake: pairs.get("bake").map(bake).transpose()?.unwrap_or_default(),
            deadline: pairs
                .get("deadline")
                .map(deadline)
                .transpose()?
                .unwrap_or(DEADLINE),
            follows: selector(&pairs)?,
            repo: pairs.get("repo").map(str::to_owned),
            container: pairs.get("container").map(str::to_owned),
            verify: verify(&pairs)?,
            expect: pairs.get("expect").map(str::to_owned),
            scan: pairs
                .get("scan")
                .map(|word| severity(&pairs, word))
                .transpose()?,
            approve: pairs.switch("approve", false)?,
            snapshot: pairs.switch("snapshot", false)?,
            snapshot_limit: pairs
                .get("snapshot-limit")
                .map(limit)
                .transpose()?
                .unwrap_or(SNAPSHOT_LIMIT),
            breaker: pairs.switch("breaker", true)?,
            group: pairs
                .get("group")
                .map(|names| group(&pairs, names))
                .transpose()?,
            strategy: pairs
                .get("strategy")
                .map(|word| strategy(&pairs, word))
                .transpose()?,
            verify_test: pairs
                .get("verify-test")
                .map(|url| address(&pairs, "verify-test", url))
                .transpose()?,
            unclear: match pairs.get("unclear") {
                None | Some("keep") => Unclear::Keep,
                Some("back") => Unclear::GoBack,
                Some(word) => {
                    return Err(pairs.error(format!("unclear={word} is not one of keep, back")));
                }
            },
        })
    }
}

fn selector(pairs: &Pairs<'_>) -> Result<Selector, TagError> {
    match (pairs.get("tag"), pairs.get("semver")) {
        (Some(tag), None) => Ok(Selector::Tag(TagPattern::parse(tag))),
        (None, Some(line)) => SemverLine::parse(line)
            .map(Selector::Semver)
            .ok_or_else(|| {
                pairs.error(format!(
                    "semver={line} is not a line of versions such as 2.x or 1.4.x"
                ))
            }),
        (Some(_), Some(_)) => Err(pairs.error("tag= and semver= exclude each other")),
        (None, None) => Err(pairs.error("tag= (or semver=) is missing")),
    }
}

fn verify(pairs: &Pairs<'_>) -> Result<Vec<String>, TagError> {
    let urls: Vec<String> = pairs
        .all("verify")
        .map(|url| address(pairs, "verify", url))
        .collect::<Result<_, _>>()?;
    if urls.len() > MOST_URLS {
        return Err(pairs.error(format!(
            "{} addresses are more than the {MOST_URLS} that can be asked",
            urls.len()
        )));
    }
    Ok(urls)
}

fn address(pairs: &Pairs<'_>, key: &str, url: &str) -> Result<String, TagError> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url.to_owned());
    }
    Err(pairs.error(format!("{key}={url} is not an http:// or https:// address")))
}

fn group(pairs: &Pairs<'_>, names: &str) -> Result<(String, String), TagError> {
    match names.split_once('/') {
        Some((application, group)) if !application.is_empty() && !group.is_empty() => {
            Ok((application.to_owned(), group.to_owned()))
        }
        _ => Err(pairs.error(format!(
            "group={names} is not an application and a deployment group such as shop/web"
        ))),
    }
}

fn strategy(pairs: &Pairs<'_>, word: &str) -> Result<Strategy, TagError> {
    match word {
        "canary" => Ok(Strategy::Canary),
        "linear" => Ok(Strategy::Linear),
        "blue-green" => Ok(Strategy::BlueGreen),
        _ => Err(pairs.error(format!(
            "strategy={word} is not one of canary, linear, blue-green"
        ))),
    }
}

fn severity(pairs: &Pairs<'_>, word: &str) -> Result<Severity, TagError> {
    match word {
        "low" => Ok(Severity::Low),
        "medium" => Ok(Severity::Medium),
        "high" => Ok(Severity::High),
        "critical" => Ok(Severity::Critical),
        _ => Err(pairs.error(format!(
            "scan={word} is not one of low, medium, high, critical"
        ))),
    }
}

impl Strategy {
    /// ECS's word for it.
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
    /// ECR's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// This severity and all worse ones, the worst first.
    pub fn and_worse(self) -> impl Iterator<Item = Self> {
        [Self::Critical, Self::High, Self::Medium, Self::Low]
            .into_iter()
            .filter(move |s| *s >= self)
    }
}

impl Selector {
    #[must_use]
    pub fn matches(&self, tag: &str) -> bool {
        self.compare(tag, tag).is_some()
    }

    /// The one tag it stands for, where it stands for one.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self {
            Self::Tag(pattern) if pattern.is_fixed() => Some(pattern.as_str()),
            Self::Tag(_) | Self::Semver(_) => None,
        }
    }

    /// Orders two tags by version; `None` unless both match.
    #[must_use]
    pub fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        match self {
            Self::Tag(pattern) => Some(pattern.version_of(a)?.cmp(&pattern.version_of(b)?)),
            Self::Semver(line) => Some(line.version_of(a)?.cmp(&line.version_of(b)?)),
        }
    }
}

impl std::fmt::Display for Selector {
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
        assert!(policy.follows.matches("RC_1.4.2"));
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
