//! Measures the time of other accounts while some hold every place that they may have, in every budget at once.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use vmm_core::{Budget, BudgetLimits};
use vmm_testkit::lab::Lab;

use crate::holding::Account;
use crate::server::PASSWORD;
use crate::site::{Site, good, json_of};
use crate::{Table, milliseconds};

/// The duration of one measurement of the other accounts, and the number of measurements beside the crowd.
const MEASURED: Duration = Duration::from_secs(10);
const ROUNDS: usize = 3;
/// The time in which accounts take their places.
const TAKING: Duration = Duration::from_secs(15);
/// Accounts that hold all that they may while an admin is measured.
const CROWD: usize = 20;
/// The largest factor by which the crowd may slow an answer.
const AT_MOST: f64 = 1.5;
/// The operations whose time is measured.
const CALLS: [&str; 4] = ["GET /db/vm", "sign-in", "DELETE /access", LIMIT];
/// It asks nothing, has no turn and waits for nobody, so it shows how much of the difference is this computer's, which
/// works for the crowd and for the guests too.
const LIMIT: &str = "GET /healthz";

/// The durations of each call, in the order of [`CALLS`].
type Times = [Vec<Duration>; CALLS.len()];

/// The number of accounts that hold every place, which also decides who is measured beside them.
#[derive(Clone, Copy)]
pub(crate) enum Accounts {
    /// One account, beside another.
    One,
    /// Twenty, beside an admin.
    Crowd,
}

pub(crate) async fn run(lab: &Lab, accounts: Accounts, table: &mut Table) -> io::Result<()> {
    let site = Site::open(lab).await?;
    site.create_account("alice", "user").await?;
    site.create_account("root", "admin").await?;
    let measured = match accounts {
        Accounts::One => compare(&site, 1, "alice", "another account", table).await,
        Accounts::Crowd => compare(&site, CROWD, "root", "an admin", table).await,
    };
    // An error of the measurement explains more than one of the tidying up after it.
    let closed = site.close().await;
    measured.and(closed)
}

/// Measures an account in turns without and beside others, and shows both.
async fn compare(site: &Site, crowd: usize, name: &str, who: &str, table: &mut Table) -> io::Result<()> {
    let accounts = crowd_of(site, crowd).await?;
    let (mut idle, mut full, mut held) = (vec![measure(site, name).await?], Vec::new(), BTreeMap::new());
    for _ in 0..ROUNDS {
        let holding = Holding::begin(&accounts)?;
        tokio::time::sleep(TAKING).await;
        let (beside, ()) = tokio::try_join!(measure(site, name), watch(site, &mut held))?;
        full.push(beside);
        holding.end(site).await;
        idle.push(measure(site, name).await?);
    }
    println!("\n{crowd} account(s) hold all that they may: what is taken, median of samples, and what they may take");
    show_held(crowd, &mut held, &accounts).await?;
    println!("beside them {who}; medians of {ROUNDS} rounds of {} s, idle of {}", MEASURED.as_secs(), ROUNDS + 1);
    let [a, b, c, d, e, f] = ["p50 idle", "p50 full", "p99 idle", "p99 full", "p99 idle, least - most", "ratio"];
    println!("  {:<16}{a:>12}{b:>12}{c:>12}{d:>12}{e:>26}{f:>8}", "");
    for (index, call) in CALLS.into_iter().enumerate() {
        let of = |rounds: &[Times], share| {
            let mut found: Vec<_> = rounds.iter().map(|times| quantile(&times[index], share)).collect();
            found.sort_unstable();
            found
        };
        let middle = |found: &[Duration]| found[found.len() / 2];
        let (idle_p99, full_p99) = (of(&idle, 99), of(&full, 99));
        let ratio = middle(&full_p99).as_secs_f64() / middle(&idle_p99).as_secs_f64();
        let range = format!("{} - {}", milliseconds(idle_p99[0]), milliseconds(idle_p99[ROUNDS]));
        let [p50_idle, p50_full] = [&idle, &full].map(|rounds| milliseconds(middle(&of(rounds, 50))));
        let [p99_idle, p99_full] = [&idle_p99, &full_p99].map(|found| milliseconds(middle(found)));
        let verdict = if call == LIMIT { "  the limit" } else { table.verdict(ratio <= AT_MOST) };
        println!(
            "  {call:<16}{p50_idle:>12}{p50_full:>12}{p99_idle:>12}{p99_full:>12}{range:>26}{ratio:>8.2}{verdict}"
        );
    }
    Ok(())
}

/// Makes accounts that store all that they may.
async fn crowd_of(site: &Site, crowd: usize) -> io::Result<Vec<Account>> {
    let (mut accounts, mut filling) = (Vec::new(), JoinSet::new());
    for number in 0..crowd {
        let name = format!("mallory-{crowd}-{number}");
        site.create_account(&name, "user").await?;
        let account = Account::sign_in(site.server.address, &name, number).await?;
        let filled = account.clone();
        filling.spawn(async move { filled.fill().await });
        accounts.push(account);
    }
    filling.join_all().await.into_iter().collect::<io::Result<()>>()?;
    Ok(accounts)
}

/// The clients of a crowd, with threads of their own. Dropping it ends them.
struct Holding {
    runtime: Option<Runtime>,
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Holding {
    fn begin(accounts: &[Account]) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let accounts = accounts.to_vec();
        runtime.spawn(async move {
            let mut clients = JoinSet::new();
            accounts.iter().for_each(|account| account.hold(&mut clients));
            clients.join_all().await;
        });
        Ok(Self { runtime: Some(runtime) })
    }

    /// Ends the clients, and waits until what they have begun has ended.
    async fn end(mut self, site: &Site) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end && taken(site).await.map_or(true, |taken| taken.iter().any(|(_, held)| *held > 2)) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Returns the amount that is taken of each budget.
async fn taken(site: &Site) -> io::Result<Vec<(Budget, u64)>> {
    let of = |line: &str| {
        let (budget, taken) = line.strip_prefix("vmm_budget_taken{budget=\"")?.split_once("\"} ")?;
        Some((Budget::of_word(budget)?, taken.parse().ok()?))
    };
    Ok(site.metrics().await?.lines().filter_map(of).collect())
}

/// Samples what is taken while others are measured.
async fn watch(site: &Site, held: &mut BTreeMap<&'static str, Vec<u64>>) -> io::Result<()> {
    let end = Instant::now() + MEASURED;
    while Instant::now() < end {
        for (budget, taken) in taken(site).await? {
            held.entry(budget.as_str()).or_default().push(taken);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn show_held(crowd: usize, held: &mut BTreeMap<&'static str, Vec<u64>>, accounts: &[Account]) -> io::Result<()> {
    let limits = BudgetLimits::default();
    for (budget, samples) in held {
        samples.sort_unstable();
        let limit =
            limits.get(Budget::of_word(budget).ok_or_else(|| io::Error::other(format!("{budget:?} is no budget")))?);
        // An eighth is kept for admins.
        let all = limit.all.map_or(u64::MAX, |all| all - all / 8);
        println!("  {budget:<20}{:>10}{:>10}", samples[samples.len() / 2], (limit.share * crowd as u64).min(all));
    }
    for (budget, limit, taken) in accounts[0].stored().await? {
        println!("  {budget:<20}{taken:>10}{limit:>10}  of the first account");
    }
    Ok(())
}

/// Signs in, lists and ends the access, again and again.
async fn measure(site: &Site, name: &str) -> io::Result<Times> {
    let (client, mut times) = (Client::new(), Times::default());
    let at = |path: &str| format!("http://{}{path}", site.server.address);
    let end = Instant::now() + MEASURED;
    while Instant::now() < end {
        let body = json!({ "name": name, "password": PASSWORD });
        let sign_in = client.post(at("/session")).header("X-Forwarded-For", "10.2.0.1").json(&body);
        let began = Instant::now();
        let signed_in: Value = json_of(sign_in).await?;
        times[1].push(began.elapsed());
        let token = signed_in["token"].as_str().unwrap_or_default();
        for _ in 0..10 {
            times[0].push(timed(client.get(at("/db/vm")).bearer_auth(token)).await?);
        }
        for _ in 0..10 {
            times[3].push(timed(client.get(at("/healthz"))).await?);
        }
        times[2].push(timed(client.delete(at("/access")).bearer_auth(token)).await?);
    }
    times.iter_mut().for_each(|times| times.sort_unstable());
    Ok(times)
}

async fn timed(call: RequestBuilder) -> io::Result<Duration> {
    let began = Instant::now();
    good(call).await?.bytes().await.map_err(io::Error::other)?;
    Ok(began.elapsed())
}

/// Returns the time within which this many hundredths of the calls ended.
fn quantile(sorted: &[Duration], hundredths: usize) -> Duration {
    sorted.get(sorted.len() * hundredths / 100).copied().unwrap_or_default()
}
