//! Proposes tags for what an account has. It only reads, and needs no stack.

mod inventory;
mod propose;
mod render;

use aws_config::SdkConfig;
use serde_json::{Value, json};

use crate::arguments::{InitArguments, Output};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::print;
use inventory::list_resources;
pub use inventory::list_service_arns;
use propose::Proposal;
pub use propose::propose_scale;
use render::render_proposals;

/// Lists the resources of the account and region that Lamplighter could operate, with tags to begin with.
///
/// # Errors
/// [`CommandError`] if the account can't be read.
pub async fn run(
    arguments: &InitArguments,
    configuration: &SdkConfig,
    output: Output,
) -> Result<Exit, CommandError> {
    let found = list_resources(configuration).await?;
    let proposals: Vec<Proposal> = found.iter().map(Proposal::for_resource).collect();
    let listed = proposals.iter().map(|proposal| {
        json!({
            "resource": proposal.arn, "name": proposal.name, "tags": proposal.tags, "notes": proposal.notes,
            "is_tagged": proposal.is_tagged,
        })
    });
    let listed: Vec<Value> = listed.collect();
    print(output, &listed, || {
        render_proposals(&proposals, arguments.format)
    })?;
    Ok(Exit::Done)
}
