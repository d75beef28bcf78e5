//! Finds the services that an event of a database affects.

use std::collections::BTreeSet;

use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::policy::{self, APP};
use lamplighter::ports::ResourceKind;

use crate::reads::Reads;

/// Returns the unhealthy services that belong to the same application as a database.
///
/// # Errors
/// [`AwsError`] if AWS can't list the tagged resources.
pub async fn find_affected_services<C: Reads>(
    database: &str,
    unhealthy: &[Arn],
    cloud: &C,
) -> Result<Vec<Arn>, AwsError> {
    if unhealthy.is_empty() {
        return Ok(Vec::new());
    }
    let databases = cloud
        .list_tagged(ResourceKind::DatabaseOrCache, APP)
        .await?;
    let Some(app) = databases
        .iter()
        .find(|tagged| tagged.arn.as_str() == database)
        .and_then(|tagged| policy::app_name(&tagged.tags))
    else {
        return Ok(Vec::new());
    };
    let unhealthy: BTreeSet<&Arn> = unhealthy.iter().collect();
    let services = cloud.list_tagged(ResourceKind::Service, APP).await?;
    Ok(services
        .into_iter()
        .filter(|service| policy::app_name(&service.tags) == Some(app))
        .map(|service| service.arn)
        .filter(|arn| unhealthy.contains(arn))
        .collect())
}
