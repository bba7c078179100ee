//! Measures what tables that are wrong in every cell cost: bodies of 1 MiB in shapes that make a careless server
//! answer, record or keep more than it was sent.

use std::io;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use vmm_testkit::load;
use vmm_testkit::workbook::{Hostile, hostile};

use crate::server::Server;
use crate::{Table, mebibytes, milliseconds};

/// The size of each table, in bytes.
const SIZE: usize = 1 << 20;
/// The number of times that each body is sent.
const RUNS: usize = 5;
/// The most bytes of an answer.
const ANSWER: usize = 64 << 10;
/// The most bytes that the server's memory may grow by.
const GROWTH: u64 = 16 << 20;
/// The most bytes of an audit row, as `GET /audit` shows it.
const AUDIT: usize = 2 << 10;
/// The most time from sending a body to the end of its answer.
const TIME: Duration = Duration::from_millis(200);

/// A body that is sent, and where to.
struct Shape {
    name: String,
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Shape {
    fn new(name: impl Into<String>, path: &'static str, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), path, content_type, body: body.into() }
    }
}

/// The status that a body got, and what the server spent on it.
struct Cost {
    status: u16,
    answer: usize,
    growth: u64,
    audit: usize,
    time: Duration,
}

fn shapes() -> Vec<Shape> {
    const JSON: &str = "application/json";
    const OCTETS: &str = "application/octet-stream";
    let tables = [
        ("rows", repeated("name,os,vcpu,memory,disk\n", "?,?,?,?,?\n")),
        ("columns", wide()),
        ("quotes", repeated("name,os,vcpu,memory,disk\n", "\"\"\"\",\"?\"?\",\"\"?,\"\n")),
        ("one cell", repeated("name,os,vcpu,memory,disk\n", "?")),
        ("counts", repeated("name,os,count,vcpu,memory,disk\n", "a,b,500,0,0,0\n")),
    ];
    let mut shapes = Vec::new();
    for (name, spec) in tables {
        let submission = json!({ "request-vm": [{ "id": "wrong", "spec": spec }] });
        shapes.push(Shape::new(name, "/request-vm", JSON, submission.to_string()));
        shapes.push(Shape::new(name, "/request-vm/preview", JSON, json!({ "spec": spec }).to_string()));
    }
    let workbook = |hostile: Hostile| {
        Shape::new(format!("workbook, {}", hostile.name), "/request-vm/spreadsheet", OCTETS, hostile.bytes)
    };
    shapes.extend(hostile().into_iter().map(workbook));
    shapes
}

/// Returns a table of [`SIZE`] bytes: a header, and one piece again and again.
fn repeated(header: &str, piece: &str) -> String {
    let mut table = header.to_owned();
    while table.len() + piece.len() <= SIZE {
        table.push_str(piece);
    }
    table
}

/// Returns a table of [`SIZE`] bytes with as many columns as fit, each unknown, and a row with a cell in each.
fn wide() -> String {
    let columns = SIZE / 4;
    format!("{}?\n{}?\n", "?,".repeat(columns - 2), "?,".repeat(columns - 2))
}

pub(crate) async fn run(server: &Server, table: &mut Table) -> io::Result<()> {
    let client = Client::new();
    for shape in shapes() {
        let cost = cost(server, &client, &shape).await?;
        let megabytes = shape.body.len() as f64 / SIZE as f64;
        let title = format!("{} ({megabytes:.2} MiB) to {}: status", shape.name, shape.path);
        table.line(&title, cost.status.to_string(), "", (200..500).contains(&cost.status));
        table.line("  answer", kibibytes(cost.answer), "64 KiB", cost.answer <= ANSWER);
        table.line("  memory grows by", mebibytes(cost.growth), "16 MiB", cost.growth <= GROWTH);
        table.line("  audit row", format!("{} B", cost.audit), "2048 B", cost.audit <= AUDIT);
        table.line(&format!("  time, median of {RUNS}"), milliseconds(cost.time), "200 ms", cost.time <= TIME);
    }
    Ok(())
}

/// Sends a body again and again. The cost is the median time and the most of everything else.
async fn cost(server: &Server, client: &Client, shape: &Shape) -> io::Result<Cost> {
    let mut cost = Cost { status: 0, answer: 0, growth: 0, audit: 0, time: Duration::ZERO };
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let newest = audit_rows(server, client).await?.first().map_or(0, |row| row["id"].as_i64().unwrap_or(0));
        let before = load::forget_peak(server.process)?;
        let request = client.post(format!("http://{}{}", server.address, shape.path)).bearer_auth(&server.token);
        let request = request.header("Content-Type", shape.content_type).body(shape.body.clone());
        let began = Instant::now();
        let answer = request.send().await.map_err(io::Error::other)?;
        cost.status = answer.status().as_u16();
        let bytes = answer.bytes().await.map_err(io::Error::other)?;
        times.push(began.elapsed());
        cost.growth = cost.growth.max(load::peak_memory(server.process)?.saturating_sub(before));
        cost.answer = cost.answer.max(bytes.len());
        for row in audit_rows(server, client).await?.iter().filter(|row| row["id"].as_i64() > Some(newest)) {
            cost.audit = cost.audit.max(row.to_string().len());
        }
    }
    times.sort_unstable();
    cost.time = times[RUNS / 2];
    Ok(cost)
}

async fn audit_rows(server: &Server, client: &Client) -> io::Result<Vec<Value>> {
    let asked = client.get(format!("http://{}/audit?limit=20", server.address)).bearer_auth(&server.token);
    let answer = asked.send().await.map_err(io::Error::other)?.error_for_status().map_err(io::Error::other)?;
    let rows: Value = answer.json().await.map_err(io::Error::other)?;
    Ok(rows["audit"].as_array().cloned().unwrap_or_default())
}

fn kibibytes(bytes: usize) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}
