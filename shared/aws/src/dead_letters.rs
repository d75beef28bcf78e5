//! Amazon SQS: the dead-letter queue, whose messages are sent again.
//!
//! The redrive of SQS itself doesn't serve: it moves a message to the queue that it came from, and Lambda and EventBridge
//! are no queues.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};

use super::Config;
use super::error::aws_error;
use super::function::Functions;
use lamplighter::AwsError;
use lamplighter::event::dead_letter::{DeadLetter, Recipient};

/// The most messages of one call.
const PER_CALL: i32 = 10;
/// The most calls of one redrive. What is left is for the next one.
const MAX_CALLS: usize = 10;
/// The seconds for which a received message is hidden from others. What can't be sent again reappears after them.
const HIDDEN_SECONDS: i32 = 120;
/// The seconds to wait for messages. Without a wait, SQS asks only some of its servers, and an empty answer means nothing.
const WAIT_SECONDS: i32 = 1;

/// The queues between which messages move, and the stack whose functions may be invoked.
#[derive(Debug, Clone, Default)]
pub struct Queues {
    /// The addresses of the queues.
    pub dead_letters: String,
    pub notifications: String,
    pub stack: String,
}

/// Counts the visible messages of the dead-letter queue.
///
/// # Errors
/// [`AwsError`] if the call fails.
pub async fn count_messages(client: &Client, queues: &Queues) -> Result<u64, AwsError> {
    const CALL: &str = "GetQueueAttributes";
    let name = QueueAttributeName::ApproximateNumberOfMessages;
    let request = client
        .get_queue_attributes()
        .queue_url(&queues.dead_letters)
        .attribute_names(name.clone());
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error(CALL, "dead letters", &e))?;
    let attributes = answer.attributes.unwrap_or_default();
    let count = attributes.get(&name).and_then(|count| count.parse().ok());
    Ok(count.unwrap_or_default())
}

/// Sends the messages of the dead-letter queue again, up to 100. Each is deleted only after its recipient accepted it: one
/// that is interrupted in between is sent twice. Returns what was done.
///
/// # Errors
/// [`AwsError`] if the queue can't be read, or a recipient can't be reached. What is in the queue stays.
pub async fn redrive(
    client: &Client,
    config: &Config,
    queues: &Queues,
) -> Result<String, AwsError> {
    let functions = Functions::new(config.clone());
    let mut sent = 0_u32;
    let mut left = BTreeMap::<String, u32>::new();
    for _ in 0..MAX_CALLS {
        let messages = receive(client, queues).await?;
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let recipient = parse(&message).find_recipient(&queues.stack);
            let result = match recipient {
                Ok(recipient) => send_again(client, &functions, queues, recipient).await,
                Err(problem) => {
                    *left.entry(problem).or_default() += 1;
                    continue;
                }
            };
            match result {
                Ok(()) => {
                    delete(client, queues, &message).await?;
                    sent += 1;
                }
                // One that is refused, such as for a function that is gone, holds back no other.
                Err(error) if error.refused => *left.entry(error.to_string()).or_default() += 1,
                Err(error) => return Err(error),
            }
        }
    }
    let left: Vec<String> = left
        .into_iter()
        .map(|(problem, count)| format!("; {count} stay: {problem}"))
        .collect();
    Ok(format!("{sent} sent again{}", left.concat()))
}

async fn receive(client: &Client, queues: &Queues) -> Result<Vec<Message>, AwsError> {
    let request = client
        .receive_message()
        .queue_url(&queues.dead_letters)
        .max_number_of_messages(PER_CALL)
        .visibility_timeout(HIDDEN_SECONDS)
        .wait_time_seconds(WAIT_SECONDS)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::DeadLetterQueueSourceArn);
    let answer = request.send().await;
    let answer = answer.map_err(|e| aws_error("ReceiveMessage", "dead letters", &e))?;
    Ok(answer.messages.unwrap_or_default())
}

fn parse(message: &Message) -> DeadLetter {
    let own = message.message_attributes.iter().flatten();
    let own = own.filter_map(|(name, value)| Some((name.clone(), value.string_value.clone()?)));
    let system = message.attributes.iter().flatten();
    let system = system.map(|(name, value)| (name.as_str().to_owned(), value.clone()));
    DeadLetter {
        body: message.body.clone().unwrap_or_default(),
        attributes: own.chain(system).collect(),
    }
}

async fn send_again(
    client: &Client,
    functions: &Functions,
    queues: &Queues,
    recipient: Recipient,
) -> Result<(), AwsError> {
    match recipient {
        Recipient::Function(function, payload) => functions.invoke_later(&function, &payload).await,
        Recipient::Notifications(body) => {
            let request = client
                .send_message()
                .queue_url(&queues.notifications)
                .message_body(body);
            let answer = request.send().await;
            answer
                .map(drop)
                .map_err(|e| aws_error("SendMessage", "notices", &e))
        }
    }
}

async fn delete(client: &Client, queues: &Queues, message: &Message) -> Result<(), AwsError> {
    let request = client
        .delete_message()
        .queue_url(&queues.dead_letters)
        .set_receipt_handle(message.receipt_handle.clone());
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("DeleteMessage", "dead letters", &e))
}
