fn main() -> Result<(), lamplighter_aws::lambda::Failure> {
    alert::serve()
}
