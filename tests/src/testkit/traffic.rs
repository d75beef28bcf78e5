//! Load on services of the local stack: a load balancer in front of them, metrics as a script says, bounds of
//! Application Auto Scaling, and databases beside them.

use serde_json::{Value, json};

use crate::testkit::stack::{ACCOUNT, REGION, Stack};
use crate::testkit::workload::{describe, service_arn};

/// What a service of `shop` carries, a value a minute, the newest last.
#[derive(Debug, Clone, Default)]
pub struct Traffic<'a> {
    pub rps: &'a [f64],
    /// In per cent.
    pub cpu: &'a [f64],
    /// Tasks that report.
    pub tasks: usize,
}

/// Puts a service of the cluster `shop` behind an application load balancer. Returns the ARN of the load balancer.
///
/// # Panics
/// Where the stack refuses.
pub fn behind_balancer(stack: &Stack, name: &str) -> String {
    let form = [
        ("Name", name),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("VpcId", "vpc-1"),
        ("TargetType", "ip"),
    ];
    let group = between(&elb(stack, "CreateTargetGroup", &form), "TargetGroupArn");
    let balancer = between(
        &elb(stack, "CreateLoadBalancer", &[("Name", name)]),
        "LoadBalancerArn",
    );
    let listener = [
        ("LoadBalancerArn", balancer.as_str()),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", &group),
    ];
    elb(stack, "CreateListener", &listener);
    update(
        stack,
        name,
        json!({"loadBalancers": [{"targetGroupArn": group, "containerName": "web", "containerPort": 80}]}),
    );
    balancer
}

/// Adds an HTTPS listener with a certificate to a load balancer. Returns the ARN of the listener.
///
/// # Panics
/// Where the stack refuses.
pub fn add_https(stack: &Stack, balancer: &str, certificate: &str) -> String {
    let listener = [
        ("LoadBalancerArn", balancer),
        ("Protocol", "HTTPS"),
        ("Port", "443"),
        ("Certificates.member.1.CertificateArn", certificate),
        ("DefaultActions.member.1.Type", "fixed-response"),
        (
            "DefaultActions.member.1.FixedResponseConfig.StatusCode",
            "200",
        ),
    ];
    between(&elb(stack, "CreateListener", &listener), "ListenerArn")
}

/// Sets the desired count of a service of `shop` by hand.
///
/// # Panics
/// Where the stack refuses.
pub fn set_count(stack: &Stack, name: &str, count: u32) {
    update(stack, name, json!({"desiredCount": count}));
}

/// The desired count of a service of `shop`.
#[must_use]
pub fn count(stack: &Stack, name: &str) -> u64 {
    describe(stack, &service_arn("shop", name))["desiredCount"]
        .as_u64()
        .unwrap_or_default()
}

/// Records what a service of `shop` carries, and lets its alarms look at it.
///
/// # Panics
/// Where the stack refuses.
pub fn carry(stack: &Stack, name: &str, traffic: &Traffic<'_>) {
    let own = json!({"ClusterName": "shop", "ServiceName": name});
    let mut series = vec![
        json!({"namespace": "AWS/ECS", "name": "CPUUtilization", "dimensions": own, "values": traffic.cpu,
               "samples": traffic.tasks}),
        json!({"namespace": "AWS/ECS", "name": "MemoryUtilization", "dimensions": own,
               "values": vec![40.0; traffic.cpu.len()]}),
    ];
    if let Some(group) = target_group(stack, name) {
        let shared = |by: f64| {
            traffic
                .rps
                .iter()
                .map(|rps| rps * 60.0 / by)
                .collect::<Vec<f64>>()
        };
        let dimensions = group_dimensions(stack, &group);
        let tasks = u32::try_from(traffic.tasks.max(1)).map_or(1.0, f64::from);
        for (metric, divisor) in [("RequestCount", 1.0), ("RequestCountPerTarget", tasks)] {
            series.push(
                json!({"namespace": "AWS/ApplicationELB", "name": metric, "dimensions": dimensions,
                               "values": shared(divisor)}),
            );
        }
    }
    stack.control("metrics", json!({"series": series}));
}

/// The dimensions of metrics of a target group behind its load balancer.
fn group_dimensions(stack: &Stack, group: &str) -> Value {
    let named = [("TargetGroupArns.member.1", group)];
    let balancer = between(&elb(stack, "DescribeTargetGroups", &named), "member");
    let balancer = balancer.split(":loadbalancer/").nth(1).unwrap_or_default();
    json!({"TargetGroup": group.rsplit(':').next(), "LoadBalancer": balancer})
}

/// Lets a service of `shop` answer so many requests a minute with 5xx, the newest last, of so many in all.
///
/// # Panics
/// Where the stack refuses.
pub fn fail_requests(stack: &Stack, name: &str, errors: &[f64], requests: f64) {
    let group = target_group(stack, name).unwrap_or_default();
    let dimensions = group_dimensions(stack, &group);
    let series = |metric: &str, values: Vec<f64>| json!({"namespace": "AWS/ApplicationELB", "name": metric, "dimensions": dimensions, "values": values});
    let all = vec![requests; errors.len()];
    let both = [
        series("HTTPCode_Target_5XX_Count", errors.to_vec()),
        series("RequestCount", all),
    ];
    stack.control("metrics", json!({"series": both}));
}

/// Lets Application Auto Scaling scale a service of `shop`.
///
/// # Panics
/// Where the stack refuses.
pub fn auto_scale(stack: &Stack, name: &str, min: u32, max: u32) {
    let request = json!({
        "ServiceNamespace": "ecs", "ResourceId": format!("service/shop/{name}"),
        "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": min, "MaxCapacity": max,
    });
    stack
        .call("application-autoscaling", "RegisterScalableTarget", request)
        .unwrap_or_else(|e| panic!("{e}"));
}

/// Makes a database and tags it. Answers its ARN.
///
/// # Panics
/// Where the stack refuses.
pub fn create_database(stack: &Stack, name: &str, tags: &[(&str, &str)]) -> String {
    let form = [
        ("DBInstanceIdentifier", name),
        ("DBInstanceClass", "db.r6g.large"),
        ("Engine", "postgres"),
        ("AllocatedStorage", "100"),
        ("BackupRetentionPeriod", "0"),
        ("MultiAZ", "true"),
        ("StorageEncrypted", "true"),
        ("DeletionProtection", "true"),
        ("MasterUsername", "shop"),
        ("MasterUserPassword", "not-a-secret-here"),
    ];
    stack
        .query("rds", "CreateDBInstance", &form)
        .unwrap_or_else(|xml| panic!("{xml}"));
    tag_database(stack, name, tags)
}

/// Sets tags of a database.
///
/// # Panics
/// Where the stack refuses.
pub fn tag_database(stack: &Stack, name: &str, tags: &[(&str, &str)]) -> String {
    let arn = format!("arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}");
    let keys: Vec<(String, &str)> = tags
        .iter()
        .zip(1..)
        .flat_map(|((key, value), n)| {
            [
                (format!("Tags.Tag.{n}.Key"), *key),
                (format!("Tags.Tag.{n}.Value"), *value),
            ]
        })
        .collect();
    let mut form = vec![("ResourceName", arn.as_str())];
    form.extend(keys.iter().map(|(key, value)| (key.as_str(), *value)));
    stack
        .query("rds", "AddTagsToResource", &form)
        .unwrap_or_else(|xml| panic!("{xml}"));
    arn
}

/// The names of all alarms of ours, and their states.
///
/// # Panics
/// Where the stack refuses.
#[must_use]
pub fn alarms(stack: &Stack) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut next = Value::Null;
    loop {
        let request =
            json!({"AlarmNamePrefix": "lamplighter/", "MaxRecords": 100, "NextToken": next});
        let answer = stack
            .call("monitoring", "DescribeAlarms", request)
            .unwrap_or_else(|e| panic!("{e}"));
        let text = |alarm: &Value, key: &str| alarm[key].as_str().unwrap_or_default().to_owned();
        let alarms = answer["MetricAlarms"].as_array().into_iter().flatten();
        found.extend(alarms.map(|alarm| (text(alarm, "AlarmName"), text(alarm, "StateValue"))));
        next = answer["NextToken"].clone();
        if next.is_null() {
            return found;
        }
    }
}

fn target_group(stack: &Stack, name: &str) -> Option<String> {
    let service = describe(stack, &service_arn("shop", name));
    service["loadBalancers"][0]["targetGroupArn"]
        .as_str()
        .map(str::to_owned)
}

pub(crate) fn update(stack: &Stack, name: &str, mut request: Value) {
    request["cluster"] = json!("shop");
    request["service"] = json!(name);
    stack
        .call("ecs", "UpdateService", request)
        .unwrap_or_else(|e| panic!("{e}"));
}

pub(crate) fn elb(stack: &Stack, action: &str, form: &[(&str, &str)]) -> String {
    stack
        .query("elasticloadbalancing", action, form)
        .unwrap_or_else(|xml| panic!("{action}: {xml}"))
}

/// The text between an element's tags, the first there is; of `member` the one that names a load balancer.
pub(crate) fn between(xml: &str, element: &str) -> String {
    let open = format!("<{element}>");
    let texts = xml
        .split(open.as_str())
        .skip(1)
        .filter_map(|rest| rest.split('<').next());
    let wanted = |text: &&str| element != "member" || text.contains(":loadbalancer/");
    texts
        .into_iter()
        .find(wanted)
        .unwrap_or_default()
        .to_owned()
}
