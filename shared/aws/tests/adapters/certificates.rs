//! Certificates of listeners: Elastic Load Balancing and ACM, call by call.

use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;
use aws_sdk_acm::primitives::DateTime;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateType, DomainStatus, DomainValidation, FailureReason, RecordType,
    RenewalEligibility, RenewalStatus, RenewalSummary, ResourceRecord,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_listener_certificates::DescribeListenerCertificatesOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::DescribeListenersOutput;
use aws_sdk_elasticloadbalancingv2::types::{Certificate as Attached, Listener};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lamplighter::model::{Arn, Certificate, PendingDomain, Renewal};
use lamplighter::ports::LoadBalancing;
use lamplighter::ports::capability::ReadOnly;
use lamplighter_aws::Aws;
use rstest::rstest;

const SHOP: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210";
const GONE: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/gone/fedcba9876543210";
const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/fedcba9876543210/01";
const IN_IAM: &str = "arn:aws:iam::123456789012:server-certificate/shop-2019";

fn acm_arn(id: &str) -> String {
    format!("arn:aws:acm:eu-west-1:123456789012:certificate/{id}")
}

fn load_balancing(attached: &'static [&'static str]) -> aws_sdk_elasticloadbalancingv2::Client {
    let refused = || {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>LoadBalancerNotFound</Code>\
            <Message>One or more load balancers not found</Message></Error></ErrorResponse>";
        HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body))
    };
    let gone = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_listeners)
        .match_requests(|r| r.load_balancer_arn() == Some(GONE))
        .then_http_response(refused);
    let listeners = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_listeners)
        .match_requests(|r| r.load_balancer_arn() == Some(SHOP))
        .then_output(|| {
            let default = Attached::builder().certificate_arn(acm_arn("www")).build();
            let secure = Listener::builder()
                .listener_arn(LISTENER)
                .certificates(default);
            let plain = Listener::builder().listener_arn("plain");
            DescribeListenersOutput::builder()
                .listeners(plain.build())
                .listeners(secure.build())
                .build()
        });
    // Two pages: a listener has its default certificate and up to 25 more.
    let page = |number: usize| -> Rule {
        let marker = (number == 1).then_some("1");
        let certificate = attached[number];
        let next = (number == 0).then_some("1".to_owned());
        mock!(aws_sdk_elasticloadbalancingv2::Client::describe_listener_certificates)
            .match_requests(move |r| r.listener_arn() == Some(LISTENER) && r.marker() == marker)
            .then_output(move || {
                let attached = Attached::builder().certificate_arn(certificate).build();
                DescribeListenerCertificatesOutput::builder()
                    .certificates(attached)
                    .set_next_marker(next.clone())
                    .build()
            })
    };
    let (first, second) = (page(0), page(1));
    mock_client!(
        aws_sdk_elasticloadbalancingv2,
        RuleMode::MatchAny,
        [&gone, &listeners, &first, &second]
    )
}

fn certificate_manager(detail: CertificateDetail) -> aws_sdk_acm::Client {
    let missing = || {
        let body = r#"{"__type": "ResourceNotFoundException", "message": "not found"}"#;
        HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body))
    };
    let known = mock!(aws_sdk_acm::Client::describe_certificate)
        .match_requests(|r| r.certificate_arn() == Some(&*acm_arn("www")))
        .then_output(move || {
            DescribeCertificateOutput::builder()
                .certificate(detail.clone())
                .build()
        });
    let unknown = mock!(aws_sdk_acm::Client::describe_certificate)
        .match_requests(|r| r.certificate_arn() != Some(&*acm_arn("www")))
        .then_http_response(missing);
    mock_client!(aws_sdk_acm, RuleMode::MatchAny, [&known, &unknown])
}

fn summary(status: RenewalStatus) -> aws_sdk_acm::types::builders::RenewalSummaryBuilder {
    RenewalSummary::builder()
        .renewal_status(status)
        .updated_at(DateTime::from_secs(0))
        .set_domain_validation_options(Some(Vec::new()))
}

fn domain(name: &str, status: DomainStatus, record: bool) -> DomainValidation {
    let record = record.then(|| {
        ResourceRecord::builder()
            .name(format!("_a.{name}."))
            .r#type(RecordType::Cname)
            .value("_b.acm-validations.aws.")
            .build()
            .unwrap()
    });
    DomainValidation::builder()
        .domain_name(name)
        .validation_status(status)
        .set_resource_record(record)
        .build()
        .unwrap()
}

fn pending() -> RenewalSummary {
    summary(RenewalStatus::PendingValidation)
        .domain_validation_options(domain("a.example", DomainStatus::Success, true))
        .domain_validation_options(domain("b.example", DomainStatus::PendingValidation, true))
        .domain_validation_options(domain("c.example", DomainStatus::Failed, false))
        .build()
        .unwrap()
}

fn pending_domains() -> Renewal {
    Renewal::PendingValidation(vec![
        PendingDomain {
            name: "b.example".into(),
            record: Some(("_a.b.example.".into(), "_b.acm-validations.aws.".into())),
        },
        PendingDomain {
            name: "c.example".into(),
            record: None,
        },
    ])
}

fn failed() -> RenewalSummary {
    summary(RenewalStatus::Failed)
        .renewal_status_reason(FailureReason::CaaError)
        .build()
        .unwrap()
}

fn succeeded() -> RenewalSummary {
    summary(RenewalStatus::Success).build().unwrap()
}

#[rstest]
#[case::imported(CertificateType::Imported, None, None, Renewal::Imported)]
#[case::not_begun(
    CertificateType::AmazonIssued,
    None,
    Some(RenewalEligibility::Eligible),
    Renewal::Automatic
)]
#[case::succeeded(
    CertificateType::AmazonIssued,
    Some(succeeded()),
    Some(RenewalEligibility::Eligible),
    Renewal::Automatic
)]
#[case::ineligible(
    CertificateType::AmazonIssued,
    None,
    Some(RenewalEligibility::Ineligible),
    Renewal::Ineligible
)]
#[case::pending(
    CertificateType::AmazonIssued,
    Some(pending()),
    Some(RenewalEligibility::Eligible),
    pending_domains()
)]
#[case::failed(CertificateType::AmazonIssued, Some(failed()), None, Renewal::Failed("CAA_ERROR".into()))]
#[case::private(CertificateType::Private, None, None, Renewal::Automatic)]
#[tokio::test]
async fn a_certificate_of_acm_says_who_renews_it(
    #[case] kind: CertificateType,
    #[case] summary: Option<RenewalSummary>,
    #[case] eligibility: Option<RenewalEligibility>,
    #[case] renewal: Renewal,
) {
    let detail = CertificateDetail::builder()
        .certificate_arn(acm_arn("www"))
        .domain_name("www.shop.example")
        .r#type(kind)
        .not_after(DateTime::from_secs(1_800_000_000))
        .set_renewal_summary(summary)
        .set_renewal_eligibility(eligibility)
        .build();
    let www: &'static str = acm_arn("www").leak();
    let gone: &'static str = acm_arn("deleted").leak();
    let attached: &'static [&'static str] = vec![www, gone].leak();
    let aws: Aws<ReadOnly> = Aws::without_config()
        .with_client(load_balancing(attached))
        .with_client(certificate_manager(detail));
    let found = aws
        .list_certificates(&[SHOP.to_owned(), GONE.to_owned()])
        .await
        .unwrap();
    let expected = Certificate {
        arn: Arn::new(www),
        domain: "www.shop.example".into(),
        load_balancers: vec![SHOP.into()],
        expires_at: Some("2027-01-15T08:00:00Z".parse().unwrap()),
        renewal,
    };
    assert_eq!(found, [expected]);
}

#[tokio::test]
async fn a_certificate_in_iam_is_found_without_a_question_to_acm() {
    let www: &'static str = acm_arn("deleted").leak();
    let attached: &'static [&'static str] = vec![IN_IAM, www].leak();
    let aws: Aws<ReadOnly> = Aws::without_config()
        .with_client(load_balancing(attached))
        .with_client(certificate_manager(CertificateDetail::builder().build()));
    let found = aws.list_certificates(&[SHOP.to_owned()]).await.unwrap();
    let [only] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        (&*only.domain, only.expires_at, &only.renewal),
        ("shop-2019", None, &Renewal::StoredInIam)
    );
}
