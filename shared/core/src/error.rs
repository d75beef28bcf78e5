//! Errors, with messages that name the API call, the error code and the target.

/// A failed call to AWS, shown as `UpdateService shop/web: ServiceNotActiveException: draining`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call} {target}: {code}: {message}")]
pub struct AwsError {
    /// The API call, in AWS's spelling.
    pub call: &'static str,
    /// The target of the call: a name or an ARN.
    pub target: String,
    /// The error code of AWS, or `Timeout`, `DispatchFailure` or `ResponseError` if no answer
    /// came.
    pub code: String,
    pub message: String,
    /// AWS rejected the call, so nothing changed. Otherwise the outcome is unknown: the answer was
    /// lost, or it reports a fault on the side of AWS.
    pub refused: bool,
}

impl AwsError {
    /// Reports whether AWS rejected the call for a state that passes: the target is busy, or a
    /// quota is used up. A later attempt may succeed.
    #[must_use]
    pub fn is_transient_state(&self) -> bool {
        const TRANSIENT_CODES: [&str; 10] = [
            "InvalidDBInstanceState",
            "InvalidDBClusterState",
            "InvalidReplicationGroupState",
            "InvalidCacheClusterState",
            "InvalidServerlessCacheState",
            "InvalidServerlessCacheSnapshotState",
            "SnapshotQuotaExceeded",
            "ServerlessCacheSnapshotQuotaExceeded",
            "LimitExceeded",
            // CodeDeploy allows one deployment of a deployment group at a time.
            "DeploymentLimitExceeded",
        ];
        self.refused
            && TRANSIENT_CODES
                .iter()
                .any(|code| self.code.starts_with(code))
    }

    /// Reports whether AWS refused a snapshot because there are too many.
    #[must_use]
    pub fn is_snapshot_quota(&self) -> bool {
        self.refused && self.code.contains("SnapshotQuotaExceeded")
    }

    /// Reports whether AWS throttled the call, after retries.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        [
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "RequestThrottled",
        ]
        .contains(&self.code.as_str())
    }
}

/// A payload that is not an event Lamplighter can parse. The text names the wrong field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedEvent(pub String);

/// An invalid stack parameter, named as in the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stack parameter {parameter}: {problem}")]
pub struct ParameterError {
    pub parameter: String,
    pub problem: String,
}

/// The reason why an invocation failed.
///
/// [`Error::kind`] is stable. It is the `errorType` of the runtime, the metric label, and the
/// search term for alarms and dead-letter queues.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    MalformedEvent(#[from] MalformedEvent),
    #[error("{target} is locked by {holder} until {until}; the event is retried")]
    TargetBusy {
        target: String,
        holder: String,
        until: String,
    },
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error("{target}: not reconciled within {seconds} s")]
    OutOfTime { target: String, seconds: u64 },
    #[error("{} of {total} targets failed: {}", failures.len(), failures.join("; "))]
    Targets { total: usize, failures: Vec<String> },
}

impl Error {
    /// Reports whether a call of the ledger or of the notification queue failed. No notification
    /// can report such a failure.
    fn is_ledger_failure(&self) -> bool {
        matches!(self, Self::Aws(error) if ["GetItem", "UpdateItem", "TransactWriteItems", "SendMessageBatch"].contains(&error.call))
    }

    /// Reports whether another function holds the lock of the target.
    #[must_use]
    pub fn is_target_busy(&self) -> bool {
        matches!(self, Self::TargetBusy { .. })
    }

    /// Reports whether the next sweep is retry enough for a target that failed in a sweep.
    ///
    /// Targets without time left or with a lock held by another function are retried at once. If
    /// the ledger can't be written, no notification can be recorded either, so the invocation fails.
    pub(crate) fn is_left_to_next_sweep(&self) -> bool {
        match self {
            Self::OutOfTime { .. } | Self::TargetBusy { .. } => false,
            Self::MalformedEvent(_) | Self::Aws(_) | Self::Parameter(_) | Self::Targets { .. } => {
                !self.is_ledger_failure()
            }
        }
    }

    /// Returns the stable name of this kind of failure.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MalformedEvent(_) => "MalformedEvent",
            Self::TargetBusy { .. } => "TargetBusy",
            Self::Aws(_) => "AwsError",
            Self::Parameter(_) => "BadParameter",
            Self::OutOfTime { .. } => "OutOfTime",
            Self::Targets { .. } => "TargetsFailed",
        }
    }
}
