//! Links that stop reminders, end to end: from the e-mail over the page behind its link to the next reminder.

use e2e::testkit::alerts::{follow, link, notice, sweep, tell};
use e2e::testkit::ledger::{age_incidents, items};
use e2e::testkit::stack::Stack;
use serde_json::json;

const LINKS: (&str, &str) = ("AckLinks", "yes");

/// Fires an incident and returns the link in its e-mail.
fn fire_incident(stack: &Stack) -> String {
    tell(
        stack,
        &[notice(
            "web",
            "warning",
            "0/2 tasks running - crash loop (exit 3)",
            &json!({"fires": "heal"}),
        )],
    );
    let mail = stack.until("the alert is sent", || stack.mail().pop());
    link(mail["body"].as_str().unwrap())
        .unwrap_or_else(|| panic!("no link in {mail}"))
        .to_owned()
}

fn acknowledged(stack: &Stack) -> bool {
    let told = |text: &str| text.contains("acknowledged by a link");
    items(stack)
        .iter()
        .any(|item| item["incident"]["S"].as_str().is_some_and(told))
}

#[test]
fn the_button_behind_the_link_stops_reminders_once_and_not_the_resolution() {
    let stack = Stack::start(&[LINKS]).unwrap();
    let link = fire_incident(&stack);
    let (status, page) = follow(&stack, "GET", &link);
    assert_eq!(status, 200);
    assert!(
        page.contains("Stop the reminders for shop/web?")
            && page.contains(r#"<form method="post">"#),
        "{page}"
    );
    sweep(&stack);
    assert!(!acknowledged(&stack), "mail scanners open links");

    let (status, page) = follow(&stack, "POST", &link);
    assert_eq!(
        (status, page.contains("Reminders for shop/web are stopped")),
        (200, true),
        "{page}"
    );
    stack.until("it is acknowledged", || acknowledged(&stack).then_some(()));
    let (status, page) = follow(&stack, "POST", &link);
    assert_eq!(
        (status, page.contains("already used")),
        (410, true),
        "{page}"
    );

    age_incidents(&stack, 240);
    sweep(&stack);
    assert_eq!(stack.mail().len(), 1, "{:?}", stack.mail());
    tell(
        &stack,
        &[notice(
            "web",
            "info",
            "2/2 tasks healthy again",
            &json!({"clears": "heal"}),
        )],
    );
    let resolved = stack.until("the resolution is sent", || stack.mail().into_iter().nth(1));
    assert_eq!(
        resolved["subject"],
        "[RESOLVED] shop/web: 2/2 tasks healthy again"
    );
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn an_altered_link_does_nothing_and_one_whose_use_was_not_saved_works_again() {
    let stack = Stack::start(&[LINKS]).unwrap();
    let link = fire_incident(&stack);
    for wrong in [
        link.replace("shop%2Fweb", "shop%2Fapi"),
        link.split('?').next().unwrap().to_owned(),
    ] {
        let (status, page) = follow(&stack, "POST", &wrong);
        assert_eq!(
            (status, page.contains("is incomplete or was changed")),
            (403, true),
            "{page}"
        );
    }
    let fault = json!({"service": "sqs", "action": "SendMessageBatch", "kind": "error", "status": 403, "code": "AccessDenied"});
    stack.control("fault", fault);
    let (status, page) = follow(&stack, "POST", &link);
    assert_eq!(
        (status, page.contains("Reload this page")),
        (503, true),
        "{page}"
    );
    assert!(!acknowledged(&stack));
    assert_eq!(follow(&stack, "POST", &link).0, 200);
    stack.until("it is acknowledged", || acknowledged(&stack).then_some(()));
}

#[test]
fn without_the_parameter_no_message_has_a_link() {
    let stack = Stack::start(&[]).unwrap();
    tell(
        &stack,
        &[notice(
            "web",
            "warning",
            "0/2 tasks running - crash loop (exit 3)",
            &json!({"fires": "heal"}),
        )],
    );
    let mail = stack.until("the alert is sent", || stack.mail().pop());
    assert_eq!(link(mail["body"].as_str().unwrap()), None, "{mail}");
}
