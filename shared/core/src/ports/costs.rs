//! The port to the costs of applications, as AWS bills them.

use jiff::civil::Date;

use crate::AwsError;

/// The cost of one AWS service for one application on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyCost {
    /// The day in UTC, as AWS bills.
    pub day: Date,
    /// The value of the tag; empty for costs without the tag.
    pub tag_value: String,
    /// The name of the AWS service: `Amazon Elastic Container Service`.
    pub service: String,
    /// The unblended cost, in `unit`.
    pub amount: f64,
    /// The currency: `USD`.
    pub unit: String,
}

/// The source of billed costs.
pub trait Costs {
    /// Lists the costs from one day until the day before another, by tag and by service.
    /// Reads all pages. With `value`, only the costs with this value of the tag.
    ///
    /// # Errors
    /// [`AwsError`] if Cost Explorer is not enabled in the account, or has no data yet.
    async fn list_costs(
        &self,
        tag: &str,
        value: Option<&str>,
        from: Date,
        to: Date,
    ) -> Result<Vec<DailyCost>, AwsError>;
}
