//! Who sends a notification.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{AwsService, Cause};
use crate::operations::Function;

/// Who sends a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Function(Function),
    /// An AWS service, by an event that no operation handles.
    Aws(AwsService),
    /// A notification channel, by name, about itself.
    Channel(String),
    /// `alert`, about the secret that configures the channels.
    ChannelSettings,
}

impl Source {
    /// Returns the cause of an incident that this source reports, unless its message has one of its own.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Function(function) => function.cause(),
            Self::Aws(service) => Cause::Aws(*service),
            Self::Channel(channel) => Cause::Channel(channel.clone()),
            Self::ChannelSettings => Cause::ChannelSettings,
        }
    }
}

impl From<Function> for Source {
    fn from(function: Function) -> Self {
        Self::Function(function)
    }
}

/// Formats the name of the source for people: `deploy`, `RDS`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(function) => f.write_str(function.name()),
            Self::Aws(service) => f.write_str(service.name()),
            Self::Channel(channel) => write!(f, "channel {channel}"),
            Self::ChannelSettings => f.write_str("channels"),
        }
    }
}
