//! Tests of `lamplighter:deploy`.

use rstest::rstest;

use super::deploy::*;
use super::deploy_options::Severity;

#[test]
fn reads_all_parts_of_an_example() {
    let policy = DeployPolicy::parse(
        "tag=RC_x.x.x repo=shop/web container=web verify=https://shop.example.com/health verify.2=http://a/b scan=critical",
    )
    .unwrap();
    assert!(policy.follows.matches_tag("RC_1.4.2"));
    assert_eq!(policy.repo.unwrap().name, "shop/web");
    assert_eq!(
        policy.verify,
        ["https://shop.example.com/health", "http://a/b"]
    );
    assert_eq!(policy.scan, Some(Severity::Critical));
    assert!(policy.breaker && !policy.approve && !policy.snapshot);
}

#[rstest]
#[case("main-@", "main-3f9c1e0-1795230000", true)]
#[case("main-@", "main2-3f9c1e0", false)]
#[case("@", "3f9c1e0", true)]
#[case("release-@-amd64", "release-7-arm64", false)]
#[case("v@", "1.2.3", false)]
fn newest_takes_any_text_for_its_wildcard(
    #[case] pattern: &str,
    #[case] tag: &str,
    #[case] is_matched: bool,
) {
    let policy = DeployPolicy::parse(&format!("newest={pattern}")).unwrap();
    assert_eq!(policy.follows.matches_tag(tag), is_matched);
}

#[rstest]
#[case("repo=shop/web", "tag= (or semver= or newest=) is missing")]
#[case(
    "tag=latest semver=2.x",
    "tag=, semver= and newest= are mutually exclusive"
)]
#[case(
    "newest=main-@ tag=latest",
    "tag=, semver= and newest= are mutually exclusive"
)]
#[case(
    "newest=latest",
    "newest=latest has no @, which stands for any text; tag=latest tracks this one tag"
)]
#[case(
    "newest=main/@",
    "newest=main/@ can match no image tag, which has only letters, digits, _ . and -; @ stands for any text"
)]
#[case(
    "tag=latest alarms=checkout-errors",
    "alarms= needs bake=, the time in which the alarms count, such as bake=10m"
)]
#[case("semver=two", "semver=two is not a version range such as 2.x or 1.4")]
#[case(
    "tag=latest pre=yes",
    "pre=yes needs semver=; tag= and newest= match whatever stands in them"
)]
#[case(
    "tag=latest scan=bad",
    "scan=bad is not one of low, medium, high, critical"
)]
#[case(
    "tag=latest verify=shop.example.com",
    "verify=shop.example.com is not an http:// or https:// URL"
)]
#[case(
    "tag=latest repo.2=shop/web",
    "unknown key \"repo.2\", did you mean \"repo\"? (known: tag, semver, newest, pre, repo, container, verify, expect, scan, approve, after, snapshot, snapshot-limit, before, before-limit, base, restart, breaker, deadline, bake, alarms, strategy, verify-test, inconclusive, group)"
)]
#[case(
    "tag=latest repo=123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1.0",
    "repo=123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1.0 names an image; a repository has no tag, such as shop/web"
)]
#[case(
    "tag=latest repo=public.ecr.aws/nginx/nginx",
    "repo=public.ecr.aws/nginx/nginx is in no private ECR registry, such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com"
)]
#[case(
    "tag=latest container=web+",
    "container=web+ is not a list of containers such as web+migrate"
)]
#[case(
    "tag=latest after=web",
    "after=web is not a cluster and a service such as staging/web"
)]
#[case(
    "tag=latest before=shop-migrate:3",
    "before=shop-migrate:3 is not a family of task definitions such as shop-migrate"
)]
#[case("tag=latest approve=maybe", "approve=maybe is neither yes nor no")]
fn an_error_names_the_problem(#[case] value: &str, #[case] problem: &str) {
    assert_eq!(DeployPolicy::parse(value).unwrap_err().problem, problem);
}
