//! Signatures of calls that no SDK client makes.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use super::Config;

/// A POST request to an AWS service, before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct UnsignedPost<'a> {
    /// The name that signatures use for the service: `lambda`.
    pub service: &'a str,
    pub region: &'a str,
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a str,
}

impl UnsignedPost<'_> {
    /// Returns the headers of the request, with those of its signature.
    ///
    /// # Errors
    /// Why the request can't be signed.
    pub async fn sign(&self, config: &Config) -> Result<Vec<(String, String)>, String> {
        let provider = config.credentials_provider().ok_or("no credentials")?;
        let credentials = provider.provide_credentials().await;
        let identity = credentials.map_err(|error| error.to_string())?.into();
        let now = config
            .time_source()
            .map_or(SystemTime::UNIX_EPOCH, |clock| clock.now());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let plain = self.headers.iter().copied();
        let body = SignableBody::Bytes(self.body.as_bytes());
        let request = SignableRequest::new("POST", self.url, plain.clone(), body);
        let request = request.map_err(|error| error.to_string())?;
        let signed = sign(request, &parameters).map_err(|error| error.to_string())?;
        let (instructions, _) = signed.into_parts();
        Ok(plain
            .chain(instructions.headers())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}
