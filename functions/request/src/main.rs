fn main() -> Result<(), lamplighter_aws::lambda::StartupError> {
    lamplighter_aws::lambda::serve_operation(request::RequestOperation)
}
