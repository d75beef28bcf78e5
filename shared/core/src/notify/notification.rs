//! What people are told.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Arn;

/// What lasts from when a release is rolled out until it is known how it ended.
pub const RELEASE: &str = "release";

/// Under a key that begins so nothing is told: the notice says until when its target is silenced.
pub const SILENCE: &str = "silence:";
/// The same: somebody looks at the incident that the rest of the key names, and needs no reminders.
pub const ACKNOWLEDGED: &str = "acknowledged:";

/// What lasts while a database serves nobody.
pub const DOWN: &str = "down";
/// What lasts while an alarm of somebody else is on begins so.
pub const ALARM: &str = "alarm:";

/// How much of a hurry there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look in working hours.
    Warning,
    /// Somebody should look now.
    Critical,
}

/// What a decision wants people to know, before it is known whom about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub severity: Severity,
    /// What is told under one key is told once a day; without a key every time.
    pub key: Option<String>,
    /// The key of what is over now. Told only where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolves: Option<String>,
    /// What lasts from now on, until a message [ends](Self::ends) it. Without it the message is news: said and done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<String>,
    /// What lasts no longer: this, and all that begins with it and a colon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// What happened, in one line, without the target's name.
    pub title: String,
    /// Why, in one or a few sentences.
    pub why: String,
    /// What happens next, or what to do.
    pub next: String,
}

/// A message with all that a person needs to place it. Travels as JSON through the notice queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    #[serde(flatten)]
    pub message: Message,
    pub at: Timestamp,
    pub operation: String,
    pub target: Arn,
    /// The target as people call it: `shop/web`.
    pub name: String,
    pub app: Option<String>,
    pub stack: String,
    /// The AWS console's page for the target.
    pub link: String,
    /// People want to hear nothing of the target until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<Timestamp>,
}

/// Where notices go. At least once: a notice may arrive twice, but is not lost.
pub trait Outbox {
    /// Hands notices over.
    ///
    /// # Errors
    /// [`Unsent`], with those that were not taken, or of which that is not known.
    async fn send(&self, notices: Vec<Notice>) -> Result<(), Unsent>;
}

/// Notices that were not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    pub notices: Vec<Notice>,
    pub error: crate::AwsError,
}

impl Message {
    pub fn info(title: impl Into<String>) -> Self {
        Self::new(Severity::Info, title)
    }

    pub fn warning(title: impl Into<String>) -> Self {
        Self::new(Severity::Warning, title)
    }

    pub fn critical(title: impl Into<String>) -> Self {
        Self::new(Severity::Critical, title)
    }

    fn new(severity: Severity, title: impl Into<String>) -> Self {
        let (title, why, next) = (title.into(), String::new(), String::new());
        Self {
            severity,
            key: None,
            resolves: None,
            begins: None,
            ends: None,
            title,
            why,
            next,
        }
    }

    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Says that what was told under this key is over.
    #[must_use]
    pub fn resolves(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.resolves = Some(key.clone());
        self.ends(key)
    }

    /// Told once a day under this key, and lasts until a message [resolves](Self::resolves) it.
    #[must_use]
    pub fn lasts(self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.once(key.clone()).begins(key)
    }

    /// Something lasts from now on.
    #[must_use]
    pub fn begins(mut self, what: impl Into<String>) -> Self {
        self.begins = Some(what.into());
        self
    }

    /// Something lasts no longer.
    #[must_use]
    pub fn ends(mut self, what: impl Into<String>) -> Self {
        self.ends = Some(what.into());
        self
    }

    /// Told once a day under this key.
    #[must_use]
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// As a person reads it, without what it is about.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[{}] {}\n  Why: {}\n  Next: {}",
            self.severity.as_str(),
            self.title,
            self.why,
            self.next
        )
    }
}

impl Notice {
    /// AWS says it by itself. It knows nothing of tags, and does not say again every day what lasts.
    #[must_use]
    pub fn is_of_aws(&self) -> bool {
        self.operation.starts_with(char::is_uppercase)
    }

    /// What it belongs to: notices about one target for one cause are one incident, whoever sends them.
    #[must_use]
    pub fn cause(&self) -> &str {
        const OF_TAGS: [&str; 3] = ["bad-tag:", "misspelt:", "unmanaged"];
        let is_of_tags = |key: &String| OF_TAGS.iter().any(|prefix| key.starts_with(prefix));
        match self.operation.as_str() {
            _ if self.message.key.as_ref().is_some_and(is_of_tags) => "tags",
            "deploy" | "rollout" | "verify" => "release",
            "heal" => "health",
            "CloudWatch" if self.target.ecs_service().is_some() => "health",
            "scale" => "load",
            "backup" | "drill" => "backup",
            "archive" => "logs",
            "enroll" => "set-up",
            of_aws => of_aws,
        }
    }
}

impl Severity {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "CRITICAL",
        }
    }
}

/// The host name of the console in a partition and region.
#[must_use]
pub fn console(partition: &str, region: &str) -> String {
    match partition {
        "aws-us-gov" => "console.amazonaws-us-gov.com".to_owned(),
        "aws-cn" => "console.amazonaws.cn".to_owned(),
        _ => format!("{region}.console.aws.amazon.com"),
    }
}

/// The console's page for a target, in its partition and region.
#[must_use]
pub fn console_link(target: &Arn) -> String {
    let region = target.region();
    let console = console(target.partition(), region);
    if let Some((cluster, service)) = target.ecs_service() {
        return format!(
            "https://{console}/ecs/v2/clusters/{cluster}/services/{service}/health?region={region}"
        );
    }
    if let Some((cluster, id)) = target.container_instance() {
        let of_cluster =
            format!("ecs/v2/clusters/{cluster}/infrastructure/container-instances/{id}");
        return format!("https://{console}/{of_cluster}?region={region}");
    }
    let (kind, name) = target
        .resource()
        .split_once(':')
        .unwrap_or(("", target.resource()));
    let page = match (target.service(), kind) {
        ("rds", "db" | "cluster") => {
            format!(
                "rds/home?region={region}#database:id={name};is-cluster={}",
                kind == "cluster"
            )
        }
        ("rds", "snapshot" | "cluster-snapshot") => {
            format!("rds/home?region={region}#snapshots-list:")
        }
        ("rds" | "elasticache", _) => format!("{}/home?region={region}", target.service()),
        // The page's own escape of a slash, escaped.
        ("logs", "log-group") => {
            let name = name.trim_end_matches(":*").replace('/', "$252F");
            format!("cloudwatch/home?region={region}#logsV2:log-groups/log-group/{name}")
        }
        _ => format!("console/home?region={region}"),
    };
    format!("https://{console}/{page}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "aws:ecs:eu-west-1",
        "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/health?region=eu-west-1"
    )]
    #[case(
        "aws-us-gov:ecs:us-gov-west-1",
        "https://console.amazonaws-us-gov.com/ecs/v2/clusters/shop/services/web/health?region=us-gov-west-1"
    )]
    #[case(
        "aws-cn:ecs:cn-north-1",
        "https://console.amazonaws.cn/ecs/v2/clusters/shop/services/web/health?region=cn-north-1"
    )]
    fn the_link_leads_into_the_right_console(#[case] place: &str, #[case] link: &str) {
        assert_eq!(
            console_link(&Arn::new(format!(
                "arn:{place}:123456789012:service/shop/web"
            ))),
            link
        );
    }

    #[rstest]
    #[case(
        "rds",
        "db:orders",
        "rds/home?region=eu-west-1#database:id=orders;is-cluster=false"
    )]
    #[case(
        "rds",
        "cluster:orders",
        "rds/home?region=eu-west-1#database:id=orders;is-cluster=true"
    )]
    #[case(
        "rds",
        "snapshot:lamplighter-orders",
        "rds/home?region=eu-west-1#snapshots-list:"
    )]
    #[case("rds", "db-proxy:prx-1", "rds/home?region=eu-west-1")]
    #[case(
        "elasticache",
        "replicationgroup:sessions",
        "elasticache/home?region=eu-west-1"
    )]
    #[case(
        "logs",
        "log-group:/ecs/web:*",
        "cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Fecs$252Fweb"
    )]
    #[case(
        "ecs",
        "container-instance/shop/0a1b",
        "ecs/v2/clusters/shop/infrastructure/container-instances/0a1b?region=eu-west-1"
    )]
    #[case("sns", "topic", "console/home?region=eu-west-1")]
    fn the_link_leads_to_what_it_is_about(
        #[case] service: &str,
        #[case] resource: &str,
        #[case] page: &str,
    ) {
        let arn = Arn::new(format!(
            "arn:aws:{service}:eu-west-1:123456789012:{resource}"
        ));
        assert_eq!(
            console_link(&arn),
            format!("https://eu-west-1.console.aws.amazon.com/{page}")
        );
    }
}
