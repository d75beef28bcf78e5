fn main() {
    use e2e::{ledger, stack::Stack, workload::*};
    let t = std::time::Instant::now();
    let stack = Stack::start(&[]).unwrap();
    eprintln!("{:?}", t.elapsed());
    create_repository(&stack, "shop/web");
    let arn = create_service(
        &stack,
        &NewService {
            cluster: "shop",
            name: "web",
            image: &image("shop/web", "RC_1.0.0"),
            architecture: "ARM64",
            tags: &[("lamplighter:managed", "true"), ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web")],
        },
    );
    let d = push_image(&stack, "shop/web", "RC_1.4.2", &["amd64", "arm64"], "a");
    let s = std::time::Instant::now();
    while s.elapsed().as_secs() < 6 {
        if deployed_image(&stack, &arn).contains(&d) && !stack.mail().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    eprintln!("{:?}\n{}", s.elapsed(), stack.logs());
    for m in stack.mail() {
        println!("{}\n{}", m["subject"].as_str().unwrap(), m["body"].as_str().unwrap());
    }
    println!("{:#?}", ledger::journal(&stack));
    println!("{}", task_definition(&stack, &arn));
    println!("{}", stack.control("calls", serde_json::json!({})));
}
