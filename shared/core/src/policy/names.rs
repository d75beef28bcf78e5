//! Finding a target by the name that a person gives.

use super::{MANAGED, find_closest};
use crate::model::Tagged;

/// Returns the only target with this display name or ARN.
///
/// # Errors
/// Why there is none, with the name that may be meant.
pub fn find_target<'a>(name: &str, targets: &'a [Tagged]) -> Result<&'a Tagged, String> {
    let mut matching = targets
        .iter()
        .filter(|tagged| tagged.arn.as_str() == name || tagged.arn.display_name() == name);
    match (matching.next(), matching.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => Err(format!(
            "several managed targets are called {name}; give the ARN: {}, {}",
            first.arn, second.arn
        )),
        (None, _) => {
            let names: Vec<String> = targets
                .iter()
                .map(|tagged| tagged.arn.display_name())
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(format!(
                "no resource with the tag {MANAGED} is called {name}{}",
                suggest_name(name, &names)
            ))
        }
    }
}

/// Returns `; did you mean …?` with the closest of some names, or nothing.
#[must_use]
pub fn suggest_name(name: &str, names: &[&str]) -> String {
    find_closest(name, names)
        .map(|closest| format!("; did you mean {closest}?"))
        .unwrap_or_default()
}
