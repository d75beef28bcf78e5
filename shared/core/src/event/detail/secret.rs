//! Successful rotations in AWS Secrets Manager, as reported by CloudTrail.

use serde::Deserialize;
use serde_json::Value;

/// A secret that has been rotated.
#[derive(Debug, Clone)]
pub struct SecretRotated {
    pub secret_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceEvent {
    #[serde(default)]
    event_source: String,
    #[serde(default)]
    event_name: String,
    // The ARN's location depends on the rotation: by the user's function, by RDS, or unspecified.
    additional_event_data: Option<Value>,
    #[serde(rename = "serviceEventDetails")]
    details: Option<Value>,
    response_elements: Option<Value>,
}

/// Parses the rotation from `AWS Service Event via CloudTrail`; `None` for any other event.
pub(crate) fn parse_rotation(detail: &Value) -> Option<SecretRotated> {
    let event = ServiceEvent::deserialize(detail).ok()?;
    if event.event_source != "secretsmanager.amazonaws.com"
        || event.event_name != "RotationSucceeded"
    {
        return None;
    }
    let text = |part: &Option<Value>, key: &str| {
        part.as_ref()
            .and_then(|p| p.get(key))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let secret_arn = text(&event.additional_event_data, "SecretId")
        .or_else(|| text(&event.details, "secretId"))
        .or_else(|| text(&event.response_elements, "arn"))?;
    Some(SecretRotated { secret_arn })
}

impl SecretRotated {
    /// Reports whether a task definition's reference (`valueFrom`, `credentialsParameter`) points
    /// to this secret.
    ///
    /// The reference is the full ARN, the ARN without its six random characters, or the bare name.
    /// An ARN may be followed by `:json-key:version-stage:version-id`.
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html>
    #[must_use]
    pub fn matches_reference(&self, reference: &str) -> bool {
        let full = extract_secret_name(&self.secret_arn);
        let partial = full
            .rsplit_once('-')
            .filter(|(_, random)| random.len() == 6)
            .map_or(full, |(name, _)| name);
        let same_place = |reference: &str| {
            let place = |arn: &str| {
                arn.split(':')
                    .skip(3)
                    .take(2)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            place(reference) == place(&self.secret_arn)
        };
        let named = extract_secret_name(reference);
        (named == full || named == partial)
            && (!reference.starts_with("arn:") || same_place(reference))
    }
}

/// Extracts the name of a secret, such as `prod/db-AbCdEf`, from a reference.
///
/// Example: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf:password::`.
fn extract_secret_name(reference: &str) -> &str {
    let rest = reference
        .split_once(":secret:")
        .map_or(reference, |(_, rest)| rest);
    rest.split(':').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::full(
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf",
        true
    )]
    #[case::partial("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db", true)]
    #[case::json_key(
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf:password::",
        true
    )]
    #[case::partial_with_key(
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db:password:AWSCURRENT:",
        true
    )]
    #[case::bare_name("prod/db", true)]
    #[case::longer_name(
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-replica-AbCdEf",
        false
    )]
    #[case::other_account(
        "arn:aws:secretsmanager:eu-west-1:210987654321:secret:prod/db-AbCdEf",
        false
    )]
    #[case::parameter("arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db", false)]
    fn knows_its_readers(#[case] reference: &str, #[case] reads: bool) {
        let secret = SecretRotated {
            secret_arn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
                .into(),
        };
        assert_eq!(secret.matches_reference(reference), reads);
    }
}
