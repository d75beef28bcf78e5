//! A service in the local stack that Lamplighter has released once.

use super::ledger::wait_until_idle;
use super::stack::Stack;
use super::workload::{create_web, deployed_image, push_image, tag_service};

/// Starts a stack with `shop/web`, which tracks `RC_x.x.x` and runs RC_1.1.0. Returns the stack, the service and the digest.
///
/// # Panics
/// Where the stack does not start, or does not release.
#[must_use]
pub fn start_live_service(parameters: &[(&str, &str)]) -> (Stack, String, String) {
    let stack = Stack::start(parameters).expect("a stack");
    let (web, digest) = release_first_image(&stack);
    (stack, web, digest)
}

/// Creates `shop/web` and lets Lamplighter release RC_1.1.0. Returns the service and the digest.
///
/// # Panics
/// Where the stack does not release.
pub fn release_first_image(stack: &Stack) -> (String, String) {
    let web = create_web(stack, &[]);
    wait_until_idle(stack);
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web"),
    ];
    tag_service(stack, &web, &tags);
    wait_until_idle(stack);
    let digest = push_image(stack, "shop/web", "RC_1.1.0", &["arm64"], "a");
    wait_until_runs(stack, &web, &digest);
    wait_until_verified(stack, "RC_1.1.0");
    (web, digest)
}

/// Waits until a service is deployed with an image.
///
/// # Panics
/// Where that does not happen in time.
pub fn wait_until_runs(stack: &Stack, service: &str, digest: &str) {
    stack.until("it is rolled out", || {
        deployed_image(stack, service)
            .ends_with(digest)
            .then_some(())
    });
    wait_until_idle(stack);
}

/// Waits until a release is verified, by an event or by the sweep.
///
/// # Panics
/// Where that does not happen in time.
pub fn wait_until_verified(stack: &Stack, tag: &str) {
    let text = format!("{tag} verified");
    stack.sweep_until("RolloutSweep", &text, || {
        let mails = stack.mail();
        mails
            .iter()
            .any(|mail| mail.to_string().contains(&text))
            .then_some(())
    });
    wait_until_idle(stack);
}
