//! The vault: another account, where our role copies the snapshots that are shared with it.

use std::cell::OnceCell;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::Config;
use super::error::aws_error;
use lamplighter::model::Arn;

/// The vault's role, its external id and its RDS client.
#[derive(Debug, Default)]
pub struct Vault {
    /// ARN of the role; empty if the stack has no vault.
    role: Arn,
    /// Name of the stack, sent as the external id.
    stack: String,
    rds: OnceCell<aws_sdk_rds::Client>,
}

impl Vault {
    pub fn new(role: &str, stack: &str) -> Self {
        Self {
            role: Arn::new(role),
            stack: stack.to_owned(),
            rds: OnceCell::new(),
        }
    }

    /// Returns the account of the vault; empty if the stack has no vault.
    pub fn account(&self) -> &str {
        self.role.account_id()
    }

    /// Returns the RDS client of the vault account.
    ///
    /// The client assumes the role on first use, and again before the credentials expire.
    pub fn rds_client(&self, config: &Config) -> &aws_sdk_rds::Client {
        self.rds.get_or_init(|| {
            let sts = aws_sdk_sts::Client::new(config);
            let role = AssumedRole {
                sts,
                role: self.role.to_string(),
                stack: self.stack.clone(),
            };
            let builder = aws_sdk_rds::config::Builder::from(config);
            let builder = builder.credentials_provider(SharedCredentialsProvider::new(role));
            aws_sdk_rds::Client::from_conf(builder.build())
        })
    }
}

/// Provides the credentials of a role, which it assumes with the stack as the external id.
#[derive(Debug)]
struct AssumedRole {
    sts: aws_sdk_sts::Client,
    role: String,
    stack: String,
}

impl AssumedRole {
    async fn assume_role(&self) -> Result<Credentials, CredentialsError> {
        let request = self
            .sts
            .assume_role()
            .role_arn(&self.role)
            .role_session_name("lamplighter-backup");
        let answer = request.external_id(&self.stack).send().await;
        let answer = answer.map_err(|e| {
            CredentialsError::provider_error(aws_error("AssumeRole", &self.role, &e))
        })?;
        let credentials = answer
            .credentials
            .ok_or_else(|| CredentialsError::not_loaded("the response has no credentials"))?;
        let seconds = u64::try_from(credentials.expiration.secs()).unwrap_or_default();
        let until = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        Ok(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            until,
            "vault",
        ))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(self.assume_role())
    }
}
