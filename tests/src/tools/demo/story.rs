//! Tells what happens, a line each: events, decisions, AWS changes, messages.

use std::io::{IsTerminal, Write};

use e2e::testkit::stack::Stack;
use serde_json::{Value, json};

const WIDTH: usize = 8;

/// Prints, and remembers how much of everything was told.
pub struct Story {
    aloud: bool,
    colour: bool,
    told: Told,
}

#[derive(Default)]
struct Told {
    events: usize,
    /// Those that were told, in any order.
    decisions: Vec<String>,
    calls: usize,
    mail: usize,
}

impl Story {
    pub fn new(aloud: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            aloud,
            colour,
            told: Told::default(),
        }
    }

    pub fn heading(&self, text: &str) {
        if self.aloud {
            print(&format!("\n{}", self.paint("1", text)));
        }
    }

    /// One line: what kind of thing, and what.
    pub fn line(&self, kind: &str, text: &str) {
        let colour = match kind {
            "event" => "36",
            "decide" => "33",
            "aws" => "35",
            "mail" => "32",
            "FAILED" => "31",
            _ => "2",
        };
        if self.aloud {
            print(&format!(
                "  {} {text}",
                self.paint(colour, &format!("{kind:<WIDTH$}"))
            ));
        }
    }

    /// Tells everything that is new since the last time.
    pub fn catch_up(&mut self, stack: &Stack) {
        let told = std::mem::take(&mut self.told);
        let all = |name: &str| {
            stack
                .control(name, json!({}))
                .as_array()
                .cloned()
                .unwrap_or_default()
        };
        let (events, calls, mail) = (all("events"), all("calls"), stack.mail());
        let decisions = decisions(stack);
        for event in &events[told.events..] {
            self.line("event", &describe(event));
        }
        // The logs of several functions stand one after the other, so what is new is not at the end.
        let mut known = told.decisions;
        for decision in &decisions {
            match known.iter().position(|told| told == decision) {
                Some(place) => drop(known.swap_remove(place)),
                None => self.line("decide", decision),
            }
        }
        for call in calls[told.calls..].iter().filter_map(change) {
            self.line("aws", &call);
        }
        for mail in &mail[told.mail..] {
            self.line("mail", mail["subject"].as_str().unwrap_or_default());
        }
        self.told = Told {
            events: events.len(),
            decisions,
            calls: calls.len(),
            mail: mail.len(),
        };
    }

    pub fn table(&self, results: &[(&str, Result<(), String>)]) {
        let proven = results.iter().filter(|(_, result)| result.is_ok()).count();
        self.heading(&format!("{proven} of {} scenes proven", results.len()));
        for (proves, _) in results.iter().filter(|(_, result)| result.is_ok()) {
            self.line("proven", proves);
        }
        // Last, where a reader of a long log looks first.
        for (proves, result) in results {
            if let Err(problem) = result {
                self.line("FAILED", &format!("{proves}: {problem}"));
            }
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A reader who has gone (`cargo demo | head`) ends nothing.
pub fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn describe(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let detail: Value = serde_json::from_str(&text("Detail")).unwrap_or_default();
    let of = |key: &str| detail[key].as_str().unwrap_or_default();
    let what = match text("DetailType").as_str() {
        "ECR Image Action" if of("image-tag").is_empty() => {
            format!("{} (untagged)", of("repository-name"))
        }
        "ECR Image Action" => format!("{}:{}", of("repository-name"), of("image-tag")),
        "ECS Deployment State Change" | "AWS API Call via CloudTrail" => of("eventName").to_owned(),
        "ECS Task State Change" => format!("{} stopped: {}", of("group"), of("stoppedReason")),
        "CloudWatch Alarm State Change" => {
            let state = detail["state"]["value"].as_str().unwrap_or_default();
            format!("{} is {state}", of("alarmName"))
        }
        _ => event["Resources"][0]
            .as_str()
            .unwrap_or_default()
            .rsplit(':')
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    format!("{}: {what}", text("DetailType"))
}

/// What the functions logged about their decisions.
fn decisions(stack: &Stack) -> Vec<String> {
    let logs = stack.logs();
    let lines = logs
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .filter_map(|line| match line["message"].as_str()? {
            "decided" => Some(format!(
                "{}: {}",
                text(&line, "target"),
                text(&line, "reason")
            )),
            "no target" => Some(format!("nobody: {}", text(&line, "reason"))),
            _ => None,
        })
        .collect()
}

/// A call of a function that changed something outside Lamplighter.
fn change(call: &Value) -> Option<String> {
    let changes = [
        "RegisterTaskDefinition",
        "UpdateService",
        "PutMetricAlarm",
        "DeleteAlarms",
        "PutDashboard",
        "CreateDBSnapshot",
        "DeleteDBSnapshot",
        "RestoreDBInstanceFromDBSnapshot",
        "DeleteDBInstance",
        "DeleteDashboards",
        "CreateExportTask",
        "StopTask",
    ];
    let action = call["action"].as_str()?;
    let about = call["about"].as_str().unwrap_or_default();
    (call["caller"] == "function" && changes.contains(&action)).then(|| format!("{action} {about}"))
}
