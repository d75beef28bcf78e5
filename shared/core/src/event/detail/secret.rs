//! Changes of the values that tasks read when they start: secrets in AWS Secrets Manager, and parameters in Parameter Store.

use serde::Deserialize;
use serde_json::Value;

/// A secret or parameter with a new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretChange {
    /// The ARN of the secret or parameter.
    pub arn: String,
    pub kind: SecretChangeKind,
}

/// How the value changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretChangeKind {
    /// A rotation has succeeded, as CloudTrail reports it.
    Rotation,
    /// The label `AWSCURRENT` has moved to another version, as Secrets Manager itself reports it.
    NewVersion,
    /// A parameter was updated, as Systems Manager itself reports it.
    Parameter,
}

/// The label of the version that readers get.
const CURRENT_LABEL: &str = "AWSCURRENT";

/// Parses an event about a secret or parameter by its detail type; `None` unless a value changed.
pub(crate) fn parse_change(
    detail_type: &str,
    detail: &Value,
    resources: &[String],
) -> Option<SecretChange> {
    match detail_type {
        "Secret Label Updated" => parse_new_version(detail, resources),
        "Parameter Store Change" => parse_parameter_change(detail, resources),
        _ => parse_rotation(detail),
    }
}

/// Parses `Secret Label Updated`; `None` if another label moved.
/// Source: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html>
fn parse_new_version(detail: &Value, resources: &[String]) -> Option<SecretChange> {
    let label = detail.get("labelUpdated").and_then(Value::as_str);
    let arn = resources.first().filter(|_| label == Some(CURRENT_LABEL))?;
    Some(SecretChange {
        arn: arn.clone(),
        kind: SecretChangeKind::NewVersion,
    })
}

/// Parses `Parameter Store Change`; `None` unless a value was updated.
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html>
fn parse_parameter_change(detail: &Value, resources: &[String]) -> Option<SecretChange> {
    let operation = detail.get("operation").and_then(Value::as_str);
    let arn = resources.first().filter(|_| operation == Some("Update"))?;
    Some(SecretChange {
        arn: arn.clone(),
        kind: SecretChangeKind::Parameter,
    })
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
fn parse_rotation(detail: &Value) -> Option<SecretChange> {
    let event = ServiceEvent::deserialize(detail).ok()?;
    if event.event_source != "secretsmanager.amazonaws.com"
        || event.event_name != "RotationSucceeded"
    {
        return None;
    }
    let arn = get_text(event.additional_event_data.as_ref(), "SecretId")
        .or_else(|| get_text(event.details.as_ref(), "secretId"))
        .or_else(|| get_text(event.response_elements.as_ref(), "arn"))?;
    Some(SecretChange {
        arn: arn.to_owned(),
        kind: SecretChangeKind::Rotation,
    })
}

fn get_text<'a>(part: Option<&'a Value>, key: &str) -> Option<&'a str> {
    part?.get(key)?.as_str()
}

impl SecretChange {
    /// Returns what changed, for messages: `secret` or `parameter`.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self.kind {
            SecretChangeKind::Rotation | SecretChangeKind::NewVersion => "secret",
            SecretChangeKind::Parameter => "parameter",
        }
    }

    /// Returns the name without the rest of the ARN, for messages.
    #[must_use]
    pub fn short_name(&self) -> &str {
        let name = self.arn.rsplit(':').next().unwrap_or_default();
        name.strip_prefix("parameter").unwrap_or(name)
    }

    /// Reports whether a task definition's reference (`valueFrom`, `credentialsParameter`) points
    /// to this secret or parameter.
    #[must_use]
    pub fn matches_reference(&self, reference: &str) -> bool {
        match self.kind {
            SecretChangeKind::Rotation | SecretChangeKind::NewVersion => {
                self.matches_secret(reference)
            }
            SecretChangeKind::Parameter => self.matches_parameter(reference),
        }
    }

    /// Compares with a parameter, which is referred to by its ARN, or by its name in this region.
    fn matches_parameter(&self, reference: &str) -> bool {
        let name = |text: &str| {
            let rest = text
                .split_once(":parameter/")
                .map_or(text, |(_, rest)| rest);
            rest.trim_start_matches('/').to_owned()
        };
        let is_parameter = !reference.starts_with("arn:") || reference.contains(":ssm:");
        is_parameter && name(reference) == name(&self.arn) && self.is_here(reference)
    }

    /// Reports whether an ARN is of the same region and account. A bare name is.
    fn is_here(&self, reference: &str) -> bool {
        !reference.starts_with("arn:")
            || region_and_account(reference).eq(region_and_account(&self.arn))
    }

    /// Compares with a secret.
    ///
    /// The reference is the full ARN, the ARN without its six random characters, or the bare name.
    /// An ARN may be followed by `:json-key:version-stage:version-id`.
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html>
    fn matches_secret(&self, reference: &str) -> bool {
        let full = extract_secret_name(&self.arn);
        let partial = full
            .rsplit_once('-')
            .filter(|(_, random)| random.len() == 6)
            .map_or(full, |(name, _)| name);
        let name = extract_secret_name(reference);
        (name == full || name == partial) && self.is_here(reference)
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
        let secret = SecretChange {
            arn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf".into(),
            kind: SecretChangeKind::NewVersion,
        };
        assert_eq!(secret.matches_reference(reference), reads);
    }

    #[rstest]
    #[case::arn("arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db", true)]
    #[case::name("/prod/db", true)]
    #[case::longer_name("/prod/db2", false)]
    #[case::other_region("arn:aws:ssm:us-east-1:123456789012:parameter/prod/db", false)]
    #[case::secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db", false)]
    fn matches_references_to_a_parameter(#[case] reference: &str, #[case] reads: bool) {
        let parameter = SecretChange {
            arn: "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db".into(),
            kind: SecretChangeKind::Parameter,
        };
        assert_eq!(parameter.matches_reference(reference), reads);
    }
}
