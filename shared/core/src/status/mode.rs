//! What Lamplighter may do with a target.

use serde::{Deserialize, Serialize};

use crate::policy::{self, Managed, Mode};
use crate::status::inputs::StatusInputs;

/// What Lamplighter may do with a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetMode {
    Acting,
    /// It decides and notifies, and changes nothing.
    Observing,
    /// It does nothing until the pause ends. The text says whose pause it is.
    Paused(String),
    /// The stack is switched off.
    Off,
    /// The tag `lamplighter:managed` is missing.
    NotManaged,
    /// The tag `lamplighter:managed` cannot be read.
    Misconfigured,
}

impl TargetMode {
    pub(super) fn assess(inputs: &StatusInputs<'_>) -> Self {
        let tags = &inputs.tagged.tags;
        let managed = match policy::parse_managed(tags) {
            Err(_) => return Self::Misconfigured,
            Ok(Managed::No) => return Self::NotManaged,
            Ok(Managed::Paused) => return Self::Paused("paused by lamplighter:managed".to_owned()),
            Ok(managed @ (Managed::Act | Managed::Observe)) => managed,
        };
        if let Some(pause) = find_pause(inputs) {
            return Self::Paused(pause);
        }
        match inputs.defaults.mode {
            Mode::Off => Self::Off,
            Mode::Observe => Self::Observing,
            Mode::Act if managed == Managed::Observe => Self::Observing,
            Mode::Act => Self::Acting,
        }
    }

    /// Reports whether operations decide about the target.
    #[must_use]
    pub fn is_evaluated(&self) -> bool {
        match self {
            Self::Acting | Self::Observing => true,
            Self::Paused(_) | Self::Off | Self::NotManaged | Self::Misconfigured => false,
        }
    }
}

/// Describes the pause of the target, of its application or of everything, by request.
fn find_pause(inputs: &StatusInputs<'_>) -> Option<String> {
    let app = policy::app_name(&inputs.tagged.tags);
    let of_all = inputs.pauses.find_pause(app, inputs.now);
    of_all
        .or_else(|| inputs.state.requests.find_pause(app, inputs.now))
        .map(crate::model::Request::describe_pause)
}
