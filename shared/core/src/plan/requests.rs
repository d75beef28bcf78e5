//! Actions on requests of people and pipelines.

use serde::{Deserialize, Serialize};

use crate::model::Request;
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};

/// An action on a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RequestAction {
    /// Records the request in the target state, and passes it on to the functions that act on it.
    Record(Request),
}

impl ActionProperties for RequestAction {
    fn describe(&self) -> String {
        let Self::Record(request) = self;
        format!("record the request to {}", request.command)
    }

    fn stable_key(&self) -> String {
        let Self::Record(request) = self;
        format!("request:{}", request.id)
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::Record(_) => false,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::Record(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::Record(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::Record(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            // It changes the target state alone, so that a paused target can be resumed.
            Self::Record(_) => true,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::Record(_) => ArbiterRule::Always,
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::Record(_) => LimitRule::Unlimited,
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::Record(_) => Repair::No,
        }
    }
}
