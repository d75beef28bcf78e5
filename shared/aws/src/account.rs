//! One account and region: the SDK clients, and what AWS answered earlier and may be used again.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::Config;
use super::clients::Clients;
use super::ecs::deployment_configuration::DescribedConfiguration;
use super::{ecs, elb};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Service, TargetGroup, TaskDefinition};

/// Access to one account and region for as long as the function lives.
pub struct Account {
    pub clients: Clients,
    /// The target groups that have a load balancer, by ARN.
    target_groups: RefCell<BTreeMap<String, TargetGroup>>,
    /// Task definitions by revision. A revision is immutable.
    task_definitions: RefCell<HashMap<String, TaskDefinition>>,
    /// Deployment configurations as last described, from which an update of one setting starts.
    configurations: RefCell<HashMap<Arn, DescribedConfiguration>>,
}

impl Account {
    pub fn new(config: Config) -> Self {
        Self {
            clients: Clients::new(config),
            target_groups: RefCell::default(),
            task_definitions: RefCell::default(),
            configurations: RefCell::default(),
        }
    }

    /// Describes services, and keeps their deployment configurations for later updates.
    pub async fn describe_services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        let described = ecs::services::describe_services(self.clients.ecs(), arns).await?;
        let mut configurations = self.configurations.borrow_mut();
        let mut services = Vec::new();
        for (service, configuration) in described {
            configurations.insert(service.arn.clone(), configuration);
            services.push(service);
        }
        Ok(services)
    }

    /// Returns the deployment configuration of a service as last described.
    ///
    /// # Errors
    /// [`AwsError`] if the service was not described before and the call fails.
    pub async fn deployment_configuration(
        &self,
        service: &Arn,
    ) -> Result<DescribedConfiguration, AwsError> {
        if !self.configurations.borrow().contains_key(service) {
            self.describe_services(std::slice::from_ref(service))
                .await?;
        }
        let configurations = self.configurations.borrow();
        Ok(configurations.get(service).cloned().unwrap_or_default())
    }

    /// Describes a task definition revision once.
    pub async fn describe_task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        if let Some(known) = self.task_definitions.borrow().get(arn) {
            return Ok(known.clone());
        }
        let described =
            ecs::task_definitions::describe_task_definition(self.clients.ecs(), arn).await?;
        self.task_definitions
            .borrow_mut()
            .insert(arn.to_owned(), described.clone());
        Ok(described)
    }

    /// Returns those of these target groups that exist, by ARN.
    ///
    /// Groups without a load balancer are described again each time: they may get one at any time.
    pub async fn describe_target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError> {
        let mut groups = BTreeMap::new();
        let mut unknown = Vec::new();
        for arn in arns {
            if let Some(known) = self.target_groups.borrow().get(arn) {
                groups.insert(arn.clone(), known.clone());
            } else {
                unknown.push(arn.clone());
            }
        }
        for group in elb::describe_target_groups(self.clients.elb(), &unknown).await? {
            if !group.load_balancers.is_empty() {
                self.target_groups
                    .borrow_mut()
                    .insert(group.arn.clone(), group.clone());
            }
            groups.insert(group.arn.clone(), group);
        }
        Ok(groups)
    }
}
