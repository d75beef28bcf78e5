//! What it takes from a notice to its message, and for the page of a day.

use e2e::testkit::alerts::notice;
use e2e::testkit::stack::Stack;
use serde_json::{Value, json};

use crate::lambda::Lambda;
use crate::subjects::Subject;
use crate::{counted, median};

/// New incidents that are told one by one: fewer than the messages of a minute.
const TOLD: usize = 5;
/// Before each message to a topic there is a pause, in milliseconds: `alert/src/channels.rs`.
const PAUSE: f64 = 250.0;

/// One notice that is told, a hundred of one incident, and a turn with nothing to tell.
pub fn told(alert: &Subject, stack: &Stack) -> Result<(), String> {
    let mut lambda = Lambda::start(alert, &stack.environment("act"));
    let one = |n: usize| {
        vec![notice(
            &format!("bench{n}"),
            "warning",
            "crashes",
            &json!({"fires": "heal"}),
        )]
    };
    let many = (0..100)
        .map(|n| notice("bench0", "info", &format!("line {n}"), &json!({})))
        .collect();
    println!(
        "\nfrom a batch of the queue to its messages, local stack; the queue gathers for up to 30 s before"
    );
    let before = stack.function_calls().len();
    let first = lambda.invoke(&batch(one(0)))?;
    let calls = counted(stack.function_calls().split_off(before));
    let warm = median(
        (1..TOLD)
            .map(|n| lambda.invoke(&batch(one(n))))
            .collect::<Result<_, _>>()?,
    );
    println!(
        "  one notice, told: first {:.1} ms, warm {:.1} ms beside a pause of {PAUSE} ms; {calls}",
        first - PAUSE,
        warm - PAUSE
    );
    let hundred = lambda.invoke(&batch(many))?;
    println!(
        "  a hundred notices of one incident, told as news after the interval: {hundred:.1} ms"
    );
    let before = stack.function_calls().len();
    let calm = lambda.invoke(&json!({}))?;
    let calls = counted(stack.function_calls().split_off(before));
    println!(
        "  a minute with nothing to tell: {calm:.1} ms; {calls}; {:.1} MiB in all",
        lambda.peak_mib()
    );
    Ok(())
}

/// The page of today.
pub fn page(digest: &Subject, stack: &Stack) -> Result<(), String> {
    let mut lambda = Lambda::start(digest, &stack.environment("act"));
    let today = jiff::Timestamp::now().strftime("%F").to_string();
    let before = stack.function_calls().len();
    let first = lambda.invoke(&json!({"day": today}))?;
    let calls = counted(stack.function_calls().split_off(before));
    let warm = median(
        (0..11)
            .map(|_| lambda.invoke(&json!({"day": today})))
            .collect::<Result<_, _>>()?,
    );
    println!(
        "\nthe page of a day: first {first:.1} ms, warm {warm:.1} ms, {:.1} MiB; {calls}",
        lambda.peak_mib()
    );
    Ok(())
}

fn batch(notices: Vec<Value>) -> Value {
    let record = |(n, notice): (usize, Value)| {
        json!({"messageId": format!("{n}"), "receiptHandle": "h", "body": notice.to_string(), "attributes": {},
               "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "awsRegion": "eu-west-1",
               "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:notices"})
    };
    json!({"Records": notices.into_iter().enumerate().map(record).collect::<Vec<_>>()})
}
