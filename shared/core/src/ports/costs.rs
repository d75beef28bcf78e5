//! What applications cost, as AWS bills it.

use jiff::civil::Date;

use crate::AwsError;

/// What one service of AWS cost an application on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct Spent {
    /// In UTC, as AWS bills.
    pub day: Date,
    /// The value of the tag; empty for what has no such tag.
    pub of: String,
    /// AWS's name: `Amazon Elastic Container Service`.
    pub service: String,
    /// Unblended, in `unit`.
    pub amount: f64,
    /// `USD`.
    pub unit: String,
}

/// Where costs are known.
pub trait Costs {
    /// What was spent from one day to the day before another one, by a tag and by service; all pages. `value`: of this
    /// value of the tag alone.
    ///
    /// # Errors
    /// [`AwsError`] where it can't be read: the account has not switched Cost Explorer on, or its data are not there.
    async fn spent(
        &self,
        tag: &str,
        value: Option<&str>,
        from: Date,
        to: Date,
    ) -> Result<Vec<Spent>, AwsError>;
}
