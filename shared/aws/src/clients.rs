//! The SDK clients, each built on first use, so that a function links and builds only those it calls.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use aws_types::region::Region;

use super::Config;
use super::dead_letters::Queues;
use super::vault::Vault;
use lamplighter::model::{Arn, CopyDestination, Repository};

/// A client that a test builds itself and hands to [`Clients`].
pub trait PrebuiltClient {
    /// Replaces the client that would be built on first use.
    fn put_into(self, clients: &mut Clients);
}

/// Declares [`Clients`] from one list: a field, an accessor and a [`PrebuiltClient`] per AWS service.
macro_rules! clients {
    ($($name:ident: $client:ty,)*) => {
        /// The SDK clients of one account, in the region of the function unless stated otherwise.
        pub struct Clients {
            config: Config,
            /// ECR clients by region, because an image may come from a registry in another region.
            ecr: RefCell<HashMap<String, aws_sdk_ecr::Client>>,
            vault: Vault,
            queues: Queues,
            $($name: OnceCell<$client>,)*
        }

        impl Clients {
            pub fn new(config: Config) -> Self {
                Self {
                    config,
                    ecr: RefCell::default(),
                    vault: Vault::default(),
                    queues: Queues::default(),
                    $($name: OnceCell::new(),)*
                }
            }

            $(
                pub fn $name(&self) -> &$client {
                    self.$name.get_or_init(|| <$client>::new(&self.config))
                }
            )*
        }

        $(
            impl PrebuiltClient for $client {
                fn put_into(self, clients: &mut Clients) {
                    clients.$name = OnceCell::from(self);
                }
            }
        )*
    };
}

clients! {
    acm: aws_sdk_acm::Client,
    application_autoscaling: aws_sdk_applicationautoscaling::Client,
    autoscaling: aws_sdk_autoscaling::Client,
    cloudtrail: aws_sdk_cloudtrail::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    codedeploy: aws_sdk_codedeploy::Client,
    ecs: aws_sdk_ecs::Client,
    elasticache: aws_sdk_elasticache::Client,
    eventbridge: aws_sdk_eventbridge::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    rds: aws_sdk_rds::Client,
    s3: aws_sdk_s3::Client,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
}

impl Clients {
    /// Adds the vault of the stack.
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault, ..self }
    }

    /// Adds the queues of the stack.
    pub fn with_queues(self, queues: Queues) -> Self {
        Self { queues, ..self }
    }

    /// Returns the queues of the stack.
    pub const fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Returns the configuration of the clients.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the ECR client for the region of a repository.
    pub fn ecr(&self, repository: &Repository) -> aws_sdk_ecr::Client {
        let own_region = self.config.region().map(AsRef::as_ref).unwrap_or_default();
        let region = repository.region().unwrap_or(own_region);
        let mut clients = self.ecr.borrow_mut();
        let client = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_ecr::config::Builder::from(&self.config);
            aws_sdk_ecr::Client::from_conf(config.region(Region::new(region.to_owned())).build())
        });
        client.clone()
    }

    /// Returns the account of the vault; empty if the stack has none.
    pub fn vault_account(&self) -> &str {
        self.vault.account()
    }

    /// Returns the RDS client for the place of snapshot copies: another region or the vault.
    pub fn rds_at(&self, place: &CopyDestination) -> aws_sdk_rds::Client {
        match place.region() {
            Some(region) => self.rds_in(region),
            None => self.vault.rds_client(&self.config).clone(),
        }
    }

    /// Returns the RDS client for the account and region of a snapshot.
    pub fn rds_of(&self, snapshot: &Arn) -> aws_sdk_rds::Client {
        if snapshot.account_id() == self.vault.account() {
            return self.vault.rds_client(&self.config).clone();
        }
        self.rds_in(snapshot.region())
    }

    /// Returns the RDS client for a region.
    fn rds_in(&self, region: &str) -> aws_sdk_rds::Client {
        let own_config = self.rds().config();
        let own_region = own_config.region().map(AsRef::as_ref).unwrap_or_default();
        if region.is_empty() || region == own_region {
            return self.rds().clone();
        }
        let config = aws_sdk_rds::config::Builder::from(&self.config);
        aws_sdk_rds::Client::from_conf(config.region(Region::new(region.to_owned())).build())
    }
}

impl PrebuiltClient for aws_sdk_ecr::Client {
    /// Replaces the client for the region of this one.
    fn put_into(self, clients: &mut Clients) {
        let region = self.config().region();
        let region = region.map(ToString::to_string).unwrap_or_default();
        clients.ecr.get_mut().insert(region, self);
    }
}
