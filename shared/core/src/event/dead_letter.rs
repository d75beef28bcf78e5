//! Messages of the dead-letter queue: what failed, and where it can be sent again.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Function;
use crate::model::Arn;

/// A message of the dead-letter queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetter {
    pub body: String,
    /// Its attributes: those that EventBridge sets, and those of SQS itself.
    pub attributes: BTreeMap<String, String>,
}

/// Where a dead letter can be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A function of the stack, with the payload of its invocation.
    Function(Arn, Value),
    /// The queue of notifications, with the text of the message.
    Notifications(String),
}

impl DeadLetter {
    /// Finds the recipient of a dead letter, which belongs to the stack.
    ///
    /// | written by | form |
    /// |---|---|
    /// | Lambda, after an asynchronous invocation failed | `requestContext.functionArn` and `requestPayload` |
    /// | EventBridge, if it could not reach a target | the event, with the attribute `TARGET_ARN` |
    /// | SQS, after `alert` failed with a notification | the notification, with `DeadLetterQueueSourceArn` |
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>,
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>
    ///
    /// # Errors
    /// Why there is none.
    pub fn find_recipient(&self, stack: &str) -> Result<Recipient, String> {
        let document: Value = serde_json::from_str(&self.body)
            .map_err(|error| format!("its body is not JSON: {error}"))?;
        // What SQS itself says comes first: the body is that of a sender.
        if self.attributes.contains_key("DeadLetterQueueSourceArn") {
            return Ok(Recipient::Notifications(self.body.clone()));
        }
        let function = document
            .pointer("/requestContext/functionArn")
            .and_then(Value::as_str);
        if let Some(function) = function {
            let payload = document
                .get("requestPayload")
                .cloned()
                .ok_or("Lambda left out its payload, which was too large")?;
            return build_invocation(function, payload, stack);
        }
        if let Some(target) = self.attributes.get("TARGET_ARN") {
            return if Arn::new(target).service() == "sqs" {
                Ok(Recipient::Notifications(self.body.clone()))
            } else {
                build_invocation(target, document, stack)
            };
        }
        Err("nothing says what failed with it".to_owned())
    }
}

/// Builds the invocation of a function of the stack, without the version in its ARN.
fn build_invocation(function: &str, payload: Value, stack: &str) -> Result<Recipient, String> {
    let arn = Arn::new(function);
    let name = arn.resource().strip_prefix("function:").unwrap_or_default();
    let name = name.split(':').next().unwrap_or_default();
    if arn.service() != "lambda" || !is_repeatable(name, stack) {
        return Err(format!(
            "{function} is no function of the stack {stack} that takes events again"
        ));
    }
    let version = arn.resource().len() - "function:".len() - name.len();
    let whole = function.get(..function.len() - version).unwrap_or(function);
    Ok(Recipient::Function(Arn::new(whole), payload))
}

/// Reports whether a name is that of a function of the stack that takes events: `lamplighter-Deploy-1A2B3C`. The functions that
/// believe who calls them, or face the internet, are none of them.
fn is_repeatable(name: &str, stack: &str) -> bool {
    let name = name
        .strip_prefix(stack)
        .and_then(|rest| rest.strip_prefix('-'));
    let Some((logical_id, _)) = name.and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    let function = Function::ALL
        .into_iter()
        .find(|function| function.logical_id() == logical_id);
    match function {
        Some(Function::Request | Function::Acknowledge | Function::Interact) | None => false,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const DEPLOY: &str = "arn:aws:lambda:eu-west-1:123456789012:function:lamplighter-Deploy-1A2B";

    fn letter(body: &Value, attributes: &[(&str, &str)]) -> DeadLetter {
        let attributes = attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        DeadLetter {
            body: body.to_string(),
            attributes: attributes.collect(),
        }
    }

    fn failed(function: &str) -> Value {
        json!({
            "version": "1.0",
            "requestContext": {"functionArn": function, "condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": {"source": "aws.ecr"},
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        })
    }

    fn invocation(payload: Value) -> Recipient {
        Recipient::Function(Arn::new(DEPLOY), payload)
    }

    #[rstest]
    #[case::with_version(format!("{DEPLOY}:$LATEST"))]
    #[case::without_version(DEPLOY.to_owned())]
    fn a_failed_invocation_is_repeated(#[case] function: String) {
        let letter = letter(&failed(&function), &[]);
        assert_eq!(
            letter.find_recipient("lamplighter"),
            Ok(invocation(json!({"source": "aws.ecr"})))
        );
    }

    #[test]
    fn what_event_bridge_could_not_deliver_goes_to_its_target() {
        let event = json!({"source": "aws.ecr"});
        let to_function = letter(
            &event,
            &[("TARGET_ARN", DEPLOY), ("ERROR_CODE", "NO_PERMISSIONS")],
        );
        assert_eq!(
            to_function.find_recipient("lamplighter"),
            Ok(invocation(event.clone()))
        );
        let queue = "arn:aws:sqs:eu-west-1:123456789012:lamplighter-Notifications-1A2B";
        // Whatever its sender wrote, a notification stays one.
        let forged = failed(DEPLOY);
        for (attribute, body) in [
            ("TARGET_ARN", &event),
            ("DeadLetterQueueSourceArn", &forged),
        ] {
            let to_queue = letter(body, &[(attribute, queue)]);
            assert_eq!(
                to_queue.find_recipient("lamplighter"),
                Ok(Recipient::Notifications(body.to_string()))
            );
        }
    }

    #[rstest]
    #[case::other_stack(
        failed("arn:aws:lambda:eu-west-1:123456789012:function:payments-Charge"),
        "no function of the stack"
    )]
    #[case::longer_name(
        failed("arn:aws:lambda:eu-west-1:123456789012:function:lamplighterx-Deploy"),
        "no function of the stack"
    )]
    #[case::stack_with_longer_name(
        failed("arn:aws:lambda:eu-west-1:123456789012:function:lamplighter-prod-Deploy-1A2B"),
        "no function of the stack"
    )]
    #[case::believes_its_caller(
        failed("arn:aws:lambda:eu-west-1:123456789012:function:lamplighter-Request-1A2B"),
        "no function of the stack"
    )]
    #[case::no_payload(json!({"requestContext": {"functionArn": DEPLOY}}), "left out its payload")]
    #[case::unknown(json!({"hello": "world"}), "nothing says")]
    fn anything_else_stays(#[case] body: Value, #[case] problem: &str) {
        let refused = letter(&body, &[])
            .find_recipient("lamplighter")
            .unwrap_err();
        assert!(refused.contains(problem), "{refused}");
    }
}
