fn main() -> Result<(), lamplighter_aws::lambda::StartupError> {
    alert::serve()
}
