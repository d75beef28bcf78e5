fn main() -> Result<(), lamplighter_aws::lambda::Failure> {
    lamplighter_aws::lambda::operate(enroll::Enroll)
}
