//! The scaling policy of one service.

use std::collections::BTreeMap;

use lamplighter::policy::{self, ScalePolicy, ScheduleWindow, StackDefaults, TagError};

/// Scaling policy of one service, read from its tags and the stack defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `None`: load peaks are reported, and nothing is scaled.
    pub scale: Option<ScalePolicy>,
    pub windows: Vec<ScheduleWindow>,
    /// Threshold of average CPU utilization for a peak, in percent.
    pub cpu_peak: u32,
}

impl Policy {
    /// Parses the tags of a service; `None` if it is neither scaled nor managed.
    ///
    /// # Errors
    /// [`TagError`] if the scale or schedule tag is invalid.
    pub fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, TagError> {
        let windows = policy::parse_scaling_schedule(tags)?;
        let scale = ScalePolicy::from_tags(tags, defaults)?;
        let managed = tags.contains_key(policy::MANAGED);
        Ok((scale.is_some() || managed).then_some(Self {
            scale,
            windows,
            cpu_peak: defaults.cpu_peak,
        }))
    }

    /// Returns the policy of a service that is no longer managed: it only restores a raised minimum.
    #[must_use]
    pub fn for_cleanup(defaults: &StackDefaults) -> Self {
        Self {
            scale: None,
            windows: Vec::new(),
            cpu_peak: defaults.cpu_peak,
        }
    }
}
