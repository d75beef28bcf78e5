//! The scenes about messages: Slack threads and the daily report.

use std::fs;

use e2e::testkit::setup::root;
use e2e::testkit::stack::Stack;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use lamplighter_aws::lambda::read_clock;
use serde_json::{Value, json};

use crate::stage::Stage;

/// The ARN of the secret with the demo's channels. Slack gets the incidents of the application `till` only.
pub const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:channels";

/// Creates the secret that names Slack.
pub fn with_slack(stack: &Stack) -> Result<(), String> {
    let channels = json!({"ops": {"slack_token": "xoxb-demo", "channel": "C0123", "api": stack.people(), "apps": ["till"]}});
    let secret = json!({"Name": "channels", "SecretString": channels.to_string(), "ClientRequestToken": format!("{:032}", 1)});
    stack
        .call("secretsmanager", "CreateSecret", secret)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn said<'a>(all: &'a [Value], method: &str) -> Vec<&'a Value> {
    let named = |one: &&Value| {
        one["path"]
            .as_str()
            .is_some_and(|path| path.ends_with(method))
    };
    all.iter().filter(named).map(|one| &one["body"]).collect()
}

fn first_line(body: &Value) -> &str {
    body["blocks"][0]["text"]["text"]
        .as_str()
        .and_then(|text| text.lines().next())
        .unwrap_or_default()
}

pub fn one_thread(stage: &mut Stage<'_>) -> Result<(), String> {
    let heard = |stage: &Stage<'_>| {
        stage
            .stack
            .control("people", json!({}))
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    stage
        .wait(|stage| !said(&heard(stage), "chat.update").is_empty())
        .map_err(|()| "nothing was updated in Slack")?;
    let all = heard(stage);
    // Findings about the service have a thread of their own.
    let is_of_it = |body: &&Value| {
        let line = first_line(body);
        body.get("thread_ts").is_some() || line.contains("shop/till") && !line.contains("finding")
    };
    let (posted, updated) = (said(&all, "chat.postMessage"), said(&all, "chat.update"));
    let posted: Vec<&Value> = posted.into_iter().filter(is_of_it).collect();
    for body in &posted {
        let place = if body.get("thread_ts").is_some() {
            "  in its thread"
        } else {
            "#ops"
        };
        stage
            .story
            .line("slack", &format!("{place}: {}", first_line(body)));
    }
    let last = updated
        .last()
        .map(|body| first_line(body))
        .unwrap_or_default();
    stage
        .story
        .line("slack", &format!("the first message of the thread: {last}"));
    let threads = posted
        .iter()
        .filter(|body| body.get("thread_ts").is_none())
        .count();
    if threads == 1 && last.starts_with(":white_check_mark:") {
        return Ok(());
    }
    Err(format!(
        "{threads} threads, and their first message is {last:?}"
    ))
}

pub fn a_quiet_day(stage: &mut Stage<'_>) -> Result<(), String> {
    page(stage);
    stage.told("lamplighter: daily report: no activity")
}

/// Sends the daily report until tomorrow morning. Returns its text.
fn page(stage: &mut Stage<'_>) -> String {
    let tomorrow = read_clock()
        .to_zoned(TimeZone::UTC)
        .date()
        .saturating_add(1.day());
    let page = stage.stack.invoke(
        &stage.stack.output("DigestFunction"),
        json!({"day": tomorrow.to_string()}),
    );
    let text = page["text"].as_str().unwrap_or_default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        stage.story.line("day", line);
    }
    text.to_owned()
}

pub fn the_day(stage: &mut Stage<'_>) -> Result<(), String> {
    let text = page(stage);
    if let Some(missing) = [
        "Incidents\n",
        "Releases\n",
        "Scaling\n",
        "Backups\n",
        "Cost of the last day\n",
    ]
    .iter()
    .find(|part| !text.contains(*part))
    {
        return Err(format!("the report has no {missing}"));
    }
    let folder = root().join("target/demo");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for theme in ["light", "dark"] {
        let asked = json!({"widgetContext": {"theme": theme, "timeRange": {"mode": "relative"}}});
        let widget = stage
            .stack
            .invoke(&stage.stack.output("DigestFunction"), asked);
        let file = folder.join(format!("widget-{theme}.html"));
        fs::write(file, widget.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
    }
    stage.story.line(
        "stack",
        "the dashboard's widget is in target/demo/widget-light.html and widget-dark.html",
    );
    stage.told("still open")
}
