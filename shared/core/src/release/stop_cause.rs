//! Why a task stopped, as a class.

use serde::Serialize;

/// The cause for which a task stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum StopCause {
    /// A container was killed because it ran out of memory.
    OutOfMemory,
    /// An essential container exited. Any exit code is a failure, because a service must keep
    /// running.
    Exit,
    /// The task failed its load balancer, container or Service Connect health checks.
    HealthCheck,
    /// The image can't be pulled.
    Image,
    /// A required secret, role, log group, volume or network is missing or unreachable.
    Setup,
    /// The task could not be started for another reason.
    Start,
    /// There is no capacity for the task.
    Capacity,
    /// AWS reclaimed the Spot capacity.
    Spot,
    /// The instance or the hardware was lost or is under maintenance.
    Host,
    /// The stop was intended: a scale-in, a deployment, or a StopTask call.
    Routine,
    /// The stop reason is not recognized.
    Unknown,
}

impl StopCause {
    /// Reports whether the cause is a failure of the service or of a resource that it needs.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::OutOfMemory
            | Self::Exit
            | Self::HealthCheck
            | Self::Image
            | Self::Setup
            | Self::Start
            | Self::Capacity => true,
            // ECS starts a replacement by itself, so there is nothing to heal.
            Self::Spot | Self::Host | Self::Routine | Self::Unknown => false,
        }
    }

    /// Reports whether a release can be the cause. A release changes the image; it neither takes
    /// capacity away nor removes a secret.
    #[must_use]
    pub fn can_start_with_release(self) -> bool {
        match self {
            Self::Setup | Self::Capacity => false,
            Self::OutOfMemory
            | Self::Exit
            | Self::HealthCheck
            | Self::Image
            | Self::Start
            | Self::Spot
            | Self::Host
            | Self::Routine
            | Self::Unknown => true,
        }
    }
}
