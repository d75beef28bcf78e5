fn main() -> Result<(), lamplighter_aws::lambda::Failure> {
    digest::serve()
}
