//! Records requests in the target state.

use crate::Function;
use crate::model::Command;
use crate::plan::RequestAction;
use crate::state::TargetState;

impl TargetState {
    pub(super) fn record_request_action(&mut self, action: &RequestAction) {
        match action {
            RequestAction::Record(request) | RequestAction::Redrive(request) => {
                self.requests.record(request);
                match request.command {
                    // Its sweep makes up for an event that is lost.
                    Command::Reject(_) | Command::RollBack(_) => {
                        self.set_requeue(Function::Rollout.name(), true);
                    }
                    Command::Pause
                    | Command::Resume
                    | Command::Silence
                    | Command::Unsilence
                    | Command::Acknowledge(_)
                    | Command::Approve(_)
                    | Command::Deploy(_)
                    | Command::BackUp
                    | Command::Redrive => {}
                    Command::Drill => self.set_requeue(Function::Drill.name(), true),
                }
            }
        }
    }
}
