//! AWS Secrets Manager: one secret.

use std::cell::OnceCell;

use aws_sdk_secretsmanager::Client;

use super::Config;
use super::error::{aws_error, incomplete_response};
use lamplighter::AwsError;

pub struct Secret {
    config: Config,
    arn: String,
    client: OnceCell<Client>,
}

impl Secret {
    #[must_use]
    pub fn new(config: Config, arn: impl Into<String>) -> Self {
        Self {
            config,
            arn: arn.into(),
            client: OnceCell::new(),
        }
    }

    /// Returns the current text of the secret. Source: GetSecretValue.
    ///
    /// # Errors
    /// [`AwsError`] if the secret can't be read or is binary.
    pub async fn read_text(&self) -> Result<String, AwsError> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let answer = client.get_secret_value().secret_id(&self.arn).send().await;
        let answer = answer.map_err(|e| aws_error("GetSecretValue", &self.arn, &e))?;
        answer
            .secret_string
            .ok_or_else(|| incomplete_response("GetSecretValue", &self.arn, "SecretString"))
    }
}
