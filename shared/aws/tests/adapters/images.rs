//! Images in ECR, call by call.

use aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use lamplighter::model::{Digest, ImageScan, Repository};
use lamplighter::ports::Images;
use lamplighter_aws::Aws;

use crate::responses::refused;

fn ecr_adapter(ecr: aws_sdk_ecr::Client) -> Aws {
    Aws::without_config().with_client(ecr)
}

/// In the region of the mocked client.
fn repository() -> Repository {
    Repository {
        host: "210987654321.dkr.ecr.us-east-1.amazonaws.com".into(),
        name: "shop/web".into(),
    }
}

#[tokio::test]
async fn a_missing_tag_is_no_error_but_a_missing_repository_is() {
    let rule = mock!(aws_sdk_ecr::Client::batch_get_image)
        .match_requests(|r| r.registry_id() == Some("210987654321"))
        .then_output(|| BatchGetImageOutput::builder().build());
    let ecr = mock_client!(aws_sdk_ecr, RuleMode::MatchAny, [&rule]);
    assert_eq!(
        ecr_adapter(ecr).find_image(&repository(), "RC_1.0.0").await,
        Ok(None)
    );

    let rule = mock!(aws_sdk_ecr::Client::batch_get_image).then_http_response(|| {
        refused(
            400,
            "RepositoryNotFoundException",
            "does not exist in the registry",
        )
    });
    let ecr = mock_client!(aws_sdk_ecr, RuleMode::MatchAny, [&rule]);
    let error = ecr_adapter(ecr)
        .find_image(&repository(), "RC_1.0.0")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "BatchGetImage shop/web: RepositoryNotFoundException: does not exist in the registry"
    );
}

#[tokio::test]
async fn an_image_that_was_never_scanned_has_no_scan_result() {
    let rule = mock!(aws_sdk_ecr::Client::describe_image_scan_findings)
        .then_http_response(|| refused(400, "ScanNotFoundException", "no scan"));
    let ecr = mock_client!(aws_sdk_ecr, RuleMode::MatchAny, [&rule]);
    let scan = ecr_adapter(ecr)
        .image_scan(&repository(), &Digest::new("sha256:ab"))
        .await
        .unwrap();
    assert!(matches!(scan, ImageScan::Unavailable(why) if why.contains("never scanned")));
}
