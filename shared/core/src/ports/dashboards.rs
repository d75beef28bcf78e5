//! CloudWatch dashboards.

use crate::AwsError;

/// CloudWatch dashboards.
pub trait Dashboards {
    /// Returns the body of a dashboard, or `None` if no dashboard has this name. Source:
    /// GetDashboard.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, AwsError>;

    /// Lists the names of the dashboards that start with a prefix. Reads all pages.
    /// Source: ListDashboards.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn list_dashboards(&self, prefix: &str) -> Result<Vec<String>, AwsError>;
}
