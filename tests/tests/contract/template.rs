//! `infra/template.yaml`, held to the one table of functions, `lamplighter::Function`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use e2e::testkit::setup::root;
use lamplighter::Function;

/// The template: the path of every key (`Resources/Deploy/Type`) and the value in its line. Items of lists are left out.
fn template() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let mut above: Vec<(usize, &str)> = Vec::new();
    let mut values = BTreeMap::new();
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let Some((key, value)) = line.trim().split_once(':') else {
            continue;
        };
        above.retain(|(outer, _)| *outer < depth);
        above.push((depth, key));
        let path: Vec<&str> = above.iter().map(|(_, key)| *key).collect();
        values.insert(path.join("/"), value.trim().to_owned());
    }
    values
}

/// Logical identifiers of the resources of a type.
fn resources_of_type<'a>(template: &'a BTreeMap<String, String>, kind: &str) -> BTreeSet<&'a str> {
    template
        .iter()
        .filter(|(_, value)| *value == kind)
        .filter_map(|(path, _)| path.strip_prefix("Resources/")?.strip_suffix("/Type"))
        .collect()
}

/// The schedules of a function: the logical identifier of each one's rule, and when it fires.
fn schedules(template: &BTreeMap<String, String>, function: Function) -> Vec<(String, &str)> {
    let events = format!("Resources/{}/Properties/Events/", function.logical_id());
    template
        .iter()
        .filter_map(|(path, schedule)| {
            let event = path
                .strip_prefix(&events)?
                .strip_suffix("/Properties/Schedule")?;
            Some((
                format!("{}{event}", function.logical_id()),
                schedule.as_str(),
            ))
        })
        .collect()
}

#[test]
fn the_template_has_the_functions_of_the_table_and_no_other() {
    let template = template();
    assert_eq!(
        resources_of_type(&template, "AWS::Serverless::Function"),
        Function::ALL.map(Function::logical_id).into()
    );
}

#[test]
fn a_function_is_the_binary_of_its_name() {
    let template = template();
    for function in Function::ALL {
        let path = format!("Resources/{}/Properties/CodeUri", function.logical_id());
        assert_eq!(
            template[&path],
            format!("../target/lambda/{}/", function.name())
        );
    }
}

#[test]
fn a_function_is_its_own_package() {
    for function in Function::ALL {
        let manifest = root().join(format!("functions/{}/Cargo.toml", function.name()));
        let manifest = fs::read_to_string(manifest).unwrap();
        let name = format!("name = \"{}\"", function.package());
        assert!(manifest.lines().any(|line| line == name), "{function:?}");
    }
}

#[test]
fn a_function_runs_on_the_schedule_of_the_table() {
    let template = template();
    for function in Function::ALL {
        let schedules = schedules(&template, function);
        assert_eq!(
            schedules.iter().map(|(_, when)| *when).collect::<Vec<_>>(),
            [function.schedule(), function.watched_schedule()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>(),
            "{function:?}"
        );
    }
}

#[test]
fn a_rule_is_named_after_its_function() {
    let template = template();
    for rule in resources_of_type(&template, "AWS::Events::Rule") {
        assert!(
            Function::ALL
                .iter()
                .any(|function| rule.starts_with(function.logical_id())),
            "{rule}"
        );
    }
}

/// Minutes between two runs of a schedule.
fn minutes(schedule: &str) -> u32 {
    match schedule {
        "rate(1 minute)" => 1,
        "rate(5 minutes)" => 5,
        "cron(0/15 * * * ? *)" | "cron(5/15 * * * ? *)" => 15,
        "rate(1 hour)" | "cron(0 * * * ? *)" => 60,
        "cron(20 5 * * ? *)" => 24 * 60,
        other => panic!("how often is {other}?"),
    }
}

/// The alarms on a rule that starts nothing: the rule, the function that the alarm's name says, and the time after which it fires, in seconds.
fn silence_alarms(template: &BTreeMap<String, String>) -> BTreeMap<&str, (&str, u32)> {
    resources_of_type(template, "AWS::CloudWatch::Alarm")
        .into_iter()
        .filter_map(|alarm| {
            let property = |key: &str| &*template[&format!("Resources/{alarm}/Properties/{key}")];
            let (_, function) = property("AlarmName").split_once("-silent-")?;
            let (_, rule) = property("Dimensions").split_once("!Ref ")?;
            let period: u32 = property("Period").parse().unwrap();
            let periods: u32 = property("EvaluationPeriods").parse().unwrap();
            Some((rule.trim_end_matches(" }]"), (function, period * periods)))
        })
        .collect()
}

#[test]
fn every_schedule_has_an_alarm_on_its_silence() {
    let template = template();
    let mut alarms = silence_alarms(&template);
    for function in Function::ALL {
        for (rule, schedule) in schedules(&template, function) {
            let (named, period) = alarms
                .remove(&*rule)
                .unwrap_or_else(|| panic!("no alarm on {rule}"));
            // A second sweep of a function has a name of its own.
            assert_eq!(named.split('-').next(), Some(function.name()), "{rule}");
            assert!(
                period >= 2 * 60 * minutes(schedule),
                "{rule} may be late by less than {period} s"
            );
        }
    }
    assert!(alarms.is_empty(), "alarms on no schedule: {alarms:?}");
}

/// A rule that the queue of notifications doesn't know is silent: SQS refuses its events.
#[test]
fn every_rule_that_alerts_may_send_to_the_queue() {
    let template = template();
    let rules = resources_of_type(&template, "AWS::Events::Rule");
    let text = fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let policy = text.split("  NotificationsPolicy:").nth(1).unwrap();
    let policy = policy.split("EncryptedConnectionsOnly").next().unwrap();
    let missing: Vec<&str> = rules
        .iter()
        .copied()
        .filter(|rule| !policy.contains(&format!("!GetAtt {rule}.Arn")))
        .collect();
    assert!(rules.len() > 10, "{rules:?}");
    assert!(missing.is_empty(), "{missing:?}");
}

/// A rule with a condition is listed under that condition: a reference to a missing rule fails the deployment.
#[test]
fn a_conditional_rule_is_listed_under_its_condition() {
    let template = template();
    let text = fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    for rule in resources_of_type(&template, "AWS::Events::Rule") {
        if let Some(condition) = template.get(&format!("Resources/{rule}/Condition")) {
            let listed = format!("!If [{condition}, !GetAtt {rule}.Arn, !Ref AWS::NoValue]");
            assert!(text.contains(&listed), "{rule}");
        }
    }
}
