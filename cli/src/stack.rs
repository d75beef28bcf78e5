//! Finds the stack in the user's account and region.

use std::error::Error;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::Stack as Description;
use lamplighter::model::Arn;
use lamplighter::policy::suggest_name;
use lamplighter_aws::build_public_http_client;

use crate::arguments::Account;
use crate::error::CommandError;

/// The outputs of a stack that the command needs.
const DIGEST_FUNCTION: &str = "DigestFunction";
const REQUEST_URL: &str = "RequestUrl";
const DEAD_LETTERS_URL: &str = "DeadLettersUrl";
const TOPIC: &str = "TopicArn";

/// A stack with Lamplighter, and how to reach it.
#[derive(Debug, Clone)]
pub struct Stack {
    pub name: String,
    pub region: String,
    /// The domain of AWS in the partition of the stack.
    pub dns_suffix: &'static str,
    /// The name of the function that answers questions.
    pub digest_function: String,
    /// The address of the queue with the events that failed all retries.
    pub dead_letters_url: String,
    /// The ARN of the topic for notifications.
    pub topic: String,
    /// The address of the API for requests; `None` if the stack has none.
    pub request_url: Option<String>,
}

/// Loads the configuration of the user: profile, session, region and certificates.
///
/// # Errors
/// [`CommandError`] without a region, or if the certificates can't be read.
pub async fn load_configuration(account: &Account) -> Result<SdkConfig, CommandError> {
    let http = build_public_http_client();
    let http = http.map_err(|error| CommandError::Machine(error.to_string()))?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    if let Some(profile) = &account.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &account.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let configuration = loader.load().await;
    match configuration.region() {
        Some(_) => Ok(configuration),
        None => Err(CommandError::NoRegion),
    }
}

/// Finds the stack that the arguments name, or the only one.
///
/// # Errors
/// [`CommandError`] if there is none or there are several, or if CloudFormation can't be asked.
pub async fn find_stack(
    account: &Account,
    configuration: &SdkConfig,
) -> Result<Stack, CommandError> {
    let region = configuration.region().map(Region::to_string);
    let region = region.unwrap_or_default();
    let mut stacks = list_stacks(configuration, &region).await?;
    // An empty variable is as good as none.
    let own = account.request_url.as_ref().filter(|url| !url.is_empty());
    if let Some(url) = own {
        for stack in &mut stacks {
            stack.request_url = Some(url.clone());
        }
    }
    select_stack(
        stacks,
        account.stack.as_deref().filter(|name| !name.is_empty()),
        region,
    )
}

/// Lists the stacks of the region that have Lamplighter's outputs.
async fn list_stacks(configuration: &SdkConfig, region: &str) -> Result<Vec<Stack>, CommandError> {
    let client = Client::new(configuration);
    let mut pages = client.describe_stacks().into_paginator().send();
    let mut stacks = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| describe_failure(&error))?;
        let described = page.stacks().iter();
        stacks.extend(described.filter_map(|stack| read_stack(stack, region)));
    }
    stacks.sort_by(|a: &Stack, b| a.name.cmp(&b.name));
    Ok(stacks)
}

/// Says why CloudFormation can't be asked, and what helps.
fn describe_failure<E: ProvideErrorMetadata + Error>(error: &E) -> CommandError {
    let mut chain = Vec::new();
    let mut cause = error.source();
    while let Some(source) = cause {
        chain.push(source.to_string());
        cause = source.source();
    }
    let has_no_credentials = chain.iter().any(|cause| cause.contains("credential"));
    let code = error.code().unwrap_or_default();
    let remedy = if has_no_credentials {
        ". Sign in, for instance by aws sso login, and pass --profile or set AWS_PROFILE"
    } else if code.contains("AccessDenied") {
        ". Allow cloudformation:DescribeStacks on *"
    } else {
        ""
    };
    let problem = match error.message() {
        Some(message) => format!("{code}: {message}"),
        None if has_no_credentials => "no valid credentials".to_owned(),
        None => chain.last().cloned().unwrap_or_else(|| error.to_string()),
    };
    CommandError::Aws {
        call: "DescribeStacks",
        problem,
        remedy: remedy.to_owned(),
    }
}

fn read_stack(described: &Description, region: &str) -> Option<Stack> {
    Some(Stack {
        name: described.stack_name()?.to_owned(),
        region: region.to_owned(),
        dns_suffix: Arn::new(described.stack_id()?).dns_suffix(),
        digest_function: find_output(described, DIGEST_FUNCTION)?,
        dead_letters_url: find_output(described, DEAD_LETTERS_URL)?,
        topic: find_output(described, TOPIC)?,
        request_url: find_output(described, REQUEST_URL),
    })
}

fn find_output(described: &Description, key: &str) -> Option<String> {
    let mut outputs = described.outputs().iter();
    let output = outputs.find(|output| output.output_key() == Some(key))?;
    output.output_value().map(str::to_owned)
}

fn select_stack(
    mut stacks: Vec<Stack>,
    wanted: Option<&str>,
    region: String,
) -> Result<Stack, CommandError> {
    let names: Vec<String> = stacks.iter().map(|stack| stack.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Some(wanted) = wanted else {
        return match stacks.len() {
            0 => Err(CommandError::NoStack { region }),
            1 => Ok(stacks.remove(0)),
            _ => Err(CommandError::SeveralStacks {
                region,
                names: names.join(", "),
            }),
        };
    };
    match stacks.iter().position(|stack| stack.name == wanted) {
        Some(position) => Ok(stacks.remove(position)),
        None => Err(CommandError::UnknownStack {
            name: wanted.to_owned(),
            region,
            hint: suggest_stack(wanted, &names),
        }),
    }
}

fn suggest_stack(wanted: &str, names: &[&str]) -> String {
    let suggestion = suggest_name(wanted, names);
    if suggestion.is_empty() && !names.is_empty() {
        format!("; there is {}", names.join(", "))
    } else {
        suggestion
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn stack(name: &str) -> Stack {
        Stack {
            name: name.to_owned(),
            region: "eu-west-1".to_owned(),
            dns_suffix: "amazonaws.com",
            digest_function: format!("{name}-Digest"),
            dead_letters_url: String::new(),
            topic: String::new(),
            request_url: None,
        }
    }

    #[rstest]
    #[case::the_only_one(&["lamplighter"], None, Ok("lamplighter"))]
    #[case::the_named_one(&["live", "test"], Some("test"), Ok("test"))]
    #[case::none(&[], None, Err("no Lamplighter stack in eu-west-1"))]
    #[case::several(&["live", "test"], None, Err("pass --stack with one of live, test"))]
    #[case::misspelt(&["live", "test"], Some("tset"), Err("; did you mean test?"))]
    #[case::unknown(&["live"], Some("billing"), Err("; there is live"))]
    fn the_stack_is_found(
        #[case] names: &[&str],
        #[case] wanted: Option<&str>,
        #[case] expected: Result<&str, &str>,
    ) {
        let stacks = names.iter().map(|name| stack(name)).collect();
        let found = select_stack(stacks, wanted, "eu-west-1".to_owned());
        match (found, expected) {
            (Ok(found), Ok(name)) => assert_eq!(found.name, name),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
}
