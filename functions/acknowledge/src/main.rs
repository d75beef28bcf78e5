fn main() -> Result<(), lamplighter_aws::lambda::Failure> {
    acknowledge::serve()
}
