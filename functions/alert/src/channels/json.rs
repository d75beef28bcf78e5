//! JSON objects.

use serde_json::Value;

/// Returns the document extended by the fields of another one.
#[must_use]
pub fn merge_objects(mut document: Value, other: Value) -> Value {
    if let (Value::Object(fields), Value::Object(others)) = (&mut document, other) {
        fields.extend(others);
    }
    document
}
