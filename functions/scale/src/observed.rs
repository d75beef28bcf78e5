//! The observed state of one service.

use jiff::SignedDuration;
use lamplighter::model::{Load, ScalableTarget, Service};
use serde::Serialize;

/// Period for which metrics are read. Scaling in never goes below the peak need of this period.
pub const HISTORY: SignedDuration = SignedDuration::from_mins(15);

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
