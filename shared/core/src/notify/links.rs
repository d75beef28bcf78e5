//! Links to pages of the AWS console beside that of the target: its logs, and the dashboard of its application.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use super::console::console_host;
use crate::model::Arn;

/// The time before and after a message that a query of logs covers.
const AROUND: SignedDuration = SignedDuration::from_mins(15);
/// The query of the logs of tasks that failed.
const ERRORS: &str = "fields @timestamp, @logStream, @message\n\
    | filter @message like /(?i)(error|exception|fatal|panic|killed)/\n\
    | sort @timestamp desc\n| limit 100";

/// Returns the link to the logs of a target: a query for errors around a time if the log group is known, else the page of ECS
/// or RDS. `None` for other targets.
#[must_use]
pub fn logs_link(target: &Arn, log_group: Option<&str>, at: Timestamp) -> Option<String> {
    let region = target.region();
    let console = console_host(target.partition(), region);
    if let Some(group) = log_group {
        let query = encode_query(group, at);
        return Some(format!(
            "https://{console}/cloudwatch/home?region={region}#logsV2:logs-insights$3FqueryDetail$3D{query}"
        ));
    }
    if let Some((cluster, service)) = target.ecs_cluster_and_name() {
        return Some(format!(
            "https://{console}/ecs/v2/clusters/{cluster}/services/{service}/logs?region={region}"
        ));
    }
    let (kind, name) = target.resource().split_once(':')?;
    match (target.service(), kind) {
        ("rds", "db" | "cluster") => Some(format!(
            "https://{console}/rds/home?region={region}#database:id={name};is-cluster={};tab=logs-and-events",
            kind == "cluster"
        )),
        _ => None,
    }
}

/// Returns the link to the dashboard of an application in the region of one of its targets.
#[must_use]
pub fn dashboard_link(target: &Arn, app: &str) -> String {
    let region = target.region();
    format!(
        "https://{}/cloudwatch/home?region={region}#dashboards/dashboard/{}",
        console_host(target.partition(), region),
        dashboard_name(region, app)
    )
}

/// Returns the name of the dashboard of an application. Dashboards are global to an account, so the name has the region.
#[must_use]
pub fn dashboard_name(region: &str, app: &str) -> String {
    let app = app.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
    format!("{}{app}", dashboard_prefix(region))
}

/// Returns the beginning of the names of a region's dashboards.
#[must_use]
pub fn dashboard_prefix(region: &str) -> String {
    format!("lamplighter-{region}-")
}

/// Encodes a query for the address of CloudWatch Logs Insights: objects as `~(key~value)` and texts after a quote, all of them
/// percent-encoded twice with `$` for `%`.
fn encode_query(log_group: &str, at: Timestamp) -> String {
    let end = escape(&(at + AROUND).strftime("%FT%T.000Z").to_string());
    let start = escape(&(at - AROUND).strftime("%FT%T.000Z").to_string());
    let (query, group) = (escape(ERRORS), escape(log_group));
    format!(
        "~(end~'{end}~start~'{start}~timeType~'ABSOLUTE~tz~'UTC~editorString~'{query}~source~(~'{group}))"
    )
    .replace('~', "$257E")
    .replace('(', "$2528")
    .replace(')', "$2529")
    .replace('\'', "$2527")
}

/// Escapes all bytes of a text but letters, digits, dots and dashes as `*2f`.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "*{byte:02x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z

    fn web() -> Arn {
        Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web")
    }

    /// As the console spells the address of a query.
    #[test]
    fn the_logs_of_a_known_group_are_queried_around_the_time() {
        let link = logs_link(&web(), Some("/ecs/web"), AT).unwrap();
        let begin = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights\
            $3FqueryDetail$3D$257E$2528end$257E$25272026-11-21T03*3a15*3a00.000Z$257Estart$257E$25272026-11-21T02*3a45*3a00.000Z\
            $257EtimeType$257E$2527ABSOLUTE$257Etz$257E$2527UTC$257EeditorString$257E$2527fields*20*40timestamp*2c*20";
        assert!(link.starts_with(begin), "{link}");
        assert!(
            link.ends_with("limit*20100$257Esource$257E$2528$257E$2527*2fecs*2fweb$2529$2529"),
            "{link}"
        );
        assert!(!link.contains(['(', '\'', ' ', '~']), "{link}");
    }

    #[test]
    fn without_a_group_the_console_shows_the_logs_of_the_target() {
        let link = |arn: &str| logs_link(&Arn::new(arn), None, AT);
        assert_eq!(
            logs_link(&web(), None, AT).unwrap(),
            "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/logs?region=eu-west-1"
        );
        assert_eq!(
            link("arn:aws:rds:eu-west-1:123456789012:db:orders").unwrap(),
            "https://eu-west-1.console.aws.amazon.com/rds/home?region=eu-west-1#database:id=orders;is-cluster=false;tab=logs-and-events"
        );
        assert_eq!(link("arn:aws:sns:eu-west-1:123456789012:topic"), None);
    }

    #[test]
    fn the_dashboard_is_that_of_the_application() {
        assert_eq!(
            dashboard_link(&web(), "web shop"),
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/lamplighter-eu-west-1-web-shop"
        );
    }
}
