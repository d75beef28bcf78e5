//! Certificates of load balancers, end to end: the real binary on the local stack.

use e2e::testkit::ledger::wait_until_idle;
use e2e::testkit::stack::Stack;
use e2e::testkit::traffic::{add_https, behind_balancer};
use e2e::testkit::workload::{NewService, create_service, image};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use lamplighter_aws::lambda::read_clock;
use serde_json::{Value, json};

fn service(stack: &Stack, name: &str, tags: &[(&str, &str)]) -> String {
    let image = image("shop/web", "RC_1.0.0");
    create_service(
        stack,
        &NewService {
            cluster: "shop",
            name,
            image: &image,
            architecture: "X86_64",
            tags,
        },
    );
    behind_balancer(stack, name)
}

fn subjects(stack: &Stack) -> Vec<String> {
    stack
        .mail()
        .iter()
        .filter_map(|mail| mail["subject"].as_str())
        .filter(|subject| subject.contains("certificate"))
        .map(str::to_owned)
        .collect()
}

/// Makes a certificate, or changes it.
fn certificate(stack: &Stack, request: Value) -> String {
    let answer = stack.control("certificate", request);
    answer["arn"].as_str().unwrap().to_owned()
}

fn sweep(stack: &Stack) {
    stack.control("schedule", json!({"name": "CertificatesSweep"}));
    wait_until_idle(stack);
}

fn event(stack: &Stack, kind: &str, arn: &str) {
    stack.control(
        "event",
        json!({"source": "aws.acm", "detail-type": kind, "resources": [arn], "detail": {}}),
    );
    wait_until_idle(stack);
}

#[test]
fn an_imported_certificate_is_reported_and_resolved_once_it_is_imported_again() {
    let stack = Stack::start(&[]).unwrap();
    let managed = [("lamplighter:managed", "true")];
    let web = service(&stack, "web", &managed);
    let others = service(&stack, "others", &[]);
    let arn = certificate(&stack, json!({"domain": "www.shop.example", "days": 20}));
    let unused = certificate(&stack, json!({"domain": "old.shop.example", "days": 2}));
    let unmanaged = certificate(&stack, json!({"domain": "www.others.example", "days": 2}));
    add_https(&stack, &web, &arn);
    add_https(&stack, &others, &unmanaged);
    sweep(&stack);
    event(&stack, "ACM Certificate Approaching Expiration", &unused);
    event(&stack, "ACM Certificate Approaching Expiration", &unmanaged);
    stack.until("it is reported", || {
        (!subjects(&stack).is_empty()).then_some(())
    });
    // The same again changes nothing.
    event(&stack, "ACM Certificate Approaching Expiration", &arn);
    sweep(&stack);
    let reported = subjects(&stack);
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(
        reported[0].contains("shop/web: certificate of www.shop.example expires within 30 days"),
        "{reported:?}"
    );
    certificate(
        &stack,
        json!({"arn": arn, "domain": "www.shop.example", "days": 2}),
    );
    event(&stack, "ACM Certificate Approaching Expiration", &arn);
    stack.until("it is critical", || {
        let all = subjects(&stack);
        all.iter()
            .any(|subject| subject.contains("[CRITICAL]") && subject.contains("within 3 days"))
            .then_some(())
    });
    certificate(
        &stack,
        json!({"arn": arn, "domain": "www.shop.example", "days": 365}),
    );
    event(&stack, "ACM Certificate Available", &arn);
    stack.until("it is resolved", || {
        let all = subjects(&stack);
        all.iter()
            .any(|subject| subject.contains("[RESOLVED]") && subject.contains("renewed"))
            .then_some(())
    });
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
    assert_eq!(stack.control("denied", Value::Null), json!([]));
}

#[test]
fn a_renewal_that_waits_names_the_record_and_the_daily_report_has_it() {
    let stack = Stack::start(&[("DigestHour", "0")]).unwrap();
    let web = service(&stack, "web", &[("lamplighter:managed", "observe")]);
    let record = json!({"Name": "_a1b2.shop.example.", "Type": "CNAME", "Value": "_c3d4.acm-validations.aws."});
    let arn = certificate(
        &stack,
        json!({"domain": "shop.example", "days": 10, "type": "AMAZON_ISSUED", "RenewalEligibility": "ELIGIBLE",
        "RenewalSummary": {"RenewalStatus": "PENDING_VALIDATION", "UpdatedAt": 1_795_000_000, "DomainValidationOptions": [
            {"DomainName": "shop.example", "ValidationMethod": "DNS", "ValidationStatus": "PENDING_VALIDATION", "ResourceRecord": record},
        ]}}),
    );
    add_https(&stack, &web, &arn);
    sweep(&stack);
    let body = stack.until("it is reported", || {
        let mail = stack.mail();
        let found = mail
            .iter()
            .find(|mail| mail["subject"].as_str().unwrap().contains("certificate"));
        found.map(|mail| mail["body"].as_str().unwrap().to_owned())
    });
    assert!(
        body.contains("Create the DNS record _a1b2.shop.example. CNAME _c3d4.acm-validations.aws."),
        "{body}"
    );
    // The day until tomorrow's midnight has begun, whatever hour it is.
    let tomorrow = read_clock().to_zoned(TimeZone::UTC).date() + 1.day();
    let report = stack.invoke(
        &stack.output("DigestFunction"),
        json!({"day": tomorrow.to_string()}),
    );
    let text = report["text"].as_str().unwrap_or_default();
    assert!(
        text.contains(
            "- shop/web: the certificate of shop.example on its load balancer expires on "
        ),
        "{report}"
    );
}
