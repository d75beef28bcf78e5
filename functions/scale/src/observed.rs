//! The observed state of one service.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Load, ScalableTarget, Service};
use serde::Serialize;

/// Period for which metrics are read. Scaling in needs most of its minutes.
pub const HISTORY: SignedDuration = SignedDuration::from_mins(15);

/// Maximum age of a value that describes the present. CloudWatch lags by a minute or two.
const MAX_DATA_AGE: SignedDuration = SignedDuration::from_mins(5);
/// Minutes with data, of the last 15, that scaling in requires. A few minutes may be missing
/// without hiding a peak.
pub const MIN_DATA_MINUTES: usize = 10;

/// CPU utilization, in percent, below which tasks do nothing.
pub const IDLE_CPU: f64 = 10.0;

/// The time whose peak need is kept when scaling in.
pub const SCALE_IN_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` if the service no longer exists.
    pub service: Option<Service>,
    pub load: Load,
    /// Set if Application Auto Scaling scales the service.
    pub scalable: Option<ScalableTarget>,
}

impl Observed {
    #[must_use]
    pub fn desired_count(&self) -> Option<u32> {
        self.service
            .as_ref()
            .map(|service| service.desired_count.unsigned_abs())
    }

    /// Returns the minimum capacity in Application Auto Scaling.
    #[must_use]
    pub fn min_capacity(&self) -> Option<u32> {
        self.scalable.as_ref().map(|scalable| scalable.min)
    }
}

/// Reports whether a value of that time describes the present.
pub fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) <= MAX_DATA_AGE
}
