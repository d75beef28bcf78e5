//! `vault`: rotates the copies of backups in the vault's account.
//!
//! Trigger: a sweep every hour. It runs in the account of the vault, where the source account may put copies and delete none.
//! Retention and least age are parameters of `infra/vault.yaml`.

mod decide;
#[cfg(test)]
mod decide_tests;
mod settings;

use std::rc::Rc;

use jiff::Timestamp;
use lamplighter::engine::Invocation;
use lamplighter::engine::telemetry::build_vault_record;
use lamplighter::model::Snapshot;
use lamplighter::ports::StoredCopies;
use lamplighter::{AwsError, Error};
use lamplighter_aws::{CopyStore, build_sdk_config, lambda, print_line};
use serde_json::{Value, json};

pub use decide::{Rules, Verdict, WAITS_FOR, bound_times, decide};
pub use settings::{Settings, VARIABLE};

/// Most copies that one run deletes. The next one continues.
const MAX_DELETIONS: usize = 20;

/// Runs the Lambda function; `main` only calls it.
///
/// # Errors
/// [`lambda::StartupError`] if the process cannot start.
pub fn serve() -> Result<(), lambda::StartupError> {
    lambda::serve_handler(|_| {
        let settings = Settings::parse(&lambda::read_variable(VARIABLE))?;
        let store = CopyStore::new(&build_sdk_config()?);
        let vault = Rc::new((settings, store));
        Ok(move |_, _: Invocation| {
            let vault = Rc::clone(&vault);
            async move { rotate(&vault.0, &vault.1, lambda::read_clock()).await }
        })
    })
}

/// What one run did.
#[derive(Debug, Default)]
struct Counts {
    kept: usize,
    marked: usize,
    deleted: usize,
}

/// Rotates all copies once. A copy for which a call fails stays, and the others go on.
///
/// # Errors
/// [`AwsError`] if the copies can't be listed, or the first one of a single copy, after all others.
pub async fn rotate<S: StoredCopies>(
    settings: &Settings,
    store: &S,
    now: Timestamp,
) -> Result<Value, Error> {
    let mut copies = store.list_copies().await?;
    copies.retain(|snapshot| snapshot.has_own_name() && settings.is_copy(snapshot));
    bound_times(&mut copies);
    let mut counts = Counts::default();
    let mut first_error = None;
    for (copy, verdict) in decide(&copies, &settings.rules, now) {
        if let Err(error) = apply(store, copy, verdict, &mut counts, now).await {
            tracing::error!(copy = copy.identifier, %error, "the copy stays as it is");
            first_error = first_error.or(Some(error));
        }
    }
    let good = copies.iter().filter(|copy| copy.is_restorable());
    let newest = good.filter_map(|copy| copy.taken_at).max();
    let age = newest.map(|at| now.duration_since(at));
    print_line(&build_vault_record(&settings.stack, age, copies.len(), now).to_string());
    if let Some(error) = first_error {
        return Err(error.into());
    }
    Ok(json!({
        "copies": copies.len(),
        "kept": counts.kept,
        "marked": counts.marked,
        "deleted": counts.deleted,
        "newest": newest.map(|at| at.to_string()),
    }))
}

async fn apply<S: StoredCopies>(
    store: &S,
    copy: &Snapshot,
    verdict: Verdict,
    counts: &mut Counts,
    now: Timestamp,
) -> Result<(), AwsError> {
    match verdict {
        Verdict::Keep(_) | Verdict::Wait => counts.kept += 1,
        Verdict::Unmark(reason) => {
            tracing::info!(copy = copy.identifier, reason, "kept again");
            store.clear_mark(&copy.arn).await?;
            counts.kept += 1;
        }
        Verdict::Mark => {
            tracing::info!(copy = copy.identifier, "expired; it is deleted in a day");
            store.mark_expired(&copy.arn, now).await?;
            counts.marked += 1;
        }
        Verdict::Delete(_) if counts.deleted >= MAX_DELETIONS => counts.kept += 1,
        // Another account may restore from it.
        Verdict::Delete(_) if store.is_copy_shared(&copy.arn).await? => counts.kept += 1,
        Verdict::Delete(reason) => {
            tracing::info!(copy = copy.identifier, reason, "deleted");
            store.delete_copy(&copy.arn).await?;
            counts.deleted += 1;
        }
    }
    Ok(())
}
