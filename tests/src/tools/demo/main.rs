//! `cargo demo`: the main job, on the local stack, told as it happens.

mod archive;
mod backups;
mod healing;
mod load;
mod people;
mod releases;
mod scenes;
mod stage;
mod story;

use std::process::ExitCode;

use e2e::testkit::ledger::journal;
use e2e::testkit::stack::Stack;
use serde_json::{Value, json};

use scenes::SCENES;
use stage::Stage;
use story::Story;

const USAGE: &str = "usage: cargo demo [--keep] [--json] [--port N]

  --keep    leave the stack running and print how to look around with the AWS CLI
  --json    print the ledger as JSON instead of the story
  --port N  use this port of 127.0.0.1 instead of a free one";

#[derive(Debug, Default)]
struct Options {
    keep: bool,
    json: bool,
    port: u16,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--keep" => options.keep = true,
            "--json" => options.json = true,
            "--port" => {
                let port = words.next().and_then(|port| port.parse().ok());
                options.port = port
                    .ok_or_else(|| format!("--port needs a number from 1 to 65535\n\n{USAGE}"))?;
            }
            "--help" | "-h" => return Err(USAGE.to_owned()),
            other => return Err(format!("unknown option {other}\n\n{USAGE}")),
        }
    }
    Ok(options)
}

/// Whether every scene was proven.
fn run(options: &Options) -> Result<bool, String> {
    let stack = Stack::start_on(
        options.port,
        &[
            ("DrillVpc", "vpc-0123456789abcdef0"),
            ("ChannelsSecret", people::SECRET),
            ("DigestHour", "0"),
        ],
    )?;
    people::with_slack(&stack)?;
    let story = Story::new(!options.json);
    story.line(
        "stack",
        &format!("infra/template.yaml is deployed on {}", stack.endpoint()),
    );
    let mut stage = Stage::new(&stack, story);
    let results: Vec<(&str, Result<(), String>)> = SCENES
        .iter()
        .map(|scene| (scene.proves, stage.play(scene)))
        .collect();
    let proven = results.iter().filter(|(_, result)| result.is_ok()).count();
    if options.json {
        story::print(&Value::from(journal(&stack)).to_string());
    } else {
        stage.story.table(&results);
    }
    if options.keep {
        keep(stack);
    }
    Ok(proven == results.len())
}

fn keep(stack: Stack) {
    let table = stack.output("LedgerTable");
    let values = json!({":day": {"S": jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()}});
    eprintln!(
        "
The stack runs on {endpoint} until you press Ctrl-C. Three things to try:

  export AWS_ENDPOINT_URL={endpoint} AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=123456789012 AWS_SECRET_ACCESS_KEY=local

  aws ecs describe-services --cluster shop --services web --query 'services[0].deployments[0].taskDefinition'
  aws dynamodb query --table-name {table} --index-name by-day --key-condition-expression '#d = :day' \\
      --expression-attribute-names '{{\"#d\": \"day\"}}' --expression-attribute-values '{values}' --query 'Items[].record.S'
  aws ecs tag-resource --resource-arn arn:aws:ecs:eu-west-1:123456789012:service/shop/web \\
      --tags '[{{\"key\": \"lamplighter:deploy\", \"value\": \"tga=latest\"}}]'    # then: curl -X POST {endpoint}/_stack/mail",
        endpoint = stack.endpoint(),
    );
    stack.keep();
}
