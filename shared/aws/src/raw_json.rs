//! Raw JSON bodies, so that fields unknown to this build are preserved.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

/// An interceptor that keeps the raw body of a response.
#[derive(Debug, Clone, Default)]
pub struct BodyCapture(Arc<Mutex<Option<Value>>>);

impl BodyCapture {
    pub fn take_body(&self) -> Option<Value> {
        self.0.lock().ok()?.take()
    }
}

impl Intercept for BodyCapture {
    fn name(&self) -> &'static str {
        "BodyCapture"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let document = context
            .response()
            .body()
            .bytes()
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        if let Ok(mut slot) = self.0.lock() {
            *slot = document;
        }
        Ok(())
    }
}

/// Replaces the body of a request with a JSON document, before the SDK signs it.
pub fn replace_body(request: &mut HttpRequest, document: &Value) {
    let body = document.to_string();
    request
        .headers_mut()
        .insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
}
