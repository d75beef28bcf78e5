//! The outcomes of calls that may be repeated: a resource that exists already, or no longer.

use lamplighter::AwsError;

/// Returns the outcome of the creation of a resource; an existing one is no error.
pub fn creation_outcome(result: Result<(), AwsError>, name: &str) -> Result<String, AwsError> {
    match result {
        Ok(()) => Ok(format!("{name} is being created")),
        Err(error) if error.code.contains("AlreadyExists") => Ok(format!("{name} already exists")),
        Err(error) => Err(error),
    }
}

/// Returns the outcome of the deletion of a temporary database; a missing one is no error.
pub fn database_deletion_outcome(
    result: Result<(), AwsError>,
    name: &str,
) -> Result<String, AwsError> {
    match result {
        Ok(()) => Ok(format!("{name} is being deleted")),
        Err(error) if error.code.contains("NotFound") => Ok(already_deleted(name)),
        Err(error) => Err(error),
    }
}

/// Returns the outcome of the deletion of a snapshot; a missing one is no error.
pub fn snapshot_deletion_outcome(
    result: Result<(), AwsError>,
    name: &str,
) -> Result<String, AwsError> {
    match result {
        Ok(()) => Ok(format!("{name} is deleted")),
        Err(error) if is_snapshot_missing(&error) => Ok(already_deleted(name)),
        Err(error) => Err(error),
    }
}

fn already_deleted(name: &str) -> String {
    format!("{name} was already deleted")
}

/// Reports whether an error means that a snapshot does not exist.
///
/// Codes come with and without `Fault`: `DBSnapshotNotFound`, `DBClusterSnapshotNotFoundFault`.
pub fn is_snapshot_missing(error: &AwsError) -> bool {
    error.code.contains("SnapshotNotFound")
}
