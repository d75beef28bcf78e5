fn main() -> Result<(), lamplighter::door::Failure> {
    digest::serve()
}
