fn main() -> Result<(), lamplighter_aws::lambda::StartupError> {
    interact::serve()
}
