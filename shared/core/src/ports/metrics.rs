//! CloudWatch metrics.

use jiff::Timestamp;

use crate::AwsError;
use crate::model::{AlarmMetric, Load, LoadQuery, Measure, Series, TargetGroup, Traffic};

/// CloudWatch metrics.
pub trait Metrics {
    /// Returns the traffic of each of these target groups between two times, in the same order.
    /// Leaves out the current, incomplete minute. Source: GetMetricData.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a metric without data is no error.
    async fn read_traffic(
        &self,
        groups: &[TargetGroup],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError>;

    /// Returns what an alarm measures, minute by minute between two times. Several metrics are summed. Leaves out the
    /// current, incomplete minute. Source: GetMetricData.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a metric without data is no error.
    async fn read_measure(
        &self,
        measure: &Measure,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Series, AwsError>;

    /// Returns each of these metrics minute by minute between two times, in the same order. Leaves out the current,
    /// incomplete minute. Asks for up to 500 metrics a call. Source: GetMetricData.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a metric without data is no error.
    async fn read_metrics(
        &self,
        metrics: &[AlarmMetric],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Series>, AwsError>;

    /// Returns the metrics of each service between two times, in the order of the queries.
    /// Leaves out the current, incomplete minute. Asks for up to 500 metrics a call.
    /// Source: GetMetricData.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails; a metric without data is no error.
    async fn read_loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError>;
}
