fn main() -> Result<(), lamplighter_aws::lambda::StartupError> {
    vault::serve()
}
