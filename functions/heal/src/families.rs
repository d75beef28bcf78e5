//! Families of task definitions as targets.

use std::collections::BTreeMap;

use lamplighter::AwsError;
use lamplighter::model::{Arn, Tagged};

use crate::observed_runs::family_of;
use crate::reads::Reads;

/// Reads the tags of a family: those of its newest active revision. Without one it has none.
///
/// # Errors
/// [`AwsError`] if AWS can't be read.
pub async fn read_family<C: Reads>(family: Arn, cloud: &C) -> Result<Tagged, AwsError> {
    let name = family_of(&family).unwrap_or_default();
    let tags = match cloud.newest_revision(name).await {
        Ok(definition) => definition.tags,
        Err(error)
            if ["ClientException", "InvalidParameterException"].contains(&error.code.as_str()) =>
        {
            BTreeMap::new()
        }
        Err(error) => return Err(error),
    };
    Ok(Tagged { arn: family, tags })
}
