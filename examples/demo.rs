//! The main job, for real: a CSV of two machines becomes two running machines and a command on each.
//!
//! `make demo` runs it in the lab, with `vmm-http` built beside it.

#![expect(clippy::print_stdout, reason = "it is for people to watch")]

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vmm_testkit::lab::Lab;
use vmm_testkit::served::Served;

const SPEC: &str = "name,os,vcpu,memory,disk,description\n\
                    web-1,debian:12,1,768,10,front end\n\
                    db-1,debian:12,1,768,10;2,data base\n";
/// What the machines may take until they are ready, when they are emulated.
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() {
    let lab = Lab::from_env().expect("VMM_LIBVIRT_URI is set; run make demo");
    let image = lab.image("debian").expect("the lab's Debian image");
    let since = Instant::now();

    say("Setting up a desk on the lab's libvirt and starting vmm-http");
    let mut desk = Served::new(beside("vmm-http"), &lab).await;

    say("Adding Debian 12 to the catalog and importing its image");
    desk.import("debian", &image).await;

    say("Submitting a CSV of two machines");
    println!("{SPEC}");
    let body = json!({ "request-vm": [{ "id": "demo", "description": "two machines", "spec": SPEC }] });
    let submitted = desk.post("/request-vm", &body).await.expect_ok();
    let request = &submitted["request-vm"][0];
    show_plan(request);

    say("An admin approves exactly that plan");
    let approval = json!({ "plan_hash": request["plan_hash"] });
    desk.post("/request-vm/demo/approve", &approval).await.expect_ok();
    watch(&desk).await;

    let result = desk.get("/request-vm/demo/result").await.expect_ok();
    say("The answer to the request");
    println!("{}", result.as_str().unwrap_or_default());

    for name in ["web-1", "db-1"] {
        say(&format!("Working on {name}"));
        work_on(&desk, name).await;
    }

    say("Removing the machines and stopping");
    desk.delete_all().await;
    desk.stop().await;
    say(&format!("Done in {} s", since.elapsed().as_secs()));
}

fn say(line: &str) {
    println!("==> {line}");
}

/// A program that was built beside this one.
fn beside(name: &str) -> PathBuf {
    let here = env::current_exe().expect("this program's path");
    let folder = here.ancestors().nth(2).expect("target/<profile>/examples/demo");
    folder.join(name)
}

fn show_plan(request: &Value) {
    println!("{:<4} {:<8} {:<10} {:>4} {:>8} {:>12}  verdict", "row", "name", "os", "vcpu", "memory", "disks");
    for row in request["rows"].as_array().into_iter().flatten() {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let number = |key: &str| row[key].to_string();
        let disks: Vec<_> =
            row["disks"].as_array().into_iter().flatten().map(|disk| disk["size"].to_string()).collect();
        println!(
            "{:<4} {:<8} {:<10} {:>4} {:>4} MiB {:>8} GiB  {}",
            number("row"),
            text("name"),
            text("os"),
            number("vcpu"),
            number("memory"),
            disks.join("+"),
            text("verdict"),
        );
    }
    println!("plan {}\n", request["plan_hash"].as_str().unwrap_or_default());
}

/// Shows each change of the jobs until the request is settled.
async fn watch(desk: &Served) {
    let (since, mut shown) = (Instant::now(), String::new());
    loop {
        let jobs = desk.get("/request-vm/demo/jobs").await.expect_ok();
        let mut lines = Vec::new();
        for job in jobs["job"].as_array().into_iter().flatten().filter(|job| job["kind"] == "create-vm") {
            let steps = job["steps"].as_array().expect("steps");
            let now = steps.iter().find(|step| step["state"] == "acting").map_or(&job["state"], |step| &step["name"]);
            lines.push(format!("{}: {} % {}", text(&job["title"]), job["percent"], text(now)));
        }
        lines.sort();
        let line = lines.join("   ");
        if line != shown {
            println!("{:>4} s  {line}", since.elapsed().as_secs());
            shown = line;
        }
        let request = desk.get("/request-vm/demo").await.expect_ok();
        match text(&request["state"]) {
            "done" => return println!(),
            "approved" | "running" => {}
            other => panic!("the request is {other}: {}", request["reason"]),
        }
        assert!(since.elapsed() < PATIENCE, "the machines took too long");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A command over SSH and a line of figures, through the API alone.
async fn work_on(desk: &Served, name: &str) {
    let login = desk.get(&format!("/vm/login?vm={name}")).await.expect_ok();
    let command = json!({ "command": "uname -a; hostname", "user": login["user"], "password": login["password"] });
    let answer = desk.post(&format!("/vm/ssh?{name}"), &json!({ "ssh": [command] })).await.expect_ok();
    let result = &answer["ssh"][0];
    assert_eq!(result["exit_code"], 0, "{result}");
    let output = text(&result["stdout"]);
    assert!(output.trim_end().ends_with(name), "the machine calls itself otherwise: {output}");
    print!("{output}");

    let monitor = desk.get(&format!("/vm/monitor?{name}&window=3600")).await.expect_ok();
    println!(
        "{name}: {}, address {}, cpu {:.0} %, memory {} of {} MiB, written {} MiB, {} points of history\n",
        text(&monitor["state"]),
        text(&monitor["addresses"][0]),
        monitor["cpu_percent"].as_f64().unwrap_or_default(),
        (monitor["memory"]["current"].as_u64().unwrap_or(0) - monitor["memory"]["unused"].as_u64().unwrap_or(0)) / 1024,
        monitor["memory"]["current"].as_u64().unwrap_or(0) / 1024,
        monitor["disks"][0]["written"].as_u64().unwrap_or(0) >> 20,
        monitor["history"]["points"].as_array().map_or(0, Vec::len),
    );
}
