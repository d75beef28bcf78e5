fn main() -> Result<(), lamplighter::door::Failure> {
    acknowledge::serve()
}
