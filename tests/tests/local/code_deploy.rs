//! A service that CodeDeploy deploys, end to end: the real binaries on the local stack.

use std::net::TcpListener;

use e2e::testkit::ledger::wait_until_idle;
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{create_web, push_image, tag_service};
use serde_json::json;

fn told(stack: &Stack, what: &str) -> usize {
    stack
        .mail()
        .iter()
        .filter(|mail| mail["subject"].as_str().unwrap().contains(what))
        .count()
}

fn moves(stack: &Stack, to: &str) {
    wait_until_idle(stack);
    stack.control("code_deployment", json!({"to": to}));
}

/// `shop/web` in the deployment group `shop/web`, with RC_1.1.0 live on it.
fn live(tag: &str) -> (Stack, String) {
    let stack = Stack::start(&[]).unwrap();
    let web = create_web(&stack, &[]);
    let group = json!({"cluster": "shop", "service": "web", "application": "shop", "group": "web"});
    stack.control("code_group", group);
    wait_until_idle(&stack);
    let tag = format!("tag=RC_x.x.x repo=shop/web {tag}");
    tag_service(
        &stack,
        &web,
        &[
            ("lamplighter:managed", "true"),
            ("lamplighter:deploy", &tag),
        ],
    );
    wait_until_idle(&stack);
    push(&stack, "RC_1.1.0", "a", 1);
    moves(&stack, "Succeeded");
    stack.until("it is live", || {
        (told(&stack, " verified: ") == 1).then_some(())
    });
    wait_until_idle(&stack);
    (stack, web)
}

fn push(stack: &Stack, tag: &str, content: &str, deployments: usize) {
    push_image(stack, "shop/web", tag, &["arm64"], content);
    stack.until("it is rolled out", || {
        (stack.calls_of("CreateDeployment") == deployments).then_some(())
    });
}

#[test]
fn a_release_is_deployed_and_a_failed_one_quarantined() {
    let (stack, _) = live("");
    push(&stack, "RC_1.2.0", "b", 2);
    moves(&stack, "Failed");
    stack.sweep_until("RolloutSweep", "it is told", || {
        (told(&stack, ", rolled back to ") == 1).then_some(())
    });
    wait_until_idle(&stack);
    push_image(&stack, "shop/web", "RC_1.2.1", &["arm64"], "b");
    stack.until("it is refused", || {
        stack
            .logs()
            .contains("is quarantined: it was rolled back on")
            .then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(
        (
            stack.calls_of("CreateDeployment"),
            stack.calls_of("UpdateService")
        ),
        (2, 0)
    );
}

#[test]
fn the_newest_release_waits_for_the_deployment_before() {
    let (stack, _) = live("");
    push(&stack, "RC_1.2.0", "b", 2);
    wait_until_idle(&stack);
    push_image(&stack, "shop/web", "RC_1.3.0", &["arm64"], "c");
    stack.until("it waits", || {
        stack.logs().contains("RC_1.3.0").then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(stack.calls_of("CreateDeployment"), 2);
    moves(&stack, "Succeeded");
    let deployed = || (stack.calls_of("CreateDeployment") == 3).then_some(());
    stack.sweep_until("DeploySweep", "it has its turn", deployed);
    assert!(stack.logs().contains(" is InProgress"), "{}", stack.logs());
}

#[test]
fn an_unresponsive_test_listener_fails_the_deployment() {
    // Nobody listens there any more.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (stack, _) = live(&format!("verify-test=http://{address}/health"));
    push(&stack, "RC_1.2.0", "b", 2);
    moves(&stack, "AfterAllowTestTraffic");
    stack.sweep_until("VerifySweep", "it is answered", || {
        (stack.control("code_answers", json!({})) == json!(["Failed"])).then_some(())
    });
    stack.until("it is told", || {
        (told(
            &stack,
            "rejected at the test listener, rolling back - failed probes",
        ) == 1)
            .then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(told(&stack, ", rolled back to "), 0, "it is told once");
}
