//! Exports of logs, end to end: the real binary on the local stack.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use e2e::testkit::archive::{exported, last_day, tag_log_group, write_log};
use e2e::testkit::setup::root;
use e2e::testkit::stack::Stack;
use regex_lite::Regex;
use serde_json::{Value, json};

const WEB: &str = "/ecs/shop/web";

/// What stands in docs/logs.md between two texts.
fn documented(before: &str, after: &str) -> String {
    let page = fs::read_to_string(root().join("docs/logs.md")).unwrap();
    let (_, rest) = page.split_once(before).expect(before);
    let (found, _) = rest.split_once(after).expect(after);
    found.to_owned()
}

/// The table for Athena in the docs finds the exported file, and divides its lines.
fn check_documented_table(object: &str, text: &str) {
    let template = documented("'storage.location.template' = 's3://BUCKET/", "'");
    assert!(
        object.starts_with(&template.replace("${day}", &last_day())),
        "{object}"
    );
    let kind = Path::new(object).extension();
    assert_eq!(kind.and_then(OsStr::to_str), Some("gz"), "{object}");
    // Hive takes a backslash in a text as the beginning of an escape.
    let pattern = documented("'input.regex' = '", "')").replace(r"\\", r"\");
    let pattern = Regex::new(&format!("^{pattern}$")).unwrap();
    let divide = |line: &str| {
        let parts = pattern.captures(line).expect("a line that the table takes");
        [1, 2].map(|n| parts.get(n).map(|part| part.as_str().to_owned()))
    };
    let time = format!("{}T12:00:00.000Z", last_day());
    assert_eq!(
        divide(text.trim_end()),
        [Some(time), Some("order 4711 paid".to_owned())]
    );
    assert_eq!(
        divide("  at shop.Order"),
        [None, Some("  at shop.Order".to_owned())]
    );
}

fn tags(stack: &Stack) -> usize {
    stack
        .mail()
        .iter()
        .filter(|mail| mail["subject"].as_str().unwrap().contains("export"))
        .count()
}

#[test]
fn a_day_of_logs_is_in_the_bucket_with_a_manifest() {
    let stack = Stack::start(&[]).unwrap();
    write_log(&stack, WEB, "order 4711 paid");
    tag_log_group(&stack, WEB, "export keep=7d retain=30d");
    let folder = format!("7d/ecs/shop/web/{}", last_day());
    let manifest = format!("{folder}/manifest.json");
    let text = stack.sweep_until("ArchiveSweep", "the day is complete", || {
        exported(&stack).remove(&manifest)
    });
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let object = manifest["objects"][0]["key"].as_str().unwrap();
    let text = exported(&stack)[object].clone();
    let line = format!("{}T12:00:00.000Z order 4711 paid\n", last_day());
    assert_eq!(text, line);
    check_documented_table(object, &text);
    assert_eq!(
        (
            manifest["log_group"].as_str(),
            manifest["objects"].as_array().unwrap().len()
        ),
        (Some(WEB), 1)
    );
    assert_eq!(manifest["day"], last_day());
    let groups = stack
        .call(
            "logs",
            "DescribeLogGroups",
            json!({"logGroupNamePrefix": WEB}),
        )
        .unwrap();
    assert_eq!(groups["logGroups"][0]["retentionInDays"], 30);
    stack.control("schedule", json!({"name": "ArchiveSweep"}));
    stack.sweep_until("ArchiveSweep", "it is settled", || {
        stack
            .logs()
            .contains("; the next day is due on")
            .then_some(())
    });
    assert_eq!(stack.calls_of("CreateExportTask"), 1);
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn one_export_runs_at_a_time_and_one_that_fails_is_told() {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"exports": "manual", "events": false}));
    write_log(&stack, WEB, "one");
    write_log(&stack, "worker", "two");
    tag_log_group(&stack, WEB, "export keep=7d");
    tag_log_group(&stack, "worker", "export keep=7d");
    stack.sweep_until("ArchiveSweep", "one waits", || {
        stack.logs().contains("is due and waits").then_some(())
    });
    assert_eq!(stack.calls_of("CreateExportTask"), 1);
    stack.control(
        "export",
        json!({"status": "FAILED", "message": "Access denied to the bucket"}),
    );
    stack.sweep_until("ArchiveSweep", "it is told", || {
        (tags(&stack) == 1).then_some(())
    });
    let mail = stack.mail().into_iter().next().unwrap();
    assert!(
        mail["body"]
            .as_str()
            .unwrap()
            .contains("Access denied to the bucket"),
        "{mail}"
    );
    stack.sweep_until("ArchiveSweep", "the other one has its turn", || {
        (stack.calls_of("CreateExportTask") == 2).then_some(())
    });
    stack.control("export", json!({"status": "COMPLETED"}));
    let complete = |key: &String| key.ends_with("manifest.json");
    stack.sweep_until("ArchiveSweep", "it is complete", || {
        exported(&stack).keys().any(complete).then_some(())
    });
}
