fn main() -> Result<(), lamplighter::door::Failure> {
    lamplighter::door::operate(heal::Heal)
}
