//! One desk with both front ends over it, and people who are in both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use vmm_bot::Options;
use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::{Role, UserName, Vm, VmFilter};
use vmm_core::remote::{Credential, Login, Place};
use vmm_core::{Actor, ExposeSecret, Power, RequestDraft, ScriptDraft, SecretString, UserDraft, UserUpdate};
use vmm_http::{Limits, Server};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fake::telegram::{FakeTelegram, Person};
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

use super::action::Wish;

/// The machines that actions name. The last one does not exist.
pub(crate) const MACHINES: &[&str] = &["alice-1", "alice-2", "bob-1", "bob-2", "root-1", IMPOSTOR, "nowhere"];
/// A machine that shows another host key than its own.
const IMPOSTOR: &str = "bob-3";
/// A stranger has no account, dora's is disabled, and root is an admin.
pub(crate) const PEOPLE: &[&str] = &["stranger", "dora", "alice", "bob", "root"];
/// The login that every machine takes.
pub(crate) const USER: &str = "debian";
pub(crate) const RIGHT: &str = "the right password";
/// The command that runs.
pub(crate) const LINE: &str = "uptime";
/// The name of the file that is put onto machines, and its content.
pub(crate) const SENT: &str = "config";
/// The content of the file that is there on machines.
pub(crate) const REPORT: &str = "all is well\n";
/// The script that runs.
pub(crate) const SCRIPT: &str = "check";

/// Somebody, in both front ends.
pub(crate) struct Somebody {
    pub(crate) name: &'static str,
    /// Empty without an account.
    pub(crate) token: String,
    pub(crate) person: Person,
}

pub(crate) struct Scene {
    pub(crate) desk: TestDesk,
    pub(crate) telegram: FakeTelegram,
    pub(crate) people: Vec<Somebody>,
    /// The address of the HTTP server.
    pub(crate) address: String,
    pub(crate) client: reqwest::Client,
    vms: BTreeMap<String, Vm>,
}

/// The effect of an action on a machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    state: Option<DomainState>,
    /// The calls on the machine: user, command and input.
    calls: Vec<(String, Option<String>, Vec<u8>)>,
    /// The content of the file that was sent there.
    file: Option<Vec<u8>>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let (desk, telegram) = (TestDesk::new().await, FakeTelegram::start().await);
        let mut people = Vec::new();
        for name in PEOPLE {
            people.push(somebody(&desk, &telegram, name).await);
        }
        for (block, (owner, count)) in [("alice", 2), ("bob", 3), ("root", 1)].into_iter().enumerate() {
            machines(&desk, owner, block, count).await;
        }
        let script = ScriptDraft {
            name: sample::script_name(SCRIPT),
            file: "check.sh".parse().unwrap(),
            command: Some("sh".parse().unwrap()),
            content: Some(sample::script_content("true\n")),
            targets: Vec::new(),
            user: None,
            password: None,
        };
        desk.vmm.create_script(&desk.admin, script).await.unwrap();
        let vms = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.unwrap().items;
        let vms = vms.into_iter().map(|vm| (vm.name.to_string(), vm)).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let routes = vmm_http::routes(desk.vmm.clone(), Limits::default());
        tokio::spawn(Server::new(listener).run(routes, std::future::pending(), Duration::ZERO));
        let bot = vmm_bot::client(&SecretString::from(telegram.token()), Some(telegram.url())).unwrap();
        tokio::spawn(vmm_bot::run(bot, desk.vmm.clone(), Options::default(), std::future::pending()));
        let scene = Self { desk, telegram, people, address, client: reqwest::Client::new(), vms };
        scene.link().await;
        scene
    }

    async fn link(&self) {
        for somebody in self.people.iter().filter(|somebody| somebody.name != "stranger") {
            let name: UserName = somebody.name.parse().unwrap();
            let user = self.desk.vmm.user(&self.desk.admin, &name).await.unwrap();
            let code = self.desk.vmm.create_link_code(&Actor::from(&user), None).await.unwrap().code;
            somebody.person.says(&format!("/start {}", code.expose_secret()));
            somebody.person.sees("Welcome").await;
            if somebody.name == "dora" {
                let update = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
                self.desk.vmm.update_user(&self.desk.admin, &name, update, None).await.unwrap();
            }
        }
    }

    /// Makes a machine be as it is when something is asked for.
    pub(crate) async fn prepare(&self, wish: Wish) {
        self.switch(wish.vm, wish.on).await;
        let Some(vm) = self.vms.get(wish.vm) else { return };
        let (remote, address) = (&self.desk.remote, ssh_address(vm));
        let key = if wish.vm == IMPOSTOR { sample::host_key("other") } else { vm.host_key.clone() };
        remote.machine(address, key);
        let login = Login { user: USER.to_owned(), credential: Credential::Password(RIGHT.into()) };
        remote.accept_only(address, login);
        remote.answer(address, "", Answer::code(0));
        remote.put_file(address, &Place::new("/tmp", "report").unwrap(), REPORT);
        if !wish.on {
            remote.unreachable(address);
        }
    }

    /// Switches a machine on or off, if there is one.
    pub(crate) async fn switch(&self, vm: &str, on: bool) {
        let Some(vm) = self.vms.get(vm) else { return };
        let domain = self.desk.hypervisor.domains().by_id(vm.uuid).await.unwrap().unwrap();
        if (domain.state == DomainState::Running) != on {
            let power = if on { Power::Start } else { Power::Stop };
            self.desk.vmm.power(&self.desk.admin, &vm.name, power).await.unwrap();
        }
    }

    /// Returns the effect on a machine since the given number of calls on all machines.
    pub(crate) async fn effect(&self, vm: &str, behind: usize) -> Effect {
        let calls = self.desk.remote.calls().into_iter().skip(behind);
        let calls = calls.map(|call| (call.user, call.line.map(unmarked), call.input)).collect();
        let Some(vm) = self.vms.get(vm) else { return Effect { state: None, calls, file: None } };
        let domain = self.desk.hypervisor.domains().by_id(vm.uuid).await.unwrap();
        let file = self.desk.remote.file(ssh_address(vm), &Place::new("/tmp", SENT).unwrap());
        Effect { state: domain.map(|domain| domain.state), calls, file: file.map(|(content, _)| content) }
    }
}

/// An account with a login, unless it is a stranger.
async fn somebody(desk: &TestDesk, telegram: &FakeTelegram, name: &'static str) -> Somebody {
    let person = telegram.person(name);
    if name == "stranger" {
        return Somebody { name, token: String::new(), person };
    }
    if !["alice", "root"].contains(&name) {
        let name = sample::user_name(name);
        let draft = UserDraft { name, password: PASSWORD.into(), chat_id: None, role: Role::User };
        desk.vmm.create_user(&desk.admin, draft).await.unwrap();
    }
    let login = desk.vmm.login(name, PASSWORD.into(), None, None).await.unwrap();
    Somebody { name, token: login.token.expose_secret().to_owned(), person }
}

/// So many machines of a person, each at an address of its own in this block of ten.
async fn machines(desk: &TestDesk, owner: &str, block: usize, count: usize) {
    let row = |number: usize| format!("{owner}-{number},debian:12,512,192.0.2.{}\n", 100 + 10 * block + number);
    let draft = RequestDraft {
        id: sample::request_id(owner),
        requester: Some(owner.parse().unwrap()),
        description: String::new(),
        spec: format!("name,os,memory,ip\n{}", (1..=count).map(row).collect::<String>()),
    };
    let request = desk.vmm.submit_request(&desk.admin, draft).await.unwrap().request;
    desk.let_be_reached(&request);
    desk.approve(&request).await;
    desk.settled(&request.id).await;
}

/// A line that runs a script, without the mark by which that one run can be told from others.
fn unmarked(line: String) -> String {
    let Some((before, marked)) = line.split_once("'vmm-") else { return line };
    format!("{before}{}", marked.split_once('\'').map_or("", |(_, behind)| behind))
}

fn ssh_address(vm: &Vm) -> SocketAddr {
    SocketAddr::new(vm.ip.unwrap(), 22)
}
