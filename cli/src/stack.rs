//! Finds the stack in the user's account and region.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{Stack as Description, StackStatus};
use lamplighter::model::Arn;
use lamplighter::policy::suggest_name;
use lamplighter_aws::build_public_http_client;

use crate::arguments::Account;
use crate::error::CommandError;
use crate::failure::describe_failure;

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
    if let Some(url) = &account.request_url {
        for stack in &mut stacks {
            stack.request_url = Some(url.clone());
        }
    }
    // An empty variable is as good as none.
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
        let page = page.map_err(|error| {
            describe_failure(
                "DescribeStacks",
                "Allow cloudformation:DescribeStacks on *",
                &error,
            )
        })?;
        let described = page.stacks().iter();
        stacks.extend(described.filter_map(|stack| read_stack(stack, region)));
    }
    stacks.sort_by(|a: &Stack, b| a.name.cmp(&b.name));
    Ok(stacks)
}

fn read_stack(described: &Description, region: &str) -> Option<Stack> {
    let name = described.stack_name()?;
    let function = find_output(described, DIGEST_FUNCTION)?;
    // Whoever may create a stack chooses its outputs: only functions of the stack itself are asked.
    if !is_function_of(&function, name) || is_gone(described) {
        return None;
    }
    let dns_suffix = Arn::new(described.stack_id()?).dns_suffix();
    Some(Stack {
        name: name.to_owned(),
        region: region.to_owned(),
        dns_suffix,
        digest_function: function,
        dead_letters_url: find_output(described, DEAD_LETTERS_URL)?,
        topic: find_output(described, TOPIC)?,
        request_url: find_output(described, REQUEST_URL)
            .filter(|url| is_api(url, region, dns_suffix)),
    })
}

/// Reports whether a function belongs to a stack: CloudFormation names it after the stack.
fn is_function_of(function: &str, stack: &str) -> bool {
    let is_name = function
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    let rest = function.strip_prefix(stack);
    is_name && rest.is_some_and(|rest| rest.starts_with('-'))
}

/// Reports whether an address is an API of API Gateway in the region: calls of it are signed with the user's session.
fn is_api(url: &str, region: &str, dns_suffix: &str) -> bool {
    let host = url
        .strip_prefix("https://")
        .and_then(|rest| rest.split('/').next());
    let id =
        host.and_then(|host| host.strip_suffix(&format!(".execute-api.{region}.{dns_suffix}")));
    id.is_some_and(|id| !id.is_empty() && id.chars().all(|letter| letter.is_ascii_alphanumeric()))
}

fn is_gone(described: &Description) -> bool {
    let status = described.stack_status().map(StackStatus::as_str);
    status.is_some_and(|status| status.starts_with("DELETE_"))
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
    #[case::its_own("lamplighter-Digest-1A2B3C", true)]
    #[case::of_another_stack("billing-Charge-1A2B3C", false)]
    #[case::a_longer_name("lamplighterx-Digest", false)]
    #[case::a_path("lamplighter-Digest/../x", false)]
    fn only_a_function_of_the_stack_is_asked(#[case] function: &str, #[case] expected: bool) {
        assert_eq!(is_function_of(function, "lamplighter"), expected);
    }

    #[rstest]
    #[case::an_api("https://a1b2c3.execute-api.eu-west-1.amazonaws.com/", true)]
    #[case::in_another_partition("https://a1b2c3.execute-api.eu-west-1.amazonaws.com.cn/", false)]
    #[case::another_region("https://a1b2c3.execute-api.us-east-1.amazonaws.com/", false)]
    #[case::another_host("https://example.com/", false)]
    #[case::a_look_alike(
        "https://a1b2c3.execute-api.eu-west-1.amazonaws.com@example.com/",
        false
    )]
    #[case::without_a_name("https://.execute-api.eu-west-1.amazonaws.com/", false)]
    #[case::not_encrypted("http://a1b2c3.execute-api.eu-west-1.amazonaws.com/", false)]
    fn only_an_api_of_the_region_gets_requests(#[case] url: &str, #[case] expected: bool) {
        assert_eq!(is_api(url, "eu-west-1", "amazonaws.com"), expected);
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
