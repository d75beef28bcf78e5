fn main() -> Result<(), lamplighter_aws::lambda::StartupError> {
    acknowledge::serve()
}
