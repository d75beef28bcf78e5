//! Reads whether a stack works from AWS itself, with the user's own permissions.

use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::stack::Stack;

/// How the names of the template's alarms begin, after that of the stack.
pub const OWN_ALARMS: [&str; 4] = ["alert-fails", "dead-letters", "silent-", "undelivered"];

/// The result of a call, or why there is none.
pub type Reading<T> = Result<T, Unread>;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    pub problem: String,
    /// A remedy.
    pub fix: String,
}

/// The health of a stack, as AWS shows it.
#[derive(Debug, Clone)]
pub struct Health {
    /// The names of the stack's own alarms in ALARM.
    pub firing_alarms: Reading<Vec<String>>,
    /// The number of events that failed all retries, as SQS estimates it.
    pub dead_letters: Reading<u64>,
    pub subscriptions: Reading<Subscriptions>,
}

/// The subscriptions to the topic of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscriptions {
    pub confirmed: usize,
    /// The addresses that have not been confirmed.
    pub waiting: Vec<String>,
}

impl Health {
    /// Reads all that the user may read.
    pub async fn read(configuration: &SdkConfig, stack: &Stack) -> Self {
        Self {
            firing_alarms: list_firing_alarms(configuration, &stack.name).await,
            dead_letters: count_dead_letters(configuration, &stack.dead_letters_url).await,
            subscriptions: list_subscriptions(configuration, &stack.topic).await,
        }
    }
}

/// Lists the alarms of the stack itself: CloudFormation names them after it.
async fn list_firing_alarms(configuration: &SdkConfig, stack: &str) -> Reading<Vec<String>> {
    let client = aws_sdk_cloudwatch::Client::new(configuration);
    let mut pages = client
        .describe_alarms()
        .alarm_name_prefix(format!("{stack}-"))
        .state_value(StateValue::Alarm)
        .into_paginator()
        .send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fail("cloudwatch:DescribeAlarms", &error))?;
        let alarms = page.metric_alarms.unwrap_or_default().into_iter();
        let found = alarms.filter_map(|alarm| alarm.alarm_name);
        names.extend(found.filter(|name| is_of_stack(name, stack)));
    }
    Ok(names)
}

/// Reports whether an alarm is one of the template's for a stack. Another stack may have a longer name.
fn is_of_stack(alarm: &str, stack: &str) -> bool {
    let rest = alarm
        .strip_prefix(stack)
        .and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| OWN_ALARMS.iter().any(|own| rest.starts_with(own)))
}

async fn count_dead_letters(configuration: &SdkConfig, url: &str) -> Reading<u64> {
    let client = aws_sdk_sqs::Client::new(configuration);
    let name = QueueAttributeName::ApproximateNumberOfMessages;
    let request = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(name.clone());
    let answer = request.send().await;
    let answer = answer.map_err(|error| fail("sqs:GetQueueAttributes", &error))?;
    let attributes = answer.attributes.unwrap_or_default();
    let count = attributes.get(&name).and_then(|count| count.parse().ok());
    Ok(count.unwrap_or_default())
}

async fn list_subscriptions(configuration: &SdkConfig, topic: &str) -> Reading<Subscriptions> {
    let client = aws_sdk_sns::Client::new(configuration);
    let mut pages = client
        .list_subscriptions_by_topic()
        .topic_arn(topic)
        .into_paginator()
        .send();
    let mut found = Subscriptions::default();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fail("sns:ListSubscriptionsByTopic", &error))?;
        for subscription in page.subscriptions.unwrap_or_default() {
            match subscription.subscription_arn.as_deref() {
                Some("PendingConfirmation") => found.waiting.extend(subscription.endpoint),
                Some("Deleted") => {}
                _ => found.confirmed += 1,
            }
        }
    }
    Ok(found)
}

fn fail(permission: &str, error: &impl ProvideErrorMetadata) -> Unread {
    let Some(code) = error.code() else {
        return Unread {
            problem: "no answer".to_owned(),
            fix: "Check the network.".to_owned(),
        };
    };
    let fix = if code.contains("AccessDenied") || code.contains("AuthorizationError") {
        format!("Allow {permission} to see it.")
    } else {
        "Try it again.".to_owned()
    };
    let message = error.message().unwrap_or_default();
    Unread {
        problem: format!("{code}: {message}"),
        fix,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::its_own("lamplighter-silent-scale", true)]
    #[case::of_a_longer_name("lamplighter-test-silent-scale", false)]
    #[case::of_another("billing-dead-letters", false)]
    fn an_alarm_belongs_to_a_stack(#[case] alarm: &str, #[case] expected: bool) {
        assert_eq!(is_of_stack(alarm, "lamplighter"), expected);
    }
}
