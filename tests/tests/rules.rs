//! The event patterns in `infra/template.yaml`, against our sample events, by the emulator's matcher.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use e2e::setup::root;
use e2e::stack::Stack;
use serde_json::{Value, json};

/// Sample event → the rule that must match it. Every other rule must not.
const MATCHES: [(&str, Option<&str>); 16] = [
    ("delete", None),
    ("push", Some("DeployPush")),
    ("push-child", None),
    ("push-failed", None),
    // What only the payload tells is left to the function.
    ("push-helm-chart", Some("DeployPush")),
    ("push-signature", Some("DeployPush")),
    ("push-single-image", Some("DeployPush")),
    ("scan-basic", Some("DeployScan")),
    ("scan-basic-failed", None),
    ("scan-enhanced", Some("DeployScan")),
    ("secret-rotated", Some("DeployRotation")),
    ("secret-rotation-failed", None),
    ("sweep", None),
    ("tags-changed", Some("DeployTags")),
    ("tags-changed-of-others", None),
    ("tags-changed-on-instance", None),
];

#[test]
fn every_rule_matches_what_it_must_and_nothing_else() {
    let stack = Stack::start(&[]).unwrap();
    let rules = patterns(&stack);
    let expected: BTreeSet<&str> = MATCHES.iter().filter_map(|(_, rule)| *rule).collect();
    assert_eq!(rules.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "a rule has no sample event");
    for (sample, expected) in MATCHES {
        let event = fs::read_to_string(root().join(format!("events/deploy/{sample}.json"))).unwrap();
        let matching: Vec<&str> = rules
            .iter()
            .filter(|(_, pattern)| matches(&stack, pattern, &event))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(matching, expected.into_iter().collect::<Vec<_>>(), "{sample}");
    }
}

#[test]
fn every_sample_event_is_in_the_table() {
    let files = fs::read_dir(root().join("events/deploy")).unwrap().flatten();
    let names: BTreeSet<String> = files.map(|f| f.path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, MATCHES.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// Logical name of each rule with a pattern, and the pattern.
fn patterns(stack: &Stack) -> BTreeMap<String, String> {
    let answer = stack.call("events", "ListRules", json!({})).unwrap();
    let rules = answer["Rules"].as_array().unwrap().iter();
    rules
        .filter_map(|rule| {
            let name = rule["Name"].as_str()?.trim_start_matches("lamplighter-").split('-').next()?.to_owned();
            Some((name, rule["EventPattern"].as_str()?.to_owned()))
        })
        .collect()
}

fn matches(stack: &Stack, pattern: &str, event: &str) -> bool {
    let answer: Value =
        stack.call("events", "TestEventPattern", json!({"EventPattern": pattern, "Event": event})).unwrap();
    answer["Result"].as_bool().unwrap()
}
