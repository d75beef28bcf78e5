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
    let secret_arn = get_text(event.additional_event_data.as_ref(), "SecretId")
        .or_else(|| get_text(event.details.as_ref(), "secretId"))
        .or_else(|| get_text(event.response_elements.as_ref(), "arn"))?;
    Some(SecretRotated {
        secret_arn: secret_arn.to_owned(),
    })
}

fn get_text<'a>(part: Option<&'a Value>, key: &str) -> Option<&'a str> {
    part?.get(key)?.as_str()
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
        let name = extract_secret_name(reference);
        let is_here = !reference.starts_with("arn:")
            || region_and_account(reference).eq(region_and_account(&self.secret_arn));
        (name == full || name == partial) && is_here
    }
}

/// Returns the region and the account of an ARN.
fn region_and_account(arn: &str) -> impl Iterator<Item = &str> {
    arn.split(':').skip(3).take(2)
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
    fn matches_references_in_every_form(#[case] reference: &str, #[case] reads: bool) {
        let secret = SecretRotated {
            secret_arn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
                .into(),
        };
        assert_eq!(secret.matches_reference(reference), reads);
    }
}
