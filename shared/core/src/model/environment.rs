use serde::{Deserialize, Serialize};

/// The cause of a failed release that is not its image. Such a release is not blamed, and tried again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentCause {
    /// There is no capacity for the tasks.
    Capacity,
    /// The deployment configuration of the service leaves no room to start a task.
    Placement,
    /// A secret, role, log group, volume or network that the tasks need is missing or unreachable.
    MissingResource,
    /// The registry does not deliver the image.
    Registry,
    /// A database or cache of the application is unavailable.
    Dependency,
    /// The image was verified before, and fails with the settings of a template.
    Template,
}

impl EnvironmentCause {
    /// Describes the cause as it ends a title: `no capacity`.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Capacity => "no capacity for its tasks",
            Self::Placement => "no room to start a task",
            Self::MissingResource => "required resource missing",
            Self::Registry => "image pull failed",
            Self::Dependency => "dependency outage",
            Self::Template => "settings of a template",
        }
    }
}
