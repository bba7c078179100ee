//! Commands on machines: the fake and libssh2 keep the same promises.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use async_trait::async_trait;
use vmm_core::SecretString;
use vmm_core::remote::libssh2::{Libssh2Config, Libssh2Exec};
use vmm_core::remote::{Credential, Endpoint, Login, Place, RemoteExec};
use vmm_testkit::contract::remote::{Subject, answers};
use vmm_testkit::fake::remote::FakeRemote;
use vmm_testkit::sshd::{PasswordMethod, Setup, Sshd, free_address, other_host_key};

mod fake {
    use super::*;

    struct Fake(FakeRemote, Endpoint);

    #[async_trait]
    impl Subject for Fake {
        fn remote(&self) -> Arc<dyn RemoteExec> {
            Arc::new(self.0.clone())
        }
        fn endpoint(&self) -> Endpoint {
            self.1.clone()
        }
        fn login(&self) -> Login {
            password_login("right")
        }
        fn wrong_login(&self) -> Login {
            password_login("wrong")
        }
        async fn login_attempts(&self) -> usize {
            self.0.calls().iter().filter(|call| call.proof_sent).count()
        }
        fn directory(&self) -> String {
            "/srv".to_owned()
        }
        async fn names(&self) -> Vec<String> {
            self.0.names(self.1.address, "/srv")
        }
        async fn make_directory(&self, name: &str) {
            self.0.make_directory(self.1.address, &format!("/srv/{name}"));
        }
        async fn make_pipe(&self, name: &str) {
            self.0.make_pipe(self.1.address, &Place::new("/srv", name).expect("a place"));
        }
        async fn close_directory(&self) {
            self.0.close_directory(self.1.address, "/srv");
        }
    }

    async fn subject() -> Fake {
        let (fake, endpoint) = (FakeRemote::new(), Endpoint { address: free_address(), host_key: other_host_key() });
        fake.machine(endpoint.address, endpoint.host_key.clone());
        fake.accept_only(endpoint.address, password_login("right"));
        fake.answer_with(endpoint.address, answers);
        fake.make_directory(endpoint.address, "/srv");
        Fake(fake, endpoint)
    }

    vmm_testkit::remote_contract!(subject);
}

fn password_login(password: &str) -> Login {
    Login { user: Sshd::USER.into(), credential: Credential::Password(SecretString::from(password)) }
}

struct Server {
    sshd: Sshd,
    login: Login,
    wrong_login: Login,
    /// True if the login shell is not one that takes lines of `sh`.
    is_foreign: bool,
    greeting: &'static str,
    /// The shared directory as the user sees it, if that is elsewhere.
    directory: Option<&'static str>,
}

impl Server {
    fn new(sshd: Sshd, login: Login, wrong_login: Login) -> Self {
        Self { sshd, login, wrong_login, is_foreign: false, greeting: "", directory: None }
    }

    /// A server of which the tests know the password.
    async fn start(setup: Setup) -> Self {
        let sshd = Sshd::start_as(setup).await;
        let login = sshd.password_login();
        Self::new(sshd, login, password_login("wrong"))
    }
}

#[async_trait]
impl Subject for Server {
    fn remote(&self) -> Arc<dyn RemoteExec> {
        Arc::new(Libssh2Exec::default())
    }
    fn endpoint(&self) -> Endpoint {
        self.sshd.endpoint()
    }
    fn line(&self, line: &str) -> String {
        if self.is_foreign { format!("exec sh -c '{}'", line.replace('\'', r"'\''")) } else { line.to_owned() }
    }
    fn greeting(&self) -> &str {
        self.greeting
    }
    fn login(&self) -> Login {
        self.login.clone()
    }
    fn wrong_login(&self) -> Login {
        self.wrong_login.clone()
    }
    async fn login_attempts(&self) -> usize {
        self.sshd.login_attempts().await
    }
    fn directory(&self) -> String {
        let here = self.sshd.shared_directory().display().to_string();
        self.directory.map_or(here, str::to_owned)
    }
    async fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.sshd.shared_directory()).expect("a directory of our own");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("a readable directory").file_name();
        entries.map(|entry| name(entry).into_string().expect("a UTF-8 name")).collect()
    }
    async fn make_directory(&self, name: &str) {
        std::fs::create_dir(self.sshd.shared_directory().join(name)).expect("a directory of our own");
    }
    async fn make_pipe(&self, name: &str) {
        let path = self.sshd.shared_directory().join(name);
        let made = std::process::Command::new("mkfifo").args(["-m", "666"]).arg(path).status();
        assert!(made.expect("`mkfifo` is installed").success());
    }
    async fn close_directory(&self) {
        let read_only = std::fs::Permissions::from_mode(0o555);
        std::fs::set_permissions(self.sshd.shared_directory(), read_only).expect("a directory of our own");
    }
}

mod password {
    use super::*;

    async fn subject() -> Server {
        Server::start(Setup::default()).await
    }

    vmm_testkit::remote_contract!(subject);
}

mod keyboard_interactive {
    use super::*;

    async fn subject() -> Server {
        Server::start(Setup { method: PasswordMethod::KeyboardInteractive, ..Setup::default() }).await
    }

    vmm_testkit::remote_contract!(subject);
}

mod private_key {
    use super::*;

    async fn subject() -> Server {
        let (sshd, stranger) = (Sshd::start().await, Sshd::start().await);
        let (login, wrong_login) = (sshd.key_login(), stranger.key_login());
        Server::new(sshd, login, wrong_login)
    }

    vmm_testkit::remote_contract!(subject);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_closed_its_output_gets_its_input_to_the_end() {
    let sshd = Sshd::start().await;
    let file = sshd.shared_directory().join("input");
    let line = format!("exec >&- 2>&-; cat >{}", file.display());
    let command = vmm_core::remote::Command::new(line).reading(vec![b'x'; 4 << 20]);
    Libssh2Exec::default().run(&sshd.endpoint(), &sshd.key_login(), &command).await.expect("the command runs");
    assert_eq!(std::fs::metadata(file).expect("the file").len(), 4 << 20);
}

mod cancel;
mod end;
mod evil;
mod guest;
mod pool;
mod resume;
mod servers;
mod transfer;
mod tree;
mod tree_resume;

mod ending {
    //! The end of a command whose time is over.

    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use vmm_core::Error;
    use vmm_core::remote::{Command, Exit, Processes};

    use super::*;

    /// A command that leaves its process ids in a file: of its shell, of a child in a process group of its own, and
    /// of a grandchild. It ignores every signal that can be ignored.
    fn stubborn(file: &str) -> String {
        format!(
            "trap '' HUP INT TERM PIPE; echo $$ >> {file}; set -m; \
             sh -c 'sleep 600 & echo $$ >> {file}; echo $! >> {file}; wait' & wait"
        )
    }

    struct Stubborn {
        sshd: Sshd,
        file: PathBuf,
    }

    impl Stubborn {
        async fn new() -> Self {
            let sshd = Sshd::start().await;
            let file = sshd.shared_directory().join("processes");
            Self { sshd, file }
        }

        fn command(&self) -> Command {
            Command::new(stubborn(&self.file.display().to_string()))
        }

        /// Returns the number of the command's three processes that run, seen by a command of its own.
        async fn running(&self) -> i32 {
            let file = self.file.display();
            let count = format!("n=0; for p in $(cat {file}); do test -d /proc/$p && n=$((n+1)); done; exit $n");
            let output = Libssh2Exec::default()
                .run(&self.sshd.endpoint(), &self.sshd.key_login(), &Command::new(count))
                .await
                .expect("the command runs");
            let Exit::Code(count) = output.exit else { panic!("it was killed") };
            count
        }

        /// Waits until so many of them run.
        async fn until_running(&self, count: i32, limit: Duration) {
            let began = Instant::now();
            while self.running().await != count {
                assert!(began.elapsed() < limit, "still {} and not {count}", self.running().await);
            }
        }

        async fn until_started(&self) {
            let began = Instant::now();
            let lines = || std::fs::read_to_string(&self.file).unwrap_or_default().lines().count();
            while lines() < 3 {
                assert!(began.elapsed() < Duration::from_secs(10), "the command did not start");
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn past_the_deadline_no_process_of_the_command_is_left() {
        let machine = Stubborn::new().await;
        let command = machine.command().within(Duration::from_secs(2));
        let error = Libssh2Exec::default()
            .run(&machine.sshd.endpoint(), &machine.sshd.key_login(), &command)
            .await
            .expect_err("it does not end by itself");
        assert!(matches!(&error, Error::Unfinished(told) if told.processes == Processes::Killed), "{error}");
        machine.until_started().await;
        machine.until_running(0, Duration::from_secs(5)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_command_that_falls_silent_is_killed_and_one_that_talks_is_not() {
        let machine = Stubborn::new().await;
        let (remote, endpoint, login) = (Libssh2Exec::default(), machine.sshd.endpoint(), machine.sshd.key_login());
        let silence = Duration::from_millis(600);
        let talks = Command::new("for i in 1 2 3 4 5; do echo $i; sleep 0.3; done").silent_at_most(silence);
        let output = remote.run(&endpoint, &login, &talks).await.expect("it is never silent for so long");
        assert_eq!(output.stdout.text(), "1\n2\n3\n4\n5\n");
        let error = remote.run(&endpoint, &login, &machine.command().silent_at_most(silence)).await;
        let error = error.expect_err("it says nothing");
        assert!(matches!(&error, Error::Unfinished(told) if told.after == Some(silence)), "{error}");
        machine.until_started().await;
        machine.until_running(0, Duration::from_secs(5)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_caller_who_goes_away_leaves_no_process_of_the_command() {
        let machine = Stubborn::new().await;
        let (endpoint, login, command) = (machine.sshd.endpoint(), machine.sshd.key_login(), machine.command());
        let call = tokio::spawn(async move { Libssh2Exec::default().run(&endpoint, &login, &command).await });
        machine.until_started().await;
        machine.until_running(3, Duration::from_secs(5)).await;
        call.abort();
        machine.until_running(0, Duration::from_secs(5)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_call_that_finds_no_free_session_waits_within_its_deadline() {
        let sshd = Sshd::start().await;
        let mut config = Libssh2Config::default();
        config.sessions = 1;
        let remote = Libssh2Exec::new(&config);
        let (endpoint, login) = (sshd.endpoint(), sshd.key_login());
        let first = {
            let (remote, endpoint, login) = (remote.clone(), endpoint.clone(), login.clone());
            let command = Command::new("sleep 600").within(Duration::from_secs(3));
            tokio::spawn(async move { remote.run(&endpoint, &login, &command).await })
        };
        while !sshd.log().contains("Accepted publickey") {
            tokio::task::yield_now().await;
        }
        let short = Command::new("true").within(Duration::from_millis(100));
        let error = remote.run(&endpoint, &login, &short).await.expect_err("no session is free");
        assert!(matches!(&error, Error::Timeout { stage, .. } if stage.contains("free SSH session")), "{error}");
        remote.run(&endpoint, &login, &Command::new("true")).await.expect("a session becomes free");
        assert!(first.await.expect("no panic").is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_machine_with_another_key_hears_nothing_of_a_user() {
        let sshd = Sshd::start().await;
        let endpoint = Endpoint { host_key: other_host_key(), ..sshd.endpoint() };
        let answer = Libssh2Exec::default().run(&endpoint, &sshd.password_login(), &Command::new("true")).await;
        assert!(matches!(answer, Err(Error::HostKeyChanged { .. })), "{answer:?}");
        assert_eq!(sshd.login_attempts().await, 0);
        assert!(!sshd.log().contains("userauth-request"), "{}", sshd.log());
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_refused_before_connecting() {
        let endpoint = Endpoint { address: free_address(), host_key: other_host_key() };
        let run = async |line: &str, login: Login| {
            Libssh2Exec::default().run(&endpoint, &login, &Command::new(line)).await.expect_err("refused")
        };
        for line in ["a\0b", &"x".repeat(40_000)] {
            let error = run(line, password_login("x")).await;
            assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "command"), "{error}");
        }
        let error = run("true", password_login("a\0b")).await;
        assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "password"), "{error}");
    }
}

/// Prints how long a command takes on a new connection, in turns with OpenSSH's own client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -p vmm-testkit --test it -- --ignored --nocapture a_cold_command"]
#[expect(clippy::print_stdout, reason = "a measurement is for reading")]
async fn a_cold_command_beside_the_ssh_client() {
    use std::time::{Duration, Instant};

    let sshd = Sshd::start().await;
    let (endpoint, key_file) = (sshd.endpoint(), sshd.key_file());
    let command = vmm_core::remote::Command::new("true");
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..21 {
        for (login, times) in [sshd.key_login(), sshd.password_login()].iter().zip(&mut times) {
            let began = Instant::now();
            Libssh2Exec::default().run(&endpoint, login, &command).await.expect("the command runs");
            times.push(began.elapsed());
        }
        for (exchange, times) in ["KexAlgorithms=curve25519-sha256", "LogLevel=ERROR"].iter().zip(&mut times[2..]) {
            let began = Instant::now();
            let status = tokio::process::Command::new("ssh")
                .args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
                .args(["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-o", exchange, "-i"])
                .arg(&key_file)
                .args(["-p", &endpoint.address.port().to_string(), &format!("{}@127.0.0.1", Sshd::USER), "true"])
                .status()
                .await
                .expect("`ssh` is installed");
            assert!(status.success());
            times.push(began.elapsed());
        }
    }
    for (name, times) in
        ["libssh2, key", "libssh2, password", "ssh, key, curve25519", "ssh, key"].iter().zip(&mut times)
    {
        times.sort();
        println!("{name}: median {:?}, p90 {:?}", times[times.len() / 2], times[times.len() * 9 / 10]);
    }
}

/// Its holes are on the list of advisories; a libssh2 of the system would be on none.
#[test]
fn libssh2_is_built_from_the_source_that_is_locked() {
    assert_eq!(include_str!("../../../Cargo.lock").matches("name = \"libssh2-sys\"").count(), 1);
    assert!(std::env::var_os("LIBSSH2_SYS_USE_PKG_CONFIG").is_none());
}

mod hostile {
    //! Servers that the owner of a machine may put in sshd's place.

    use std::io::Write;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use vmm_core::remote::Command;
    use vmm_core::{Error, Part};
    use vmm_testkit::load;

    use super::*;

    const BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";
    const LIMIT: Duration = Duration::from_secs(1);

    /// Runs a command on a server that treats every connection like this, and checks when and how the call ends.
    async fn meets(server: impl Fn(TcpStream) + Send + 'static) -> Error {
        ends_within(LIMIT + Duration::from_secs(1), server).await
    }

    async fn ends_within(time: Duration, server: impl Fn(TcpStream) + Send + 'static) -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = Endpoint { address: listener.local_addr().expect("bound"), host_key: other_host_key() };
        std::thread::spawn(move || {
            let (socket, _) = listener.accept().expect("a connection");
            socket.set_write_timeout(Some(Duration::from_secs(10))).expect("a timeout");
            server(socket);
        });
        let began = Instant::now();
        let command = Command::new("true").within(LIMIT);
        let error = Libssh2Exec::default().run(&endpoint, &password_login("secret"), &command).await;
        let took = began.elapsed();
        assert!(took <= time, "it took {took:?}");
        error.expect_err("no server can make a command run like this")
    }

    /// Keeps the connection open until the client is gone.
    fn hold(mut socket: &TcpStream) {
        let _ = std::io::copy(&mut socket, &mut std::io::sink());
    }

    fn timed_out(error: &Error) -> bool {
        matches!(error, Error::Timeout { after, .. } if *after == LIMIT)
    }

    fn unavailable(error: &Error) -> bool {
        matches!(error, Error::Unavailable { part: Part::Machine | Part::Connection, .. })
    }

    /// A packet before encryption (RFC 4253 §6): length, padding length, type and payload, padding.
    fn packet(kind: u8, payload: &[u8]) -> Vec<u8> {
        let padding = 8 - (payload.len() + 6) % 8 + 8;
        let length = u32::try_from(payload.len() + 2 + padding).expect("a small packet");
        let mut packet = length.to_be_bytes().to_vec();
        packet.extend([u8::try_from(padding).expect("at most 16"), kind]);
        packet.extend(payload);
        packet.extend(vec![0; padding]);
        packet
    }

    /// Sends the same packet as fast as it goes, until the client is gone.
    fn flood(mut socket: &TcpStream, packet: &[u8]) {
        let many = packet.repeat((1 << 20) / packet.len());
        while socket.write_all(&many).is_ok() {}
    }

    #[tokio::test]
    async fn one_that_says_nothing_times_out() {
        let error = meets(|socket| hold(&socket)).await;
        assert!(timed_out(&error), "{error}");
    }

    #[tokio::test]
    async fn one_that_drips_its_banner_times_out() {
        let error = meets(|mut socket| {
            while socket.write_all(b"S").is_ok() {
                std::thread::park_timeout(Duration::from_millis(20));
            }
        })
        .await;
        assert!(timed_out(&error), "{error}");
    }

    #[tokio::test]
    async fn one_that_stalls_the_key_exchange_times_out() {
        let error = meets(|mut socket| {
            socket.write_all(BANNER).expect("the client is there");
            hold(&socket);
        })
        .await;
        assert!(timed_out(&error), "{error}");
    }

    /// A login has limits of its own, so that it cannot use up the time of a long command.
    #[tokio::test]
    async fn one_that_stalls_is_given_up_long_before_the_command_would_be() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = Endpoint { address: listener.local_addr().expect("bound"), host_key: other_host_key() };
        std::thread::spawn(move || hold(&listener.accept().expect("a connection").0));
        let mut config = Libssh2Config::default();
        config.login_timeout = Duration::from_millis(200);
        let (began, command) = (Instant::now(), Command::new("true").within(Duration::from_secs(3600)));
        let error = Libssh2Exec::new(&config).run(&endpoint, &password_login("secret"), &command).await;
        let error = error.expect_err("it says nothing");
        assert!(matches!(&error, Error::Timeout { after, .. } if *after == config.login_timeout), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    }

    #[tokio::test]
    async fn one_that_hangs_up_is_unavailable() {
        let error = meets(drop).await;
        assert!(unavailable(&error), "{error}");
        let error = meets(|mut socket| socket.write_all(BANNER).expect("the client is there")).await;
        assert!(unavailable(&error), "{error}");
    }

    #[tokio::test]
    async fn one_that_half_closes_is_unavailable() {
        let error = meets(|mut socket| {
            socket.write_all(BANNER).expect("the client is there");
            socket.shutdown(Shutdown::Write).expect("the client is there");
            hold(&socket);
        })
        .await;
        assert!(unavailable(&error), "{error}");
    }

    #[tokio::test]
    async fn one_that_talks_garbage_is_unavailable() {
        let error = meets(|mut socket| {
            socket.write_all(BANNER).expect("the client is there");
            let _ = socket.write_all(&[0xff; 100_000]);
            hold(&socket);
        })
        .await;
        assert!(unavailable(&error), "{error}");
    }

    /// A runtime waits for its blocking threads, and this server lets none of them come to rest.
    #[test]
    fn a_runtime_ends_though_its_caller_has_gone_and_the_server_floods() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = Endpoint { address: listener.local_addr().expect("bound"), host_key: other_host_key() };
        std::thread::spawn(move || flood(&listener.accept().expect("a connection").0, b"not a banner\r\n"));
        let (ended, end) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let (remote, login) = (Libssh2Exec::default(), password_login("secret"));
                let command = Command::new("true").within(Duration::from_secs(3600));
                let call = remote.run(&endpoint, &login, &command);
                assert!(tokio::time::timeout(LIMIT, call).await.is_err(), "it is not answered");
            });
            drop(runtime);
            ended.send(()).expect("the test waits");
        });
        end.recv_timeout(LIMIT + Duration::from_secs(30)).expect("the runtime ends");
    }

    /// Servers that flood, each met in a process of its own, whose memory is then nobody else's.
    #[tokio::test]
    async fn floods_take_little_memory() {
        for flood in ["banner", "ignored_packets", "packets_out_of_turn"] {
            let mut process = tokio::process::Command::new(std::env::current_exe().expect("this test's binary"));
            let process = process.args(["--exact", &format!("ssh::hostile::flood_of_{flood}"), "--ignored"]);
            let output = process.kill_on_drop(true).output().await.expect("this test's binary starts");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{flood}: {text}");
        }
    }

    async fn floods(server: impl Fn(TcpStream) + Send + 'static) {
        let process = std::process::id();
        let before = load::forget_peak(process).expect("Linux tells");
        // The flood itself keeps the processors from the client.
        let error = ends_within(LIMIT + Duration::from_secs(5), server).await;
        let grown = load::peak_memory(process).expect("Linux tells").saturating_sub(before);
        assert!(timed_out(&error) || unavailable(&error), "{error}");
        assert!(grown <= 64 << 20, "it took {} MiB", grown >> 20);
    }

    #[tokio::test]
    #[ignore = "a part of floods_take_little_memory"]
    async fn flood_of_banner() {
        floods(|socket| flood(&socket, b"not a banner\r\n")).await;
    }

    #[tokio::test]
    #[ignore = "a part of floods_take_little_memory"]
    async fn flood_of_ignored_packets() {
        floods(|mut socket| {
            socket.write_all(BANNER).expect("the client is there");
            flood(&socket, &packet(2, &[0; 1004]));
        })
        .await;
    }

    #[tokio::test]
    #[ignore = "a part of floods_take_little_memory"]
    async fn flood_of_packets_out_of_turn() {
        floods(|mut socket| {
            socket.write_all(BANNER).expect("the client is there");
            flood(&socket, &packet(94, &[0; 30_000]));
        })
        .await;
    }
}
