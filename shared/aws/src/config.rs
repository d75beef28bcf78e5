//! How AWS is reached: a configuration built by hand from what Lambda puts into the environment.
//!
//! In Lambda, region, credentials and endpoint come from the environment, so the provider chain of
//! `aws-config` is left out: it costs about a millisecond and a megabyte at every cold start. What the
//! environment may say is honoured all the same: `AWS_ENDPOINT_URL` and its per-service forms, FIPS and
//! dual-stack endpoints, and `AWS_CA_BUNDLE`.
//!
//! **TLS.** ring, because its first handshake costs 2 ms where the default provider seeds its entropy
//! for 30 ms. **Trust.** The five roots that all AWS endpoints of the commercial and GovCloud partitions
//! chain to are embedded (`amazon-roots.pem`; a test compares them with Mozilla's list, so that an
//! update of that list which drops one fails the build). Every other partition uses the system's store.
//! `AWS_CA_BUNDLE` names a file to trust instead, without a new build.
//! Source: <https://www.amazontrust.com/repository/>

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use lamplighter::ParameterError;

pub type Config = SdkConfig;

const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// One attempt; a healthy control-plane call takes well under a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// All attempts of one call. Shorter than a visit, which is shorter than the function's time-out.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);
const MAX_ATTEMPTS: u32 = 4;
/// Without a cap the adaptive mode waits up to 20 s after a single throttled call.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// The configuration of every client.
///
/// # Errors
/// [`ParameterError`] naming the variable that is missing or the certificate file that can't be read.
pub fn config() -> Result<Config, ParameterError> {
    let region = required("AWS_REGION")?;
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client(trust_store(&region)?)?)
        .sleep_impl(TokioSleep::new())
        .time_source(SystemTimeSource::new())
        .retry_config(
            RetryConfig::adaptive()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_max_backoff(MAX_BACKOFF),
        )
        .timeout_config(timeouts())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .service_config(Environment)
        .region(Region::new(region));
    // An endpoint given by hand excludes the variants; the SDK refuses both together.
    if variable("AWS_ENDPOINT_URL").is_none() {
        builder.set_use_fips(switch("AWS_USE_FIPS_ENDPOINT"));
        builder.set_use_dual_stack(switch("AWS_USE_DUALSTACK_ENDPOINT"));
    }
    Ok(builder.build())
}

/// AWS is an emulator on this machine.
#[must_use]
pub fn is_local() -> bool {
    variable("AWS_ENDPOINT_URL").is_some_and(|url| url.starts_with("http://127.0.0.1:"))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

fn http_client(trust: tls::TrustStore) -> Result<SharedHttpClient, ParameterError> {
    let context = tls::TlsContext::builder().with_trust_store(trust).build();
    let context = context.map_err(|e| parameter("AWS_CA_BUNDLE", &e.to_string()))?;
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    Ok(Builder::new()
        .tls_provider(provider)
        .tls_context(context)
        .build_https())
}

fn trust_store(region: &str) -> Result<tls::TrustStore, ParameterError> {
    if let Some(path) = variable("AWS_CA_BUNDLE") {
        return bundle(&path);
    }
    if has_amazon_roots(region) {
        return Ok(tls::TrustStore::empty().with_pem_certificate(AMAZON_ROOTS));
    }
    Ok(tls::TrustStore::default())
}

/// The roots in a file. One without any would fail every call, without saying why.
fn bundle(path: &str) -> Result<tls::TrustStore, ParameterError> {
    let unusable =
        |problem: &str| parameter("CaBundle (AWS_CA_BUNDLE)", &format!("{path}: {problem}"));
    let pem = std::fs::read(path).map_err(|e| unusable(&e.to_string()))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable(
            "holds no PEM certificate, such as those in /etc/pki/tls/certs/ca-bundle.crt",
        ));
    }
    Ok(tls::TrustStore::empty().with_pem_certificate(pem))
}

/// China, the isolated and the European sovereign partitions have certificate chains of their own.
fn has_amazon_roots(region: &str) -> bool {
    !["cn-", "us-iso", "eu-iso", "eusc-"]
        .iter()
        .any(|prefix| region.starts_with(prefix))
}

/// Endpoints by environment, as the SDK reference guide describes them.
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        let ignored = key.env() == "AWS_ENDPOINT_URL"
            && switch("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some(true);
        if ignored {
            return None;
        }
        variable(&format!("{}_{service}", key.env())).or_else(|| variable(key.env()))
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the SDK's environment variables"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &str) -> Result<String, ParameterError> {
    variable(name).ok_or_else(|| parameter(name, "is not set; Lambda sets it"))
}

fn switch(name: &str) -> Option<bool> {
    variable(name).map(|value| value.eq_ignore_ascii_case("true"))
}

fn parameter(name: &str, problem: &str) -> ParameterError {
    ParameterError {
        parameter: name.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The DER of each certificate in a PEM file, as base64 without line breaks.
    fn certificates(pem: &str) -> Vec<String> {
        let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
        blocks
            .map(|b| {
                b.split("-----END")
                    .next()
                    .unwrap()
                    .split_whitespace()
                    .collect()
            })
            .collect()
    }

    #[test]
    fn the_embedded_roots_are_on_mozillas_list() {
        let embedded = certificates(std::str::from_utf8(AMAZON_ROOTS).unwrap());
        let mozilla: Vec<String> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(aws_smithy_types::base64::encode)
            .collect();
        assert_eq!(embedded.len(), 5);
        assert!(embedded.iter().all(|root| mozilla.contains(root)));
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_named() {
        let says = |path: &str| bundle(path).unwrap_err().to_string();
        assert!(
            says("/no/such.pem").starts_with(
                "stack parameter CaBundle (AWS_CA_BUNDLE): /no/such.pem: No such file"
            )
        );
        assert!(
            says(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
                .contains("holds no PEM certificate")
        );
        assert!(
            bundle(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/src/aws/amazon-roots.pem"
            ))
            .is_ok()
        );
    }

    #[test]
    fn only_partitions_that_chain_to_amazon_use_the_embedded_roots() {
        assert!(
            ["eu-west-1", "us-gov-west-1", "il-central-1"]
                .iter()
                .all(|r| has_amazon_roots(r))
        );
        assert!(
            !["cn-north-1", "us-iso-east-1", "eusc-de-east-1"]
                .iter()
                .any(|r| has_amazon_roots(r))
        );
    }
}
