//! Whose service an event of a database is about.

use std::collections::BTreeSet;

use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::policy::{self, APP};
use lamplighter::ports::cloud::{Cloud, Kind};

/// The services of the application that a database is of, of those that are not well.
pub async fn of<C: Cloud>(database: &str, unwell: &[Arn], cloud: &C) -> Result<Vec<Arn>, AwsError> {
    if unwell.is_empty() {
        return Ok(Vec::new());
    }
    let databases = cloud.tagged(Kind::DatabaseOrCache, APP).await?;
    let found = databases
        .iter()
        .find(|found| found.arn.as_str() == database);
    let Some(app) = found.and_then(|found| policy::app(&found.tags)) else {
        return Ok(Vec::new());
    };
    let unwell: BTreeSet<&Arn> = unwell.iter().collect();
    let services = cloud.tagged(Kind::Service, APP).await?;
    let of_app = services
        .into_iter()
        .filter(|service| policy::app(&service.tags) == Some(app));
    Ok(of_app
        .map(|service| service.arn)
        .filter(|arn| unwell.contains(arn))
        .collect())
}
