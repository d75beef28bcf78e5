//! Tags are judged as the functions judge them, wherever they are written.

use rstest::rstest;

use super::*;
use crate::arguments::Kind;

fn check(text: &str) -> Vec<(String, Vec<String>)> {
    let resources = parse_source(text, Kind::Service).unwrap();
    let checked = resources.into_iter().map(|resource| {
        let mistakes = find_mistakes(&resource);
        (resource.name, mistakes)
    });
    checked.collect()
}

#[rstest]
#[case::right("lamplighter:managed=true\nlamplighter:scale=min=2 max=8", None)]
#[case::unmanaged(
    "lamplighter:scale=min=2 max=8",
    Some("nothing happens without lamplighter:managed")
)]
#[case::number("lamplighter:managed=true\nlamplighter:scale=min=2 max=0", Some("max"))]
#[case::misspelt_key(
    "lamplighter:managed=true\nlamplighter:scael=min=2 max=8",
    Some("did you mean lamplighter:scale?")
)]
#[case::upper_case("Lamplighter:managed=true", Some("lamplighter:managed was meant"))]
#[case::wrong_kind(
    "lamplighter:managed=true\nlamplighter:backup=keep=7d",
    Some("only on: database, cache")
)]
#[case::refused_by_aws(
    "lamplighter:managed=true\nlamplighter:deploy=tag=RC_*",
    Some("AWS refuses \"*\"")
)]
#[case::runbook(
    "lamplighter:managed=true\nlamplighter:runbook=wiki/orders",
    Some("is no web address")
)]
#[case::comments("# web\n\nlamplighter:managed=observe\nteam=shop", None)]
fn a_list_of_tags_is_checked(#[case] text: &str, #[case] expected: Option<&str>) {
    let checked = check(text);
    let mistakes: Vec<&String> = checked.iter().flat_map(|(_, mistakes)| mistakes).collect();
    match expected {
        None => assert!(mistakes.is_empty(), "{mistakes:?}"),
        Some(part) => assert!(
            mistakes.iter().any(|mistake| mistake.contains(part)),
            "{mistakes:?}"
        ),
    }
}

#[test]
fn a_template_is_checked_in_yaml_and_in_json() {
    let yaml = r#"
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Web:
    Type: AWS::ECS::Service
    Properties:
      Cluster: !Ref Cluster
      Tags:
        - { Key: lamplighter:managed, Value: true }
        - { Key: lamplighter:deploy, Value: !Sub "tag=${Version}" }
        - { Key: lamplighter:scale, Value: !Sub min=2 max=1 }
        - { Key: lamplighter:app, Value: !Ref AWS::StackName }
  Orders:
    Type: AWS::RDS::DBInstance
    Properties:
      Tags: [{ Key: lamplighter:managed, Value: "true" }, { Key: lamplighter:backup, Value: "keep=7d" }]
  Files:
    Type: AWS::S3::Bucket
    Properties:
      Tags: [{ Key: lamplighter:backup, Value: "keep=7d" }]
"#;
    let resources = parse_source(yaml, Kind::Service).unwrap();
    let names: Vec<&str> = resources
        .iter()
        .map(|resource| resource.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Files (AWS::S3::Bucket)",
            "Orders (AWS::RDS::DBInstance)",
            "Web (AWS::ECS::Service)"
        ]
    );
    assert_eq!(resources[2].unknown, ["lamplighter:deploy"]);
    assert_eq!(resources[2].tags["lamplighter:managed"], "true");
    let mistakes: Vec<usize> = resources
        .iter()
        .map(|one| find_mistakes(one).len())
        .collect();
    assert_eq!((mistakes[1], mistakes[2]), (0, 1));
    assert!(find_mistakes(&resources[0])[0].contains("S3 bucket"));
    let json = serde_json::to_string(&template::parse_yaml(yaml).unwrap()).unwrap();
    assert_eq!(parse_source(&json, Kind::Service).unwrap(), resources);
}

#[test]
fn a_terraform_plan_is_checked_with_its_modules() {
    let plan = r#"{"format_version": "1.2", "planned_values": {"root_module": {
        "resources": [{"address": "aws_lb.web", "mode": "managed", "type": "aws_lb",
                       "values": {"tags_all": {"lamplighter:app": "shop"}}}],
        "child_modules": [{"resources": [
          {"address": "module.shop.aws_ecs_service.web", "mode": "managed", "type": "aws_ecs_service",
           "values": {"tags": {"lamplighter:scale": "min=2"},
                      "tags_all": {"lamplighter:managed": "true", "lamplighter:scale": "min=2", "team": "shop"}}},
          {"address": "module.shop.aws_sqs_queue.jobs", "mode": "managed", "type": "aws_sqs_queue",
           "values": {"tags": {"lamplighter:scale": "min=2 max=4"}}},
          {"address": "module.shop.data.aws_db_instance.old", "mode": "data", "type": "aws_db_instance",
           "values": {"tags": {"lamplighter:backup": "nonsense"}}}]}]}}}"#;
    let checked = check(plan);
    let names: Vec<&str> = checked.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "aws_lb.web",
            "module.shop.aws_ecs_service.web",
            "module.shop.aws_sqs_queue.jobs"
        ]
    );
    assert_eq!(checked[0].1, Vec::<String>::new());
    assert!(checked[1].1[0].contains("max"), "{checked:?}");
    assert!(checked[2].1[0].contains("operates no such resources"));
}

#[rstest]
#[case::empty("", "nothing to check")]
#[case::other_json("{\"a\": [1]", "no JSON")]
#[case::an_empty_object("{}", "neither a Terraform plan")]
#[case::a_list("[1, 2]", "neither a Terraform plan")]
#[case::a_raw_state(r#"{"version": 4, "resources": []}"#, "terraform show -json")]
#[case::a_log_of_a_plan("{\"a\": 1}\n{\"b\": 2}", "terraform show -json")]
#[case::a_misspelt_template("AWSTemplateFormatVersion: 2010\nResource: {}", "with Resources")]
#[case::the_syntax_of_the_aws_cli("Key=lamplighter:managed,Value=treu", "is no tag such as")]
#[case::hcl(
    "resource \"aws_ecs_service\" \"web\" {\n  a = 1\n}",
    "is no tag such as"
)]
#[case::a_number("[1, 2", "no JSON")]
#[case::prose("hello", "is no tag such as")]
fn another_text_is_refused(#[case] text: &str, #[case] expected: &str) {
    let problem = parse_source(text, Kind::Service).unwrap_err();
    assert!(problem.contains(expected), "{problem}");
}

/// The examples of the table of tags are right, and each part of them is explained.
#[test]
fn every_tag_of_the_reference_is_explained() {
    for reference in lamplighter::policy::reference::TAGS {
        let kind = match reference.on.split(", ").next() {
            Some("database") => Kind::Database,
            Some("log group") => Kind::LogGroup,
            Some(_) | None => Kind::Service,
        };
        let text = format!(
            "lamplighter:managed=true\nlamplighter:scale=min=2 max=8\n{}={}",
            reference.key, reference.example
        );
        let resources = parse_source(&text, kind).unwrap();
        let mistakes = find_mistakes(&resources[0]);
        let own: Vec<&String> = mistakes
            .iter()
            .filter(|one| one.contains(reference.key))
            .collect();
        assert!(own.is_empty(), "{own:?}");
        let explained = explain_tags(&resources[0].arn, &resources[0].tags).join("\n");
        assert!(explained.contains(reference.summary), "{explained}");
    }
}

#[test]
fn tags_within_conditions_and_loops_are_checked() {
    let template = r#"
Resources:
  Web:
    Type: AWS::ECS::Service
    Properties:
      Tags: !If [Live, [{ Key: lamplighter:managed, Value: yes-please }], !Ref AWS::NoValue]
  Api:
    Type: AWS::ECS::Service
    Properties:
      Tags:
        - { Key: lamplighter:managed, Value: "true" }
        - !If [Live, { Key: lamplighter:heal, Value: maybe }, !Ref AWS::NoValue]
  Fn::ForEach::Jobs:
    - Name
    - [a, b]
    - Job${Name}:
        Type: AWS::ECS::Service
        Properties: { Tags: [{ Key: lamplighter:scale, Value: min=2 max=4 }] }
"#;
    let checked = check(template);
    let found: Vec<(&str, usize)> = checked
        .iter()
        .map(|(name, mistakes)| (name.as_str(), mistakes.len()))
        .collect();
    assert_eq!(
        found,
        [
            ("Api (AWS::ECS::Service)", 1),
            ("Job${Name} (AWS::ECS::Service)", 1),
            ("Web (AWS::ECS::Service)", 1)
        ]
    );
}

/// Tags of the provider are on all resources, and a value may be known after the plan is applied.
#[test]
fn inherited_and_unknown_tags_of_a_plan_are_no_mistakes() {
    let plan = r#"{"planned_values": {"root_module": {"resources": [
        {"address": "aws_ecs_cluster.shop", "type": "aws_ecs_cluster",
         "values": {"tags": {}, "tags_all": {"lamplighter:app": "shop", "lamplighter:backup": "keep=7d"}}},
        {"address": "aws_lb.web", "type": "aws_lb", "values": {"tags": {"lamplighter:runbook": "https://wiki/web"}}},
        {"address": "aws_ecs_service.web", "type": "aws_ecs_service",
         "values": {"tags_all": {}, "tags": {"lamplighter:scale": "min=2 max=4"}}},
        {"address": "aws_ecs_service.api", "type": "aws_ecs_service", "values": {"tags_all": {}, "tags": {"lamplighter:scale": "min=2"}}}]}},
      "resource_changes": [
        {"address": "aws_ecs_service.web", "change": {"after_unknown": {"tags": {"lamplighter:managed": true}}}},
        {"address": "aws_ecs_service.api", "change": {"after_unknown": {"tags": {"lamplighter:managed": true}}}}]}"#;
    let checked = check(plan);
    let wrong: Vec<&str> = checked
        .iter()
        .filter(|(_, mistakes)| !mistakes.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(checked.len(), 4);
    assert_eq!(wrong, ["aws_ecs_service.api"], "{checked:?}");
}
