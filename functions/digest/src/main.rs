fn main() -> Result<(), lamplighter_aws::lambda::StartupError> {
    digest::serve()
}
