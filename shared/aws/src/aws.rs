//! The implementation of the ports over the real AWS, limited to what an operation may change.

use std::marker::PhantomData;

use super::Config;
use super::account::Account;
use super::clients::PrebuiltClient;
use super::dead_letters::Queues;
use super::eventbridge;
use super::execute::Execute;
use super::vault::Vault;
use lamplighter::AwsError;
use lamplighter::model::ReleaseEvent;
use lamplighter::plan::Action;
use lamplighter::policy::StackDefaults;
use lamplighter::ports::Executor;
use lamplighter::ports::capability::DeployActions;

/// Access to the function's account and region, limited to the capability `R` of an operation.
pub struct Aws<R = DeployActions> {
    pub(super) account: Account,
    capability: PhantomData<R>,
}

impl<R> Aws<R> {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            account: Account::new(config),
            capability: PhantomData,
        }
    }

    /// Adds the vault of the stack; an empty role means that it has none.
    #[must_use]
    pub fn with_vault(mut self, role: &str, stack: &str) -> Self {
        self.account.clients = self.account.clients.with_vault(Vault::new(role, stack));
        self
    }

    /// Adds the queues of the stack, which `request` reads.
    #[must_use]
    pub fn with_queues(mut self, defaults: &StackDefaults) -> Self {
        self.account.clients = self.account.clients.with_queues(Queues {
            dead_letters: defaults.dead_letters.clone(),
            notifications: defaults.notices.clone(),
            stack: defaults.stack.clone(),
        });
        self
    }

    /// Creates an adapter without configuration, for tests that add the clients they call.
    #[must_use]
    pub fn without_config() -> Self {
        Self::new(Config::builder().build())
    }

    /// Adds a prebuilt client, for tests of single calls.
    #[must_use]
    pub fn with_client(mut self, client: impl PrebuiltClient) -> Self {
        client.put_into(&mut self.account.clients);
        self
    }
}

impl<R: Execute> Executor for Aws<R> {
    async fn execute(&self, action: &Action) -> Result<String, AwsError> {
        R::execute(&self.account, action).await
    }

    async fn put_events(&self, events: &[ReleaseEvent]) -> Result<(), AwsError> {
        eventbridge::put_release_events(self.account.clients.eventbridge(), events).await
    }
}
