//! AWS state that discovery prefetches for all targets of a run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{Arn, Service};

use crate::mass_failure::MassFailure;

/// Name of the ledger's watch list of services that are unhealthy now.
pub const UNHEALTHY_WATCH_LIST: &str = "unhealthy";

/// AWS state that is prefetched for all targets of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    pub(crate) at: Timestamp,
    pub(crate) services: BTreeMap<Arn, Service>,
    pub(crate) mass_failure: MassFailure,
    /// Whether an alarm triggered the run; it has already waited for a few minutes.
    pub(crate) by_alarm: bool,
    /// Per cluster: the number of container instances with a disconnected agent, and of all
    /// instances if several are disconnected.
    pub(crate) disconnected: BTreeMap<String, (usize, usize)>,
}
