//! The main job, for real: a CSV of two machines becomes two running machines and a command on each.
//!
//! `make demo` runs it in the lab, with `vmm-http` built beside it. When it fails it says in one paragraph what
//! happened and what to do, and removes what it made.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is for people to watch")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vmm_testkit::lab::Lab;
use vmm_testkit::served::{Served, Trouble};

const SPEC: &str = "name,os,vcpu,memory,disk,description\n\
                    web-1,debian:12,1,768,10,front end\n\
                    db-1,debian:12,1,768,10;2,data base\n";
/// The longest time until emulated machines are ready.
const PATIENCE: Duration = Duration::from_secs(900);

/// The reason why the demo did not finish, with advice for its reader.
struct Failure {
    what: String,
    advice: &'static str,
}

const RUN_MAKE_DEMO: &str = "Run `make demo`, which builds what is needed and starts the lab";
const TRY_AGAIN: &str = "Run `make demo` again; if it fails in this way once more, the log says more";

impl Failure {
    fn new(what: impl Into<String>, advice: &'static str) -> Self {
        Self { what: what.into(), advice }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::new(trouble.to_string(), TRY_AGAIN)
    }
}

type Result<T, E = Failure> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let since = Instant::now();
    let (mut desk, image) = match prepare() {
        Ok(found) => found,
        Err(failure) => return report(&failure, None),
    };
    let done = tokio::select! {
        done = run(&mut desk, &image) => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::new("it was interrupted", "Run `make demo` to begin again")),
    };
    let failure = match done {
        Ok(()) => {
            say(&format!("Done in {} s", since.elapsed().as_secs()));
            return ExitCode::SUCCESS;
        }
        Err(failure) => failure,
    };
    let log = keep_log(&desk);
    if let Err(left) = clean_up(&mut desk).await {
        eprintln!("The machines could not be removed ({left}); `vmm-testkit/lab/lab down` ends them with the lab.");
    }
    report(&failure, log.as_deref())
}

/// Finds what the demo stands on: the lab, the program and the guest image.
fn prepare() -> Result<(Served, PathBuf)> {
    let no_lab = "no lab is there: the variable VMM_LIBVIRT_URI, which the lab sets, is missing";
    let lab = Lab::from_env().ok_or_else(|| Failure::new(no_lab, RUN_MAKE_DEMO))?;
    let program = beside("vmm-http").filter(|program| program.is_file());
    let program = program.ok_or_else(|| Failure::new("the program vmm-http is not built", RUN_MAKE_DEMO))?;
    let no_image = "the lab's guest image `debian` is not there and could not be built";
    let image = lab.find_image("debian").filter(|image| image.is_file());
    let image = image.ok_or_else(|| {
        Failure::new(no_image, "Run `vmm-testkit/lab/lab image debian`; it shows each step and where it fails")
    })?;
    Ok((Served::try_new(program, &lab)?, image))
}

async fn run(desk: &mut Served, image: &Path) -> Result<()> {
    say("Setting up a desk on the lab's libvirt and starting vmm-http");
    desk.try_set_up().await?;

    say("Adding Debian 12 to the catalog and importing its image (some seconds)");
    desk.try_import("debian", image).await?;

    say("Submitting a CSV of two machines");
    println!("{SPEC}");
    let body = json!({ "request-vm": [{ "id": "demo", "description": "two machines", "spec": SPEC }] });
    let submitted = desk.try_post("/request-vm", &body).await?;
    let request = &submitted["request-vm"][0];
    show_plan(request);

    say("An admin approves exactly that plan");
    desk.try_post("/request-vm/demo/approve", &json!({ "plan_hash": request["plan_hash"] })).await?;
    say("The machines are made and boot (one to five minutes where they are emulated)");
    watch(desk).await?;

    let result = desk.try_get("/request-vm/demo/result").await?;
    say("The answer to the request");
    println!("{}", result.as_str().unwrap_or_default());

    for name in ["web-1", "db-1"] {
        say(&format!("Working on {name}"));
        work_on(desk, name).await?;
    }

    say("Removing the machines and stopping");
    clean_up(desk).await?;
    Ok(())
}

/// Removes the machines and stops the server.
async fn clean_up(desk: &mut Served) -> Result<(), Trouble> {
    let removed = if desk.is_up() { desk.try_delete_all().await } else { Ok(()) };
    desk.try_stop().await.and(removed)
}

fn say(line: &str) {
    println!("==> {line}");
}

/// Says in one paragraph what happened and what to do.
fn report(failure: &Failure, log: Option<&Path>) -> ExitCode {
    let mut lines = failure.what.lines();
    let first = lines.next().unwrap_or_default().trim_end_matches(['.', ':', ' ']);
    let log = log.map(|log| format!(" The log is in {}.", log.display())).unwrap_or_default();
    eprintln!("\nThe demo did not finish: {first}. {}.{log}", failure.advice);
    ExitCode::FAILURE
}

/// Copies the server's log to where it outlives the desk.
fn keep_log(desk: &Served) -> Option<PathBuf> {
    let log = beside("demo.log")?;
    std::fs::write(&log, desk.log()).ok().map(|()| log)
}

/// A file beside the programs that were built with this one.
fn beside(name: &str) -> Option<PathBuf> {
    let here = env::current_exe().ok()?;
    Some(here.ancestors().nth(2)?.join(name))
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
async fn watch(desk: &Served) -> Result<()> {
    let (since, mut shown) = (Instant::now(), String::new());
    loop {
        let jobs = desk.try_get("/request-vm/demo/jobs").await?;
        let line = progress(&jobs);
        if line != shown {
            println!("{:>4} s  {line}", since.elapsed().as_secs());
            shown = line;
        }
        let request = desk.try_get("/request-vm/demo").await?;
        let reason = || text(&request["reason"]);
        match text(&request["state"]) {
            "done" => {
                println!();
                return Ok(());
            }
            "approved" | "running" => {}
            "pending" => {
                let what = format!("the request came back instead of being carried out: {}", reason());
                return Err(Failure::new(
                    what,
                    "Make room on this computer (end other programs), and run `make demo` again",
                ));
            }
            state => {
                eprintln!("\n{}", reason());
                return Err(Failure::new(format!("the request is {state}: {}", reason()), TRY_AGAIN));
            }
        }
        if since.elapsed() > PATIENCE {
            let what = format!("the machines were not ready after {} s; last seen: {shown}", PATIENCE.as_secs());
            return Err(Failure::new(
                what,
                "This computer is too busy or too slow to emulate two guests; try when it is idle",
            ));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Renders the progress of the jobs that make the machines in one line.
fn progress(jobs: &Value) -> String {
    let making = jobs["job"].as_array().into_iter().flatten().filter(|job| job["kind"] == "create-vm");
    let mut lines: Vec<_> = making
        .map(|job| {
            let mut steps = job["steps"].as_array().into_iter().flatten();
            let now = steps.find(|step| step["state"] == "acting").map_or(&job["state"], |step| &step["name"]);
            format!("{}: {} % {}", text(&job["title"]), job["percent"], text(now))
        })
        .collect();
    lines.sort();
    lines.join("   ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Runs a command over SSH and shows a line of figures, through the API alone.
async fn work_on(desk: &Served, name: &str) -> Result<()> {
    let login = desk.try_get(&format!("/vm/login?vm={name}")).await?;
    let command = json!({ "command": "uname -a; hostname", "user": login["user"], "password": login["password"] });
    let answer = desk.try_post(&format!("/vm/ssh?{name}"), &json!({ "ssh": [command] })).await?;
    let result = &answer["ssh"][0];
    let output = text(&result["stdout"]);
    if result["exit_code"] != 0 || !output.trim_end().ends_with(name) {
        return Err(Failure::new(format!("the command on {name} did not answer as it should: {result}"), TRY_AGAIN));
    }
    print!("{output}");

    let monitor = desk.try_get(&format!("/vm/monitor?{name}&window=3600")).await?;
    let memory = |key: &str| monitor["memory"][key].as_u64().unwrap_or(0) / 1024;
    println!(
        "{name}: {}, address {}, cpu {:.0} %, memory {} of {} MiB, written {} MiB, {} points of history\n",
        text(&monitor["state"]),
        text(&monitor["addresses"][0]),
        monitor["cpu_percent"].as_f64().unwrap_or_default(),
        memory("current").saturating_sub(memory("unused")),
        memory("current"),
        monitor["disks"][0]["written"].as_u64().unwrap_or(0) >> 20,
        monitor["history"]["points"].as_array().map_or(0, Vec::len),
    );
    Ok(())
}
