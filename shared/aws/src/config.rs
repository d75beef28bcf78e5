//! SDK configuration, built from the environment variables that Lambda sets.
//!
//! In Lambda, region, credentials and endpoint come from the environment. The provider chain of
//! `aws-config` would cost about a millisecond and a megabyte at every cold start, so this module
//! does not use it. These variables are supported: `AWS_ENDPOINT_URL` and its per-service forms,
//! FIPS and dual-stack endpoints, and `AWS_CA_BUNDLE`.
//!
//! **TLS.** The provider is ring: its first handshake costs 2 ms, whereas the default provider
//! seeds its entropy for 30 ms.
//!
//! **Trust.** All AWS endpoints of the commercial and GovCloud partitions chain to five roots.
//! They are embedded (`amazon-roots.pem`). A test compares them with Mozilla's list: if an update
//! of that list drops one, the build fails. Every other partition uses the system's trust store.
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
/// Time-out of one attempt. A healthy control-plane call takes well under a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time-out of all attempts of one call.
///
/// It is shorter than a reconciliation, which is shorter than the function's time-out.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);
const MAX_ATTEMPTS: u32 = 4;
/// Maximum back-off. Without it, adaptive mode waits up to 20 s after a single throttled call.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Builds the configuration that all SDK clients share.
///
/// # Errors
/// [`ParameterError`] if a required variable is missing or the CA bundle is unusable.
pub fn build_sdk_config() -> Result<Config, ParameterError> {
    let region = read_required_env_var("AWS_REGION")?;
    let credentials = Credentials::new(
        read_required_env_var("AWS_ACCESS_KEY_ID")?,
        read_required_env_var("AWS_SECRET_ACCESS_KEY")?,
        env_var("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(build_http_client(select_trust_store(&region)?)?)
        .sleep_impl(TokioSleep::new())
        .time_source(SystemTimeSource::new())
        .retry_config(
            RetryConfig::adaptive()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_max_backoff(MAX_BACKOFF),
        )
        .timeout_config(timeout_config())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .service_config(EnvironmentEndpoints)
        .region(Region::new(region));
    // The SDK rejects a custom endpoint together with FIPS or dual-stack endpoints.
    if env_var("AWS_ENDPOINT_URL").is_none() {
        builder.set_use_fips(bool_env_var("AWS_USE_FIPS_ENDPOINT"));
        builder.set_use_dual_stack(bool_env_var("AWS_USE_DUALSTACK_ENDPOINT"));
    }
    Ok(builder.build())
}

/// Reports whether AWS is an emulator on this machine.
#[must_use]
pub fn is_local() -> bool {
    env_var("AWS_ENDPOINT_URL").is_some_and(|url| url.starts_with("http://127.0.0.1:"))
}

/// Returns the base URL of a service for calls without an SDK client: that of the environment, or AWS's.
pub(super) fn find_endpoint(service: &str, region: &str, dns_suffix: &str) -> String {
    let own = env_var(&format!("AWS_ENDPOINT_URL_{}", service.to_uppercase()));
    let fips = bool_env_var("AWS_USE_FIPS_ENDPOINT") == Some(true);
    own.or_else(|| env_var("AWS_ENDPOINT_URL"))
        .unwrap_or_else(|| {
            let host = if fips { "-fips" } else { "" };
            format!("https://{service}{host}.{region}.{dns_suffix}")
        })
}

fn timeout_config() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

fn build_http_client(trust: tls::TrustStore) -> Result<SharedHttpClient, ParameterError> {
    let context = tls::TlsContext::builder().with_trust_store(trust).build();
    let context = context.map_err(|e| parameter_error("AWS_CA_BUNDLE", &e.to_string()))?;
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    Ok(Builder::new()
        .tls_provider(provider)
        .tls_context(context)
        .build_https())
}

/// Builds an HTTP client for a program outside of Lambda. It trusts the machine's certificates, or those of `AWS_CA_BUNDLE`.
///
/// # Errors
/// [`ParameterError`] if the CA bundle is unusable.
pub fn build_public_http_client() -> Result<SharedHttpClient, ParameterError> {
    let trust = match env_var("AWS_CA_BUNDLE") {
        Some(path) => load_ca_bundle(&path)?,
        None => tls::TrustStore::default(),
    };
    build_http_client(trust)
}

fn select_trust_store(region: &str) -> Result<tls::TrustStore, ParameterError> {
    if let Some(path) = env_var("AWS_CA_BUNDLE") {
        return load_ca_bundle(&path);
    }
    if has_amazon_roots(region) {
        return Ok(tls::TrustStore::empty().with_pem_certificate(AMAZON_ROOTS));
    }
    Ok(tls::TrustStore::default())
}

/// Loads the trusted root certificates from a PEM file.
///
/// # Errors
/// [`ParameterError`] if the file is unreadable or has no PEM certificate. Without this check,
/// every AWS call would fail without naming the cause.
fn load_ca_bundle(path: &str) -> Result<tls::TrustStore, ParameterError> {
    let pem = std::fs::read(path).map_err(|e| unusable_bundle(path, &e.to_string()))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable_bundle(
            path,
            "holds no PEM certificate, such as those in /etc/pki/tls/certs/ca-bundle.crt",
        ));
    }
    Ok(tls::TrustStore::empty().with_pem_certificate(pem))
}

fn unusable_bundle(path: &str, problem: &str) -> ParameterError {
    parameter_error("CaBundle (AWS_CA_BUNDLE)", &format!("{path}: {problem}"))
}

/// Reports whether a region's endpoints chain to the embedded Amazon roots.
///
/// The China, isolated and European sovereign partitions have their own certificate chains.
fn has_amazon_roots(region: &str) -> bool {
    !["cn-", "us-iso", "eu-iso", "eusc-"]
        .iter()
        .any(|prefix| region.starts_with(prefix))
}

/// Endpoint overrides from the environment, as the SDK reference guide specifies them.
///
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
#[derive(Debug)]
struct EnvironmentEndpoints;

impl LoadServiceConfig for EnvironmentEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        let ignored = key.env() == "AWS_ENDPOINT_URL"
            && bool_env_var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some(true);
        if ignored {
            return None;
        }
        env_var(&format!("{}_{service}", key.env())).or_else(|| env_var(key.env()))
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the SDK's environment variables"
)]
fn env_var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read_required_env_var(name: &str) -> Result<String, ParameterError> {
    env_var(name).ok_or_else(|| parameter_error(name, "is not set; Lambda sets it"))
}

fn bool_env_var(name: &str) -> Option<bool> {
    env_var(name).map(|value| value.eq_ignore_ascii_case("true"))
}

fn parameter_error(name: &str, problem: &str) -> ParameterError {
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
    fn an_unusable_bundle_is_an_error_with_its_path() {
        let says = |path: &str| load_ca_bundle(path).unwrap_err().to_string();
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
            load_ca_bundle(concat!(env!("CARGO_MANIFEST_DIR"), "/src/amazon-roots.pem")).is_ok()
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
