//! The address follows the machine.

use std::io::Cursor;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use vmm_core::model::{RunId, ScriptArguments, ScriptContent, ScriptFile, Vm, VmFilter, VmName};
use vmm_core::remote::{Command, Credential, Login, Place, Progress, Source};
use vmm_core::{
    Cargo, Direction, Error, Part, Power, ReceiveTo, Result, RunDraft, RunTerms, ScriptDraft, SecretString, SendFrom,
    Transfer, TransferReport,
};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

/// The address that the first machine of a test gets.
const FIRST: u8 = 100;

fn ip(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

fn endpoint(last: u8) -> SocketAddr {
    SocketAddr::new(ip(last), 22)
}

fn login() -> Login {
    Login { user: "vmm".to_owned(), credential: Credential::Password(SecretString::from("secret")) }
}

/// A desk with these machines, whose sweep does not run, so that what a call does is the call's own.
async fn desk(names: &[&str]) -> (TestDesk, Vec<Vm>) {
    let mut desk = TestDesk::new().await;
    let rows: String = names.iter().map(|name| format!("{name},debian\n")).collect();
    let vms = desk.provision("r1", &format!("name,os\n{rows}")).await;
    desk.stop_worker().await;
    (desk, vms)
}

/// Has the DHCP server give a machine another address.
fn move_to(desk: &TestDesk, vm: &Vm, from: u8, to: u8) {
    desk.remote.move_machine(endpoint(from), endpoint(to));
    desk.hypervisor.set_addresses(vm.uuid, vec![ip(to)]);
}

async fn recorded(desk: &TestDesk, name: &VmName) -> Option<IpAddr> {
    desk.vmm.vm(&desk.admin, name).await.expect("the machine").0.ip
}

async fn run(desk: &TestDesk, name: &VmName) -> Result<String> {
    let command = Command::new("uptime").within(Duration::from_secs(10));
    let mut outputs = desk.vmm.ssh(&desk.user, name, vec![(login(), command)]).await?;
    outputs.remove(0).map(|output| output.stdout.text())
}

/// Returns whether a login was shown at an address since the calls up to `before`.
fn proof_sent(desk: &TestDesk, before: usize, last: u8) -> bool {
    desk.remote.calls()[before..].iter().any(|call| call.address == endpoint(last) && call.proof_sent)
}

fn transfer(file: &str) -> Transfer {
    let place = Place::new("/tmp", file).expect("a place");
    Transfer { cargo: Cargo::File, place, login: login(), deadline: Duration::from_secs(10), progress: Progress::new() }
}

fn tree(name: &str) -> Transfer {
    Transfer { cargo: Cargo::Tree { replace: false }, ..transfer(name) }
}

async fn send(desk: &TestDesk, name: &VmName, transfer: Transfer, content: Source) -> Result<TransferReport> {
    let direction = Direction::Send(SendFrom::Content(content));
    desk.vmm.carry(&desk.user, name, transfer, direction).await?.one()
}

async fn receive(desk: &TestDesk, name: &VmName, transfer: Transfer) -> Result<TransferReport> {
    let direction = Direction::Receive(ReceiveTo::Content(Box::new(tokio::io::sink())));
    desk.vmm.carry(&desk.user, name, transfer, direction).await?.one()
}

/// A tar archive of an empty directory: two blocks of zeros.
fn archive() -> Cursor<Vec<u8>> {
    Cursor::new(vec![0; 1024])
}

async fn start_script(desk: &TestDesk, name: &VmName) -> RunId {
    let draft = ScriptDraft {
        name: sample::script_name("job"),
        file: ScriptFile::new("job.sh").expect("a name"),
        command: Some("sh".parse().expect("an interpreter")),
        content: Some(ScriptContent::new("true\n").expect("a text")),
        targets: vec![name.as_str().parse().expect("a target")],
        user: Some("vmm".to_owned()),
        password: Some(SecretString::from("secret")),
    };
    let script = desk.vmm.create_script(&desk.user, draft).await.expect("a script");
    let arguments = ScriptArguments::default();
    let draft =
        RunDraft { script: script.script.name, version: None, targets: None, arguments, terms: RunTerms::default() };
    desk.vmm.run_script(&desk.user, draft).await.expect("a run").id
}

#[tokio::test]
async fn after_a_reboot_with_another_address_commands_files_directories_and_scripts_follow_the_machine() {
    let (desk, vms) = desk(&["web-1"]).await;
    let (vm, name) = (&vms[0], &vms[0].name);
    desk.remote.answer(endpoint(FIRST), "uptime", Answer::stdout("up"));
    let mut at = FIRST;
    let mut reboot = async || {
        desk.vmm.power(&desk.user, name, Power::Reboot).await.expect("it reboots");
        move_to(&desk, vm, at, at + 1);
        at += 1;
        at
    };

    let now = reboot().await;
    assert_eq!(run(&desk, name).await.expect("it is found"), "up");
    assert_eq!(recorded(&desk, name).await, Some(ip(now)));

    let now = reboot().await;
    let content = vec![7; 3 << 20];
    let sent = send(&desk, name, transfer("file"), Box::new(Cursor::new(content.clone()))).await;
    assert_eq!(sent.expect("it is found").sha256, sample::sha256(&content));
    assert_eq!(recorded(&desk, name).await, Some(ip(now)));

    reboot().await;
    let received = receive(&desk, name, transfer("file")).await;
    assert_eq!(received.expect("it is found").sha256, sample::sha256(&content));

    reboot().await;
    send(&desk, name, tree("tree"), Box::new(archive())).await.expect("it is found");

    reboot().await;
    let received = receive(&desk, name, tree("tree")).await;
    received.expect("it is found");

    reboot().await;
    let shown = desk.vmm.vm_host_key(&desk.user, name).await.expect("the machine").shown;
    assert_eq!(shown.expect("it is found"), vm.host_key);

    let now = reboot().await;
    start_script(&desk, name).await;
    desk.until("the script came to the machine", async || {
        let calls = desk.remote.calls();
        calls
            .iter()
            .any(|call| call.address == endpoint(now) && call.line.as_ref().is_some_and(|line| line.contains("job.sh")))
    })
    .await;
}

#[tokio::test]
async fn a_new_address_is_listed_after_the_next_look_at_the_host() {
    for leased in [true, false] {
        let mut desk = TestDesk::new().await;
        let vm = desk.provision("r1", "name,os\nweb-1,debian\n").await.remove(0);
        desk.hypervisor.lease_addresses(leased);
        desk.vmm.power(&desk.user, &vm.name, Power::Reboot).await.expect("it reboots");
        move_to(&desk, &vm, FIRST, 150);
        desk.until("the list shows it", async || recorded(&desk, &vm.name).await == Some(ip(150))).await;
        desk.stop_worker().await;
        let before = desk.hypervisor.calls("network.addresses");
        desk.start_worker();
        let looks = desk.hypervisor.calls("domains.list");
        desk.until("the host was looked at again", async || desk.hypervisor.calls("domains.list") > looks + 3).await;
        let asked = desk.hypervisor.calls("network.addresses") - before;
        assert!(if leased { asked == 0 } else { asked > 0 }, "asked {asked} times, leased: {leased}");
    }
}

#[tokio::test]
async fn the_monitor_records_the_address_that_it_shows() {
    let (desk, vms) = desk(&["web-1"]).await;
    move_to(&desk, &vms[0], FIRST, 150);
    let monitor = desk.vmm.monitor(&desk.user, &vms[0].name).await.expect("it runs");
    assert_eq!(monitor.addresses, [ip(150)]);
    assert_eq!(recorded(&desk, &vms[0].name).await, Some(ip(150)));
}

#[tokio::test]
async fn nobody_is_told_to_accept_the_key_of_the_machine_that_took_an_address() {
    let (desk, vms) = desk(&["web-1", "db-1"]).await;
    let [web, db] = &vms[..] else { panic!("two machines") };
    // web-1 gets no address yet, and db-1 gets the one that web-1 had.
    desk.remote.move_machine(endpoint(FIRST), endpoint(160));
    desk.hypervisor.set_addresses(web.uuid, Vec::new());
    move_to(&desk, db, FIRST + 1, FIRST);
    desk.remote.answer(endpoint(160), "uptime", Answer::stdout("web"));
    let before = desk.remote.calls().len();

    let told = "192.0.2.100 is now db-1's; web-1's address is not known yet";
    let error = run(&desk, &web.name).await.expect_err("it is not there");
    assert!(matches!(&error, Error::Unavailable { reason, .. } if reason.contains(told)), "{error}");
    let shown = desk.vmm.vm_host_key(&desk.user, &web.name).await.expect("the machine").shown;
    let error = shown.expect_err("it is not there");
    assert!(matches!(&error, Error::Unavailable { reason, .. } if reason.contains(told)), "{error}");
    let source = Box::new(Cursor::new(vec![0; 10]));
    let error = send(&desk, &web.name, transfer("file"), source).await.expect_err("not there");
    assert!(matches!(&error, Error::Unavailable { reason, .. } if reason.contains(told)), "{error}");
    assert!(!proof_sent(&desk, before, FIRST), "another machine got the password");

    // A host that does not answer leaves the question open, too.
    desk.hypervisor.fail_next("network.addresses", Error::unavailable(Part::Hypervisor, "away"));
    let error = run(&desk, &web.name).await.expect_err("it is not there");
    assert!(matches!(&error, Error::Unavailable { reason, .. } if reason.contains("is not known")), "{error}");

    desk.hypervisor.set_addresses(web.uuid, vec![ip(160)]);
    assert_eq!(run(&desk, &web.name).await.expect("its address is known"), "web");
    assert!(!proof_sent(&desk, before, FIRST), "another machine got the password");
}

#[tokio::test]
async fn a_key_at_an_address_that_the_host_confirms_is_told_as_changed() {
    let (desk, vms) = desk(&["web-1", "db-1"]).await;
    let other = sample::host_key("installed anew");
    desk.remote.show_host_key(endpoint(FIRST), other.clone());
    let error = run(&desk, &vms[0].name).await.expect_err("it has another key");
    assert!(matches!(&error, Error::HostKeyChanged { seen, .. } if *seen == other.fingerprint()), "{error}");
    let shown = desk.vmm.vm_host_key(&desk.user, &vms[0].name).await.expect("the machine").shown;
    assert_eq!(shown.expect("a key"), other);

    // But a key of another machine of the desk is never one to accept, whatever a stale lease says.
    desk.remote.show_host_key(endpoint(FIRST), vms[1].host_key.clone());
    let error = run(&desk, &vms[0].name).await.expect_err("it is another machine");
    assert!(matches!(&error, Error::Unavailable { reason, .. } if reason.contains("host key of db-1")), "{error}");
}

#[tokio::test]
async fn of_two_leases_the_one_at_which_the_machine_answers_counts() {
    let (desk, vms) = desk(&["web-1"]).await;
    desk.remote.move_machine(endpoint(FIRST), endpoint(150));
    desk.remote.answer(endpoint(150), "uptime", Answer::stdout("up"));
    desk.hypervisor.set_addresses(vms[0].uuid, vec![ip(FIRST), ip(150)]);
    assert_eq!(run(&desk, &vms[0].name).await.expect("it is found"), "up");
    assert_eq!(recorded(&desk, &vms[0].name).await, Some(ip(150)));
}

#[tokio::test]
async fn a_call_that_has_begun_is_not_made_again_and_the_next_one_goes_to_the_new_address() {
    let (desk, vms) = desk(&["web-1"]).await;
    desk.remote.machine(endpoint(150), vms[0].host_key.clone());
    desk.remote.break_transfers(endpoint(FIRST), 10);
    desk.hypervisor.set_addresses(vms[0].uuid, vec![ip(150)]);
    let before = desk.remote.calls().len();
    let source = Box::new(Cursor::new(vec![0; 1000]));
    let error = send(&desk, &vms[0].name, transfer("file"), source).await.expect_err("it broke");
    assert!(matches!(error, Error::Unavailable { part: Part::Machine, .. }), "{error}");
    assert_eq!(desk.remote.calls().len() - before, 1);
    assert_eq!(recorded(&desk, &vms[0].name).await, Some(ip(150)));
}

#[tokio::test]
async fn an_address_that_somebody_fixed_stays() {
    let mut desk = TestDesk::new().await;
    let vm = desk.provision("r1", "name,os,ip\nweb-1,debian,192.0.2.50\n").await.remove(0);
    desk.stop_worker().await;
    desk.remote.unreachable(endpoint(50));
    desk.hypervisor.set_addresses(vm.uuid, vec![ip(150)]);
    run(&desk, &vm.name).await.expect_err("it is not there");
    assert_eq!(recorded(&desk, &vm.name).await, Some(ip(50)));
    let all = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").items;
    assert!(all.iter().all(|vm| vm.ip_fixed));
}
