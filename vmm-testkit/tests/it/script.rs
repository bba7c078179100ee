//! Scripts on machines: fakes for what may go wrong around them, a real SSH server for what happens there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use vmm_core::model::{
    Again, AuditFilter, Outcome, Run, RunFilter, RunId, RunMachine, RunState, Script, ScriptArguments, ScriptContent,
    ScriptFile, ScriptTarget, VmFilter,
};
use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::{Command, Endpoint, Exit, Login, Output, RemoteExec};
use vmm_core::repository::Repository;
use vmm_core::{Actor, Error, MasterKey, RunDraft, RunTerms, ScriptDraft, SecretString, Settings, Vmm};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;
use vmm_testkit::sshd::Sshd;

mod machine;
mod restart;
mod schedule;

fn draft(name: &str, command: &str, content: &str, targets: &[&str]) -> ScriptDraft {
    ScriptDraft {
        name: sample::script_name(name),
        file: ScriptFile::new("job.sh").expect("a name"),
        command: Some(command.parse().expect("an interpreter")),
        content: Some(ScriptContent::new(content).expect("a text")),
        targets: targets.iter().map(|target| target.parse().expect("a target")).collect(),
        user: Some(Sshd::USER.to_owned()),
        password: Some(SecretString::from(Sshd::PASSWORD)),
    }
}

fn run_of(script: &Script) -> RunDraft {
    RunDraft {
        script: script.name.clone(),
        version: None,
        targets: None,
        arguments: ScriptArguments::default(),
        terms: RunTerms::default(),
    }
}

/// Another process on the same records, with its own way to the machines.
async fn process(desk: &TestDesk, remote: Arc<dyn RemoteExec>) -> Vmm {
    let repository = Arc::clone(&desk.repository) as Arc<dyn Repository>;
    let key = MasterKey::from_bytes([7; 32]);
    let built = Vmm::builder(repository, Arc::new(desk.hypervisor.clone()), remote, key).build().await;
    built.expect("it is the desk's key")
}

async fn look(desk: &TestDesk, id: RunId) -> (Run, Vec<RunMachine>) {
    desk.vmm.script_run(&desk.admin, id).await.expect("the run")
}

async fn ended(desk: &TestDesk, id: RunId) -> (Run, Vec<RunMachine>) {
    desk.until("the run ends", async || look(desk, id).await.0.state.is_final()).await;
    look(desk, id).await
}

/// A desk with so many machines in the group `web`, on which a script hangs.
async fn hanging(machines: usize) -> (TestDesk, Script) {
    let desk = TestDesk::new().await;
    desk.provision("r1", &format!("name,os,group_name,count\nweb,debian,web,{machines}\n")).await;
    for vm in desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines") {
        let address = SocketAddr::new(vm.ip.expect("it runs"), 22);
        desk.remote.answer(address, "job.sh", Answer::hangs());
    }
    let script = desk.vmm.create_script(&desk.user, draft("job", "sh", "true\n", &["@web"])).await;
    (desk, script.expect("a script").script)
}

fn scripts_begun(desk: &TestDesk) -> usize {
    desk.remote.calls().iter().filter(|call| call.line.as_ref().is_some_and(|line| line.contains("job.sh"))).count()
}

#[tokio::test]
async fn a_run_works_on_eight_machines_at_a_time_and_a_cancelled_one_begins_no_more() {
    let (desk, script) = hanging(10).await;
    let run = desk.vmm.run_script(&desk.user, run_of(&script)).await.expect("a run");
    assert_eq!((run.machines, run.state), (10, RunState::Queued));
    desk.until("eight machines work", async || scripts_begun(&desk) == 8).await;
    desk.vmm.cancel_script_run(&desk.user, run.id).await.expect("it goes on");
    let (run, machines) = ended(&desk, run.id).await;
    assert_eq!(run.state, RunState::Cancelled);
    assert!(machines.iter().all(|machine| machine.state == RunState::Cancelled));
    assert_eq!(scripts_begun(&desk), 8);
}

#[tokio::test]
async fn a_run_works_on_as_many_machines_at_a_time_as_it_was_told() {
    let (desk, script) = hanging(5).await;
    for at_once in [0, 65] {
        let terms = RunTerms { at_once: Some(at_once), ..RunTerms::default() };
        let refused = desk.vmm.run_script(&desk.user, RunDraft { terms, ..run_of(&script) }).await;
        assert!(matches!(&refused, Err(Error::Invalid(problems)) if problems[0].field == "at_once"), "{refused:?}");
    }
    let terms = RunTerms { at_once: Some(2), ..RunTerms::default() };
    let run = desk.vmm.run_script(&desk.user, RunDraft { terms, ..run_of(&script) }).await.expect("a run");
    desk.until("two machines work", async || scripts_begun(&desk) == 2).await;
    let states: Vec<_> = look(&desk, run.id).await.1.iter().map(|machine| machine.state).collect();
    assert_eq!(states.iter().filter(|state| **state == RunState::Queued).count(), 3, "{states:?}");
    desk.vmm.cancel_script_run(&desk.user, run.id).await.expect("it goes on");
    assert_eq!(ended(&desk, run.id).await.0.at_once, 2);
    assert_eq!(scripts_begun(&desk), 2);
}

#[tokio::test]
async fn a_run_of_one_at_a_time_comes_to_its_end_whatever_fails() {
    let (desk, script) = hanging(4).await;
    for (index, vm) in desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").iter().enumerate() {
        let address = SocketAddr::new(vm.ip.expect("it runs"), 22);
        match index {
            0 => desk.remote.refuse_logins(address),
            1 => desk.remote.answer(address, "job.sh", Answer::code(3)),
            _ => desk.remote.answer(address, "job.sh", Answer::code(0)),
        }
    }
    let terms = RunTerms { at_once: Some(1), ..RunTerms::default() };
    let run = desk.vmm.run_script(&desk.user, RunDraft { terms, ..run_of(&script) }).await.expect("a run");
    let (run, machines) = ended(&desk, run.id).await;
    let states: Vec<_> = machines.iter().map(|machine| machine.state).collect();
    assert_eq!(states, [RunState::Failed, RunState::Done, RunState::Done, RunState::Done]);
    // One again that failed, and one more that ended with another code than 0.
    for (only, expected) in [(Again::Failed, &["web-1"][..]), (Again::Nonzero, &["web-1", "web-2"])] {
        let again = desk.vmm.rerun_script(&desk.user, run.id, only, RunTerms::default()).await.expect("a run");
        assert_eq!((again.at_once, again.timeout), (1, run.timeout));
        let names: Vec<_> = ended(&desk, again.id).await.1.iter().map(|machine| machine.name.to_string()).collect();
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn more_runs_than_are_kept_and_runs_that_are_too_old_go() {
    let (desk, script) = hanging(1).await;
    let vm = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").items.remove(0);
    desk.remote.answer(SocketAddr::new(vm.ip.expect("it runs"), 22), "job.sh", Answer::code(0));
    let other = async |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        let (host, remote) = (Arc::new(desk.hypervisor.clone()), Arc::new(desk.remote.clone()));
        let key = MasterKey::from_bytes([7; 32]);
        let repository = Arc::clone(&desk.repository) as Arc<dyn Repository>;
        Vmm::builder(repository, host, remote, key).settings(settings).build().await.expect("the desk's key")
    };
    let runs = async || desk.vmm.script_runs(&desk.user, &RunFilter::default()).await.expect("runs").items;
    let few = other(|settings| settings.runs_kept = 2).await;
    for _ in 0..4 {
        let run = few.run_script(&desk.user, run_of(&script)).await.expect("a run");
        ended(&desk, run.id).await;
    }
    desk.until("the oldest two are forgotten", async || runs().await.len() == 2).await;
    let short = other(|settings| settings.run_lifetime = Duration::ZERO).await;
    let work = tokio::spawn(async move { short.work(std::future::pending()).await });
    desk.until("the others are forgotten", async || runs().await.is_empty()).await;
    work.abort();
}

#[tokio::test]
async fn targets_are_resolved_when_the_script_runs_and_each_machine_once() {
    let (desk, script) = hanging(2).await;
    desk.provision("r2", "name,os,group_name\nweb-3,debian,web\n").await;
    let targets = ["web-2", "@web", "web-2"].map(|target| target.parse::<ScriptTarget>().expect("a target"));
    let draft = RunDraft { targets: Some(targets.to_vec()), ..run_of(&script) };
    let run = desk.vmm.run_script(&desk.user, draft).await.expect("a run");
    let names: Vec<_> = look(&desk, run.id).await.1.into_iter().map(|machine| machine.name).collect();
    assert_eq!(names, ["web-2", "web-1", "web-3"].map(sample::vm_name));
    assert_eq!(desk.vmm.target_machines(&desk.user, &targets).await.expect("machines"), names, "told before");
    let nobody = desk.vmm.target_machines(&Actor::Anonymous, &targets).await;
    assert!(matches!(nobody, Err(Error::Unauthenticated)), "{nobody:?}");
    desk.vmm.cancel_script_run(&desk.user, run.id).await.expect("it goes on");
}

#[tokio::test]
async fn a_machine_that_is_gone_when_the_script_runs_again_has_the_reason() {
    let (desk, script) = hanging(1).await;
    let vm = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").items.remove(0);
    desk.remote.refuse_logins(SocketAddr::new(vm.ip.expect("it runs"), 22));
    let run = desk.vmm.run_script(&desk.user, run_of(&script)).await.expect("a run");
    assert_eq!(ended(&desk, run.id).await.0.state, RunState::Failed);
    desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.expect("a job");
    desk.until("the machine is gone", async || desk.vmm.vm(&desk.admin, &vm.name).await.is_err()).await;
    let again = desk.vmm.rerun_script(&desk.user, run.id, Again::Failed, RunTerms::default()).await.expect("a run");
    let (again, machines) = ended(&desk, again.id).await;
    assert_eq!((again.state, again.rerun_of), (RunState::Failed, Some(run.id)));
    assert!(machines[0].error.as_deref().expect("a reason").contains("there is no vm \"web-1\""), "{machines:?}");
}

#[tokio::test]
async fn a_stored_login_is_sealed_and_good_for_its_script_alone() {
    let (desk, script) = hanging(1).await;
    let stored = desk.repository.scripts().login(script.id).await.expect("an answer").expect("a login");
    let password = Sshd::PASSWORD.as_bytes();
    assert!(!stored.password.as_bytes().windows(password.len()).any(|window| window == password));
    assert!(!format!("{stored:?} {script:?}").contains(Sshd::PASSWORD));
    // A password copied to another script's row does not open there.
    let thief = ScriptDraft { password: Some(SecretString::from("x")), ..draft("thief", "sh", "true\n", &["@web"]) };
    let thief = desk.vmm.create_script(&desk.user, thief).await.expect("a script").script;
    let change = vmm_core::model::ScriptChange { login: Some(stored), ..Default::default() };
    desk.repository
        .scripts()
        .change(thief.id, change, sample::no_limits(), sample::audit("script.change"))
        .await
        .expect("it is there");
    let refused = desk.vmm.run_script(&desk.user, run_of(&thief)).await;
    assert!(matches!(&refused, Err(Error::Conflict { reason, .. }) if reason.contains("does not open")), "{refused:?}");
}

#[tokio::test]
async fn every_change_of_scripts_and_runs_leaves_one_audit_row() {
    let (desk, script) = hanging(1).await;
    let rows = async || desk.vmm.audit(&desk.admin, None, &AuditFilter::default()).await.expect("audit rows");
    let before = rows().await.len();
    let name = script.name.clone();
    let run = desk.vmm.run_script(&desk.user, run_of(&script)).await.expect("a run");
    desk.vmm.cancel_script_run(&desk.user, run.id).await.expect("it goes on");
    ended(&desk, run.id).await;
    desk.vmm.cancel_script_run(&desk.user, run.id).await.expect_err("it has ended");
    desk.vmm.delete_script(&desk.user, &name).await.expect_err("it has a run");
    desk.vmm.change_script(&desk.user, &name, vmm_core::ScriptUpdate::default()).await.expect("the owner's");
    desk.vmm.delete_script(&desk.admin, &name).await.expect("an admin");
    let rows = rows().await;
    let new: Vec<_> = rows.iter().rev().skip(before).map(|row| (row.action.as_str(), row.outcome)).collect();
    assert_eq!(
        new,
        [
            ("script.run", Outcome::Done),
            ("run.cancel", Outcome::Done),
            ("run.cancel", Outcome::Failed),
            ("script.delete", Outcome::Failed),
            ("script.change", Outcome::Done),
            ("script.delete", Outcome::Done),
        ]
    );
    let run = rows.iter().find(|row| row.action == "script.run").expect("the row");
    assert_eq!((run.target.as_str(), run.detail.as_str()), ("script job", "on 1 machines with the stored login"));
}
