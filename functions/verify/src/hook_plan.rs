//! Plans that only respond to a hook.

use lamplighter::Plan;
use lamplighter::plan::HookStatus;

/// Seconds until ECS invokes the hook again: while probes run, and while traffic is compared.
pub const RETRY_SOON_SECONDS: u32 = 15;
pub const RETRY_LATER_SECONDS: u32 = 30;

/// Lets the deployment proceed.
pub fn succeed_hook(reason: impl Into<String>) -> Plan {
    Plan::nothing(reason).with_hook_status(HookStatus::Succeeded)
}

/// Makes ECS invoke the hook again after `call_back_delay` seconds.
pub fn postpone_hook(reason: impl Into<String>, call_back_delay: u32) -> Plan {
    Plan::nothing(reason).with_hook_status(HookStatus::InProgress { call_back_delay })
}
