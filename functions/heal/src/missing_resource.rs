//! Finds the resource that ECS names as missing or unreachable.

/// Returns the first ARN in a stop reason that ECS names as missing or unreachable.
#[must_use]
pub fn extract_missing_arn(reason: &str) -> Option<&str> {
    // An access error names the denied principal before the resource.
    let resource = reason
        .split_once("on resource: ")
        .map_or(reason, |(_, after)| after);
    let named = resource.get(resource.find("arn:aws")?..)?;
    let end = named
        .find(|c: char| !(c.is_ascii_alphanumeric() || ":/_+=.@-".contains(c)))
        .unwrap_or(named.len());
    named
        .get(..end)
        .map(|arn| arn.trim_end_matches(['.', ':', '-']))
}
