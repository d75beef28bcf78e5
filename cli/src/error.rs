//! Errors, each with a remedy.

use crate::exit::Exit;

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("no region: pass --region, or set AWS_REGION or the region of the profile")]
    NoRegion,
    #[error(
        "no Lamplighter stack in {region}: no CloudFormation stack there has the output DigestFunction. Deploy one, or pass --region or --profile"
    )]
    NoStack { region: String },
    #[error("no stack {name} with Lamplighter in {region}{hint}")]
    UnknownStack {
        name: String,
        region: String,
        /// The stacks that there are; empty if there are none.
        hint: String,
    },
    #[error("several stacks in {region}: pass --stack with one of {names}")]
    SeveralStacks { region: String, names: String },
    #[error(
        "the stack {stack} takes no requests: set its parameter RequestApi to yes, then allow execute-api:Invoke (docs/requests.md)"
    )]
    NoRequestApi { stack: String },
    #[error("{call}: {problem}{remedy}")]
    Aws {
        call: &'static str,
        problem: String,
        /// A remedy; empty if none is known.
        remedy: String,
    },
    /// The stack refused, and says why.
    #[error("{0}")]
    Refused(String),
    #[error(
        "the stack answered something that this version of the command can't read ({0}): is one of the two older?"
    )]
    Unreadable(String),
    #[error("{0}")]
    Arguments(String),
    #[error("{0}")]
    Machine(String),
    /// Nothing reads the output any more, as with `head`.
    #[error("the output is closed")]
    Closed,
}

impl CommandError {
    /// Returns the exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Arguments(_) => Exit::Usage,
            Self::NoRegion
            | Self::NoStack { .. }
            | Self::UnknownStack { .. }
            | Self::SeveralStacks { .. }
            | Self::NoRequestApi { .. }
            | Self::Aws { .. }
            | Self::Refused(_)
            | Self::Unreadable(_)
            | Self::Machine(_) => Exit::Failed,
            Self::Closed => Exit::Done,
        }
    }
}
