//! What pipelines are told to run: the commands of the pages and of the action, and the template of commit statuses.

use std::fs;

use e2e::testkit::setup::root;
use lamplighter::model::{Arn, Digest, ReleaseEvent, ReleaseEventKind};
use serde_json::{Value, json};

/// The pages and files whose commands users copy.
const PAGES: [&str; 6] = [
    "README.md",
    "OPERATIONS.md",
    "docs/pipelines.md",
    "docs/requests.md",
    "docs/terraform.md",
    "docs/troubleshooting.md",
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn read_yaml(path: &str) -> serde_yaml_ng::Value {
    serde_yaml_ng::from_str(&read(path)).unwrap()
}

/// Returns a part of a document that has no intrinsic functions.
fn plain(part: &serde_yaml_ng::Value) -> Value {
    serde_json::to_value(part).unwrap()
}

/// Checks a command line against the definition of the command. Variables count as one word.
fn assert_command(line: &str, place: &str) {
    let words = shlex::split(line).unwrap_or_else(|| panic!("{place}: {line}"));
    let parsed = lamplighter_cli::build_definition().try_get_matches_from(words);
    assert!(parsed.is_ok(), "{place}: {line}: {}", parsed.unwrap_err());
}

/// Returns the commands of a page: in its code blocks, and in backticks within its text.
fn list_commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for (n, part) in page.split("```").enumerate() {
        if n % 2 == 1 {
            let lines = part
                .lines()
                .map(|line| line.trim().trim_start_matches("- "));
            let calls = lines.flat_map(|line| line.split(" | "));
            commands.extend(
                calls
                    .filter(|call| call.starts_with("lamplighter "))
                    .map(str::to_owned),
            );
        } else {
            let quoted = part.split('`').skip(1).step_by(2);
            commands.extend(
                quoted
                    .filter(|call| call.starts_with("lamplighter "))
                    .map(str::to_owned),
            );
        }
    }
    commands
}

#[test]
fn the_commands_of_the_pages_are_commands() {
    let mut count = 0;
    for path in PAGES {
        for command in list_commands(&read(path)) {
            // A name alone stands for the command, not for a call.
            let has_arguments = command.split_whitespace().count() > 2;
            if has_arguments {
                assert_command(&command, path);
                count += 1;
            }
        }
    }
    assert!(count >= 4, "{count} commands were found");
}

#[test]
fn the_action_calls_the_command_with_its_inputs() {
    let action = plain(&read_yaml("action.yml"));
    let steps = action["runs"]["steps"].as_array().unwrap();
    let deploy = steps.last().unwrap();
    let line = deploy["run"].as_str().unwrap().replace("\\\n", " ");
    let line = line.trim().replace("\"$COMMAND\"", "lamplighter");
    // The default of the timeout has to be a duration.
    let timeout = action["inputs"]["timeout"]["default"].as_str().unwrap();
    assert_command(&line.replace("$TIMEOUT", timeout), "action.yml");
    // No input is pasted into a script: a tag could be a command.
    for step in steps {
        let script = step["run"].as_str().unwrap_or_default();
        assert!(!script.contains("${{"), "{script}");
    }
    let used = action["runs"].to_string();
    for input in action["inputs"].as_object().unwrap().keys() {
        assert!(
            used.contains(&format!("inputs.{input} ")),
            "{input} is not used"
        );
    }
}

/// Each verdict has one status, and each path of the template is in the event.
#[test]
fn the_template_of_commit_statuses_follows_the_events() {
    let template = read_yaml("infra/github-status.yaml");
    let detail = ReleaseEvent {
        kind: ReleaseEventKind::Verified,
        at: "2026-11-21T03:00:00Z".parse().unwrap(),
        since: "2026-11-21T03:00:00Z".parse().unwrap(),
        service: Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
        tag: "RC_1.4.2".to_owned(),
        digest: Digest::new("sha256:ab12cd34"),
        commit: Some("3f9c1e0".to_owned()),
        reason: String::new(),
    };
    let event = json!({ "detail": detail.detail() });
    let mut kinds = Vec::new();
    for (name, state) in [
        ("Pending", "pending"),
        ("Success", "success"),
        ("Failure", "failure"),
        ("Superseded", "error"),
    ] {
        let rule = &template["Resources"][name]["Properties"];
        let kinds_of_rule = plain(&rule["EventPattern"]["detail-type"]);
        let listed = kinds_of_rule.as_array().unwrap();
        kinds.extend(listed.iter().map(|kind| kind.as_str().unwrap().to_owned()));
        let transformer = plain(&rule["Targets"][0]["InputTransformer"]);
        let parameters = plain(&rule["Targets"][0]["HttpParameters"]);
        let paths = transformer["InputPathsMap"].as_object().unwrap();
        let hash = parameters["PathParameterValues"].as_array().unwrap();
        for path in paths.values().chain(hash) {
            let pointer = path
                .as_str()
                .unwrap()
                .replace(['$', '.'], "/")
                .replace("//", "/");
            assert!(
                event.pointer(&pointer).is_some(),
                "{path} is not in {event}"
            );
        }
        let body = transformer["InputTemplate"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["state"], state);
    }
    kinds.sort();
    let mut expected: Vec<&str> = ReleaseEventKind::ALL
        .map(ReleaseEventKind::detail_type)
        .into();
    expected.sort_unstable();
    assert_eq!(kinds, expected);
}

/// `lamplighter doctor` knows the alarms of the template by their names.
#[test]
fn the_command_knows_the_alarms_of_the_stack() {
    let template = read_yaml("infra/template.yaml");
    let resources = template["Resources"].as_mapping().unwrap();
    let alarms: Vec<String> = resources
        .values()
        .filter(|one| one["Type"] == "AWS::CloudWatch::Alarm")
        .map(|one| match &one["Properties"]["AlarmName"] {
            serde_yaml_ng::Value::Tagged(name) => name.value.as_str().unwrap().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(alarms.len() > 10, "{alarms:?}");
    for alarm in alarms {
        let rest = alarm.strip_prefix("${AWS::StackName}-").unwrap();
        assert!(
            lamplighter_cli::OWN_ALARMS
                .iter()
                .any(|own| rest.starts_with(own)),
            "{alarm}"
        );
    }
}
