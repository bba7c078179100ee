//! Nobody keeps others from their work by holding all that one account may hold.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use vmm_core::model::{Role, ScriptName, UserId};
use vmm_core::{Actor, Budget, Holder, Place};
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;

use crate::app::{Answer, App, SPEC, Who};
use crate::file::put;
use crate::ssh::commands;

/// Everything that a holder gets of a budget.
fn fill(app: &App, budget: Budget, holder: Holder) -> Vec<Place> {
    std::iter::from_fn(|| app.desk.vmm.take_place(budget, holder).ok()).take(1 << 16).collect()
}

/// The same of a budget of bytes, a mebibyte at a time.
fn fill_with_bytes(app: &App, budget: Budget, holder: Holder) -> Place {
    let mut place = app.desk.vmm.take_nothing(budget, holder).unwrap();
    while place.grow(1 << 20).is_ok() {}
    place
}

async fn holder(app: &App, who: Who) -> Holder {
    let user = app.desk.vmm.user(&app.desk.admin, &sample::user_name(who.name())).await.unwrap();
    Holder::from(&Actor::from(&user))
}

/// Somebody who is not signed in, as the tests' client.
fn nobody() -> Holder {
    Holder::new(&Actor::Anonymous, Some([127, 0, 0, 1].into()))
}

#[track_caller]
fn assert_over(answer: &Answer, status: u16, budget: Budget) {
    answer.assert_problem(status);
    assert_eq!(answer.body["budget"], budget.as_str(), "{}", answer.text);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{}", answer.text);
}

#[tokio::test]
async fn who_holds_every_call_to_a_silent_machine_leaves_lists_sign_in_and_the_end_of_access_to_others() {
    let app = Arc::new(App::new().await);
    let address = app.machine().await;
    for who in [Who::Alice, Who::Bob, Who::Root] {
        app.token(who).await;
    }
    app.desk.remote.fall_silent(address);
    let mut calls = JoinSet::new();
    for _ in 0..262 {
        let app = Arc::clone(&app);
        calls.spawn(async move { app.get(Who::Bob, "/vm/host-key?vm=web-1").await });
    }
    for _ in 0..262 - 32 {
        let refused = calls.join_next().await.unwrap().unwrap();
        assert_over(&refused, 429, Budget::MachineCalls);
        assert!(refused.text.contains("32 calls waiting for machines"), "{}", refused.text);
    }
    app.get(Who::Alice, "/db/vm").await.ok();
    app.get(Who::Bob, "/db/vm").await.ok();
    app.get(Who::Alice, "/vm/monitor?vm=web-2").await.ok();
    app.login(Who::Alice, PASSWORD).await.ok();
    app.call(Who::Root, "DELETE", "/access?user=bob", None).await.ok();
    calls.shutdown().await;
    let metrics = app.get(Who::Root, "/metrics").await.text;
    assert!(metrics.contains("vmm_budget_refusals_total{budget=\"machine-calls\"} 230"), "{metrics}");
}

#[tokio::test]
async fn when_twenty_accounts_hold_all_that_they_may_sign_in_the_end_of_access_and_admins_are_answered() {
    let app = App::new().await;
    for who in [Who::Alice, Who::Root] {
        app.token(who).await;
    }
    // Nobody can hold a sign-in, and bytes are not taken one by one.
    let others = [Budget::SignIns, Budget::SignInBodies, Budget::Bodies];
    let of_places = Budget::ALL.iter().filter(|budget| !budget.is_stored() && !others.contains(budget));
    let crowd =
        |budget| (100..120).flat_map(move |id| [(budget, Holder::Account { id: UserId(id), role: Role::User })]);
    let held: Vec<_> = of_places.flat_map(crowd).map(|(budget, holder)| fill(&app, *budget, holder)).collect();
    let bytes: Vec<_> = crowd(&Budget::Bodies).map(|(budget, holder)| fill_with_bytes(&app, *budget, holder)).collect();
    assert_over(&app.get(Who::Alice, "/db/vm").await, 503, Budget::Requests);
    assert_eq!(app.get(Who::Anonymous, "/readyz").await.status, 200);
    app.get(Who::Root, "/db/vm").await.ok();
    app.login(Who::Alice, PASSWORD).await.ok();
    put(&app, Who::Root, "note", b"x").await.ok();
    app.call(Who::Alice, "DELETE", "/access", None).await.ok();
    drop((held, bytes));
    app.renew_token(Who::Alice).await;
    app.get(Who::Alice, "/db/vm").await.ok();
}

/// A call that is over a budget; who asks is alice, who has her whole share of it.
enum Call {
    /// This one is refused.
    Refused(Who, &'static str, &'static str, Option<Value>),
    /// Nobody is refused: they wait. The test of that has this name.
    Waits(&'static str, &'static str),
}

/// Every budget, since a `match` leaves none out.
fn call_over(budget: Budget) -> Call {
    let alice = |method, path, body| Call::Refused(Who::Alice, method, path, body);
    let core = include_str!("../../../vmm-core/src/budget.rs");
    let turns = include_str!("../../../vmm-core/src/budget/turn.rs");
    let script = |name: &str| json!({"script": [{"name": name, "file": "s.sh", "command": "sh", "content": name}]});
    match budget {
        Budget::Requests => alice("GET", "/db/vm", None),
        Budget::Turns => Call::Waits(turns, "turns_go_round_among_those_who_wait"),
        Budget::Bodies => alice("POST", "/vm/script", Some(script("new"))),
        Budget::SignIns => {
            let login = json!({"name": "alice", "password": PASSWORD});
            Call::Refused(Who::Anonymous, "POST", "/session", Some(login))
        }
        Budget::PasswordChanges => {
            let change = json!({"user": "alice", "old-password": PASSWORD, "new-password": "another long one"});
            alice("PUT", "/config/update-password", Some(json!({"update-password": [change]})))
        }
        Budget::SignInBodies => {
            let login = json!({"name": "alice", "password": PASSWORD, "note": "x".repeat(200)});
            Call::Refused(Who::Anonymous, "POST", "/session", Some(login))
        }
        Budget::Revocations => alice("DELETE", "/access", None),
        Budget::Streams => alice("GET", "/job/2/events", None),
        Budget::Uploads | Budget::Files | Budget::StoredBytes => alice("PUT", "/files/new", None),
        Budget::MachineCalls => alice("POST", "/vm/ssh?vm=web-1", Some(commands(&["true"]))),
        Budget::Sessions => Call::Waits(core, "who_waits_in_vain_is_told_the_budget_and_leaves_nothing_behind"),
        Budget::Runs => {
            let run = json!({"run": [{"script": "old", "vm": ["web-1"], "user": "root", "password": "p"}]});
            alice("POST", "/vm/script/run", Some(run))
        }
        Budget::RunPlaces | Budget::MachineRuns => {
            Call::Waits(core, "who_waits_for_a_busy_machine_takes_no_place_from_a_run_on_another_one")
        }
        Budget::Scripts => alice("POST", "/vm/script", Some(script("new"))),
        Budget::ScriptBytes => {
            let change = json!({"script": [{"name": "old", "content": "more than there was before"}]});
            alice("PUT", "/vm/script", Some(change))
        }
        Budget::OpenRequests => {
            let request = json!({"request-vm": [{"id": "r2", "spec": SPEC.replace("web", "db")}]});
            alice("POST", "/request-vm", Some(request))
        }
    }
}

#[tokio::test]
async fn whoever_is_over_a_budget_is_told_which() {
    for budget in Budget::ALL {
        let (who, method, path, body) = match call_over(*budget) {
            Call::Refused(who, method, path, body) => (who, method, path, body),
            Call::Waits(tests, name) => {
                assert!(tests.contains(&format!("async fn {name}(")), "{budget} has no test");
                continue;
            }
        };
        let app = App::with_budgets(|limits| match budget {
            Budget::Files | Budget::Scripts => limits.set_share(*budget, 1),
            Budget::StoredBytes | Budget::ScriptBytes => limits.set_share(*budget, 10),
            Budget::OpenRequests => limits.set_share(*budget, 0),
            Budget::Bodies | Budget::SignInBodies => limits.set_share(*budget, 100),
            _ => {}
        })
        .await;
        if *budget != Budget::OpenRequests {
            app.provision().await;
        }
        if !matches!(budget, Budget::Bodies | Budget::SignInBodies | Budget::OpenRequests) {
            let old = json!({"script": [{"name": "old", "file": "s.sh", "command": "sh", "content": "old"}]});
            app.post(Who::Alice, "/vm/script", old).await.ok();
            put(&app, Who::Alice, "old", b"four").await.ok();
        }
        let whose = if who == Who::Anonymous { nobody() } else { holder(&app, who).await };
        app.token(who).await;
        let mut held = if budget.is_stored() { Vec::new() } else { fill_whole(&app, *budget, whose) };
        let answer = match body {
            None if path.starts_with("/files/") => put(&app, who, "new", b"seven b").await,
            body => app.call(who, method, path, body).await,
        };
        assert_over(&answer, 429, *budget);
        held.clear();
    }
}

/// As [`fill`], and of bytes in one piece.
fn fill_whole(app: &App, budget: Budget, holder: Holder) -> Vec<Place> {
    if !matches!(budget, Budget::Bodies | Budget::SignInBodies) {
        return fill(app, budget, holder);
    }
    let mut place = app.desk.vmm.take_nothing(budget, holder).unwrap();
    place.grow(100).unwrap();
    vec![place]
}

#[tokio::test]
async fn an_account_sees_its_own_budgets_and_how_much_of_them_is_taken() {
    let app = App::new().await;
    let script: ScriptName = sample::script_name("deploy");
    let body = json!({"script": [{"name": script.to_string(), "file": "s.sh", "command": "sh", "content": "12345"}]});
    app.post(Who::Alice, "/vm/script", body).await.ok();
    put(&app, Who::Alice, "note", b"123").await.ok();
    app.desk.submit("r1", SPEC).await;
    let held = fill(&app, Budget::Streams, holder(&app, Who::Alice).await);
    let taken = async |who| {
        let limits = app.get(who, "/limits").await.ok();
        let of = |name: &str| {
            let all = limits["limit"].as_array().unwrap();
            let found = all.iter().find(|limit| limit["budget"] == name).unwrap_or_else(|| panic!("{name}"));
            assert!(found["counts"].is_string() && found["limit"].as_u64().unwrap() > 0);
            found["taken"].as_u64().unwrap()
        };
        let names = ["requests", "streams", "files", "stored-bytes", "scripts", "script-bytes", "open-requests"];
        names.map(of)
    };
    assert_eq!(taken(Who::Alice).await, [1, held.len() as u64, 1, 3, 1, 5, 1]);
    assert_eq!(taken(Who::Bob).await, [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(app.get(Who::Anonymous, "/limits").await.status, 401);
}
