//! Actions on requests of people and pipelines.

use serde::{Deserialize, Serialize};

use crate::model::Request;
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};

/// An action on a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RequestAction {
    /// Records the request in the target state, and passes it on to the functions that act on it.
    Record(Request),
    /// Records the request, and sends the messages of the dead-letter queue again.
    Redrive(Request),
}

impl ActionProperties for RequestAction {
    fn describe(&self) -> String {
        match self {
            Self::Record(request) => format!("record the request to {}", request.command),
            Self::Redrive(_) => "send the dead letters again".to_owned(),
        }
    }

    fn stable_key(&self) -> String {
        let (Self::Record(request) | Self::Redrive(request)) = self;
        format!("request:{}", request.id)
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::Record(_) | Self::Redrive(_) => false,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::Record(_) | Self::Redrive(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::Record(_) | Self::Redrive(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::Record(_) | Self::Redrive(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            // Neither changes a target, so a paused one can be resumed.
            Self::Record(_) | Self::Redrive(_) => true,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::Record(_) | Self::Redrive(_) => ArbiterRule::Always,
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::Record(_) | Self::Redrive(_) => LimitRule::Unlimited,
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::Record(_) | Self::Redrive(_) => Repair::No,
        }
    }
}
