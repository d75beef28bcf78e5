//! Finds the services that an event of a database affects.

use std::collections::BTreeSet;

use crate::reads::Reads;
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::policy::{self, APP};
use lamplighter::ports::ResourceKind;

/// Returns the unhealthy services that belong to the same application as a database.
///
/// # Errors
/// [`AwsError`] if AWS can't list the tagged resources.
pub async fn find_affected_services<C: Reads>(
    database: &str,
    unwell: &[Arn],
    cloud: &C,
) -> Result<Vec<Arn>, AwsError> {
    if unwell.is_empty() {
        return Ok(Vec::new());
    }
    let databases = cloud
        .list_tagged(ResourceKind::DatabaseOrCache, APP)
        .await?;
    let found = databases
        .iter()
        .find(|found| found.arn.as_str() == database);
    let Some(app) = found.and_then(|found| policy::app_name(&found.tags)) else {
        return Ok(Vec::new());
    };
    let unwell: BTreeSet<&Arn> = unwell.iter().collect();
    let services = cloud.list_tagged(ResourceKind::Service, APP).await?;
    let of_app = services
        .into_iter()
        .filter(|service| policy::app_name(&service.tags) == Some(app));
    Ok(of_app
        .map(|service| service.arn)
        .filter(|arn| unwell.contains(arn))
        .collect())
}
