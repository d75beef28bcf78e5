fn main() -> Result<(), lamplighter::door::Failure> {
    alert::serve()
}
