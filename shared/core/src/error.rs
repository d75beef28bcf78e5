//! What can go wrong, in words that name the operation, the code and the target.

/// A call to AWS that did not succeed. Reads `UpdateService shop/web: ServiceNotActiveException: draining`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call} {target}: {code}: {message}")]
pub struct AwsError {
    /// The API call, in AWS's spelling.
    pub call: &'static str,
    /// What the call was about: a name or an ARN.
    pub target: String,
    /// AWS's error code, or `Timeout`, `DispatchFailure`, `ResponseError` where no answer came.
    pub code: String,
    pub message: String,
    /// AWS itself said no, so nothing was done. Otherwise nobody knows: the answer was lost, or it speaks of
    /// trouble on AWS's side.
    pub refused: bool,
}

impl AwsError {
    /// AWS says not now: the target is busy, or there is no room yet. A later look knows more.
    #[must_use]
    pub fn is_not_now(&self) -> bool {
        const NOT_NOW: [&str; 7] = [
            "InvalidDBInstanceState",
            "InvalidDBClusterState",
            "InvalidReplicationGroupState",
            "InvalidServerlessCacheState",
            "SnapshotQuotaExceeded",
            "LimitExceeded",
            // CodeDeploy: another deployment of the group is in progress.
            "DeploymentLimitExceeded",
        ];
        self.refused && NOT_NOW.iter().any(|code| self.code.starts_with(code))
    }

    /// AWS was asked too often, and had been asked again already.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        [
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
        ]
        .contains(&self.code.as_str())
    }
}

/// A payload that is not an event this system can read. The text says which field is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedEvent(pub String);

/// A stack parameter that can't be used. Names the parameter as the template does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stack parameter {parameter}: {problem}")]
pub struct ParameterError {
    pub parameter: String,
    pub problem: String,
}

/// Why an invocation failed. [`Error::kind`] is stable: it is the runtime's `errorType`, the metric
/// label and what an alarm or a dead-letter queue is searched for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    MalformedEvent(#[from] MalformedEvent),
    #[error("{target} is held by {holder} until {until}; this event is retried")]
    TargetBusy {
        target: String,
        holder: String,
        until: String,
    },
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error("{target}: not finished within {seconds} s")]
    OutOfTime { target: String, seconds: u64 },
    #[error("{} of {total} targets failed: {}", failures.len(), failures.join("; "))]
    Targets { total: usize, failures: Vec<String> },
}

impl Error {
    /// DynamoDB did not take a lease, an intent or a memory, or the queue a notice: then nobody could be told.
    pub(crate) fn is_of_ledger(&self) -> bool {
        matches!(self, Self::Aws(error) if ["UpdateItem", "TransactWriteItems", "SendMessageBatch"].contains(&error.call))
    }

    /// The stable name of this kind of failure.
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
