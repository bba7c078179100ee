//! Commands on machines.

use std::net::SocketAddr;
use std::time::Duration;

use vmm_core::remote::{Credential, Exit, Login};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fake::telegram::{Event, Message, Person};

use crate::app::{App, gives_login, gives_user, sees_become};

pub(crate) const SECRET: &str = "pass w0rd<&>";

/// A machine with one login, and alice.
pub(crate) struct Scene {
    pub(crate) app: App,
    pub(crate) alice: Person,
    pub(crate) web_1: SocketAddr,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let app = App::new().await;
        let vms = app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
        let web_1 = SocketAddr::new(vms[0].ip.unwrap(), 22);
        let credential = Credential::Password(SECRET.into());
        app.desk.remote.accept_only(web_1, Login { user: "debian".to_owned(), credential });
        app.desk.remote.answer(web_1, "uptime", Answer::stdout("up 3 days\n"));
        let alice = app.linked("Alice", &app.desk.user).await;
        Self { app, alice, web_1 }
    }

    /// Says this, and gives the login that is asked for.
    pub(crate) async fn says_with_login(&self, said: &str) {
        self.alice.says(said);
        gives_login(&self.alice, "debian", SECRET).await;
    }

    /// Waits for the live message of a command, and for the end of it.
    pub(crate) async fn ended(&self, words: &str) -> Message {
        sees_become(&self.alice, "web-1  ", words).await
    }

    /// The lines that were run, as whom.
    fn lines(&self) -> Vec<(String, Option<String>)> {
        let calls =
            self.app.desk.remote.calls().into_iter().filter(|call| call.user == "debian" || call.line.is_none());
        let told = |line: &Option<String>| !line.as_ref().is_some_and(|line| line.contains("cloud-init"));
        calls.map(|call| (call.user, call.line)).filter(|(_, line)| told(line)).collect()
    }

    /// Returns how often this was run.
    fn ran(&self, line: &str) -> usize {
        self.lines().iter().filter(|(_, run)| run.as_deref() == Some(line)).count()
    }
}

/// Everything that the records hold, once what was deleted is gone.
fn records(app: &App) -> Vec<u8> {
    let path = app.desk.database();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0, "nobody reads for so long");
    std::fs::read(path).unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_command_runs_after_its_login_was_asked_for_and_then_at_once() {
    let scene = Scene::new().await;
    scene.says_with_login("/ssh web-1 uptime").await;
    let done = scene.ended("Exit code 0 after").await;
    assert_eq!(done.part("pre"), Some("up 3 days"), "{}", done.text);
    assert_eq!(
        done.labels(),
        ["Run it again", "Another command", "Keep for 1 h", "Keep for 8 h", "Forget the login"],
        "no cancelling any more"
    );
    assert_eq!(scene.app.audit("vm.ssh").await.len(), 2, "begun and done, once");

    let lines = "for i in 1 2; do\n  echo \"$i\" # uptime\ndone";
    scene.alice.says(&format!("/ssh web-1 {lines}"));
    scene.ended("Exit code 0").await;
    assert_eq!(scene.lines().last().unwrap().1.as_deref(), Some(lines));

    for (label, word) in [("Keep for 1 h", "for 1 h from now"), ("Keep for 8 h", "for 8 h from now")] {
        let told = scene.alice.presses(&done, label).answer().await;
        assert!(told.text.contains(word) && !told.alert, "{told:?}");
    }
    scene.alice.presses(&done, "Run it again").answer().await;
    let again = scene.ended("Exit code 0").await;
    let told = scene.alice.presses(&again, "Forget the login").answer().await;
    assert!(told.text.contains("forgotten"), "{told:?}");
    let told = scene.alice.presses(&again, "Keep for 1 h").answer().await;
    assert!(told.text.contains("I do not remember your login"), "{told:?}");
    scene.says_with_login("/ssh web-1 uptime").await;
    scene.ended("Exit code 0").await;

    scene.alice.says("/forget");
    scene.alice.sees("forgotten your login on 1 machine").await;
    scene.alice.says("/forget");
    scene.alice.sees("do not remember any login").await;
    scene.alice.says("/ssh web-1 uptime");
    scene.alice.sees("As which user").await;
    assert!(!scene.alice.messages().iter().any(|message| message.text.contains("w0rd")));
}

#[tokio::test]
async fn a_password_is_in_no_record_even_while_its_command_runs() {
    let scene = Scene::new().await;
    scene.app.desk.remote.answer(scene.web_1, "sleep", Answer::hangs());
    scene.says_with_login("/ssh web-1 sleep 1d").await;
    let live = scene.alice.sees("In progress.").await;
    let bytes = records(&scene.app);
    assert!(holds(&bytes, "web-1") && !holds(&bytes, "sleep 1d") && !holds(&bytes, "w0rd"));
    scene.alice.presses(&live, "Cancel").answer().await;
    scene.alice.sees_edit(&live, "Cancelled.").await;
    assert!(!holds(&records(&scene.app), "w0rd"));
}

#[tokio::test]
async fn what_is_written_is_shown_while_it_runs_until_it_is_cancelled() {
    let scene = Scene::new().await;
    scene.app.desk.remote.answer(scene.web_1, "build", Answer::stdout("step <1>\n").taking(Duration::MAX));
    scene.says_with_login("/ssh web-1 build").await;
    let live = scene.alice.sees("In progress.").await;
    let shown = scene.alice.sees_in(&live, "step <1>").await;
    assert_eq!((shown.part("pre"), shown.labels()), (Some("step <1>"), vec!["Cancel"]));
    // The chat goes on beside it.
    scene.alice.says("/ssh web-1 uptime");
    let done = scene.ended("up 3 days").await;
    assert_ne!(done.id, live.id);
    let told = scene.alice.presses(&shown, "Cancel").answer().await;
    assert_eq!(told.text, "Cancelling …");
    let ended = scene.alice.sees_edit(&live, "Cancelled.").await;
    assert!(ended.part("pre") == Some("step <1>") && ended.button("Cancel").is_none(), "{}", ended.text);
}

#[tokio::test]
async fn what_does_not_fit_into_a_message_comes_as_a_document() {
    let scene = Scene::new().await;
    let long: String = (1..=2000).map(|number| format!("line {number} <&>\n")).collect();
    let binary = b"\x7fELF\x00\xff\x1b[2J".to_vec();
    let too_long = vec![b'x'; (1 << 20) + 7];
    let killed = Answer::stdout(too_long).with_exit(Exit::Signal("KILL".to_owned()));
    scene.app.desk.remote.answer(scene.web_1, "long", Answer::stdout(long.clone()).with_stderr("a warning"));
    scene.app.desk.remote.answer(scene.web_1, "binary", Answer::stdout(binary.clone()));
    scene.app.desk.remote.answer(scene.web_1, "endless", killed);
    scene.app.desk.remote.answer(scene.web_1, "fail", Answer::code(3).with_stderr("no such thing\n"));
    scene.says_with_login("/ssh web-1 long").await;
    let done = scene.ended("Exit code 0").await;
    let shown = done.part("pre").unwrap();
    assert!(shown.ends_with("line 2000 <&>") && shown.starts_with("line "), "{shown}");
    assert!(done.text.contains("Standard error:\na warning"), "{}", done.text);
    let document = scene.alice.sees_document("web-1-output.txt").await.document.unwrap();
    assert_eq!(document.bytes, format!("{long}--- standard error ---\na warning").into_bytes());

    scene.alice.says("/ssh web-1 binary");
    let done = scene.ended("Exit code 0").await;
    assert_eq!(done.part("pre"), Some("\u{fffd}ELF\u{fffd}\u{fffd}"));
    assert_eq!(scene.alice.sees_document("web-1-output.txt").await.document.unwrap().bytes, binary);

    scene.alice.says("/ssh web-1 endless");
    scene.ended("Ended by the signal KILL").await;
    let document = scene.alice.sees_document("web-1-output.txt").await;
    assert!(document.text.contains("says where it was cut"), "{}", document.text);
    let mark = b"x\n--- standard output was cut after 1048576 of 1048583 bytes ---\n";
    assert!(document.document.unwrap().bytes.ends_with(mark));

    scene.alice.says("/ssh web-1 fail");
    let done = scene.ended("Exit code 3").await;
    assert!(done.text.contains("Standard error:\nno such thing"), "{}", done.text);
}

#[tokio::test]
async fn a_command_that_may_have_run_is_told_with_what_it_wrote() {
    let scene = Scene::new().await;
    let answer = Answer::stdout("going down <1>\n").losing_the_connection();
    scene.app.desk.remote.answer(scene.web_1, "reboot", answer);
    scene.says_with_login("/ssh web-1 reboot").await;
    let done = scene.ended("may have run").await;
    assert_eq!(done.part("pre"), Some("going down <1>"));
    assert!(done.text.contains("Look at the machine before you run it again"), "{}", done.text);
}

#[tokio::test]
async fn a_login_that_is_refused_is_forgotten_and_asked_for_anew() {
    let scene = Scene::new().await;
    scene.alice.says("/ssh web-1 uptime");
    scene.alice.sees("As which user").await;
    scene.alice.says("two words");
    scene.alice.sees("one word").await;
    scene.alice.says("debian");
    scene.alice.sees("What is the password of debian").await;
    // A password may look like a command that the bot does not know.
    scene.alice.tells("/etc/passw0rd").await;
    let refused = scene.ended("web-1 refused the login of debian").await;
    assert!(refused.text.contains("Try again") && !refused.text.contains("192."), "{}", refused.text);
    scene.alice.presses(&refused, "Run it again").answer().await;
    gives_login(&scene.alice, "debian", SECRET).await;
    scene.ended("up 3 days").await;
    assert_eq!(scene.lines(), [("debian".to_owned(), None), ("debian".to_owned(), Some("uptime".to_owned()))]);
}

#[tokio::test]
async fn the_card_asks_for_a_command_and_a_command_of_the_bot_ends_the_question() {
    let mut scene = Scene::new().await;
    scene.alice.says("/vm web-1");
    let card = scene.alice.sees("web-1 is on").await;
    scene.alice.presses(&card, "Run a command").answer().await;
    scene.alice.sees("Which command is to run on web-1?").await;
    scene.alice.says("/usr/bin/uptime");
    gives_login(&scene.alice, "debian", SECRET).await;
    scene.ended("up 3 days").await;
    scene.alice.says("/forget");
    scene.alice.sees("forgotten").await;

    scene.alice.says("/ssh web-1");
    scene.alice.sees("Which command is to run on web-1?").await;
    scene.alice.says("uptime");
    gives_user(&scene.alice, "debian").await;
    scene.alice.says("/cancel");
    scene.alice.sees("no question is open").await;
    scene.alice.says(SECRET);
    scene.alice.sees("do not understand").await;
    assert_eq!(scene.lines().len(), 1);

    // Nobody gives a password for nothing.
    let name = vmm_testkit::sample::vm_name("web-1");
    scene.app.desk.vmm.power(&scene.app.desk.user, &name, vmm_core::Power::Stop).await.unwrap();
    scene.alice.says("/ssh web-1 uptime");
    scene.alice.sees("is off; start it first").await;
    scene.alice.says("/ssh nowhere uptime");
    scene.alice.sees("nowhere").await;
    scene.app.stop().await;
}

#[tokio::test]
async fn a_command_that_a_stopped_bot_leaves_behind_is_told_and_not_run_again() {
    let mut scene = Scene::new().await;
    scene.app.desk.remote.answer(scene.web_1, "build", Answer::hangs());
    let mut runs = 0;
    for said in ["with a known login", "with one that was just given"] {
        match said {
            "with one that was just given" => scene.says_with_login("/ssh web-1 build").await,
            _ => {
                scene.says_with_login("/ssh web-1 uptime").await;
                scene.ended("up 3 days").await;
                scene.alice.says("/ssh web-1 build");
            }
        }
        let live = scene.alice.sees("In progress.").await;
        runs += 1;
        scene.app.desk.until("it runs", async || scene.ran("build") == runs).await;
        scene.app.stop().await;
        scene.app.start();
        let told = scene.alice.sees_edit(&live, "vmm was stopped before this ended").await;
        assert_eq!(told.labels(), ["Run it again", "Another command"], "{said}");
        assert_eq!(scene.ran("build"), runs, "{said}");
    }
}

#[tokio::test]
async fn a_password_is_deleted_even_if_its_account_was_freed_meanwhile() {
    let scene = Scene::new().await;
    scene.alice.says("/ssh web-1 uptime");
    gives_user(&scene.alice, "debian").await;
    scene.app.desk.vmm.unlink_chat(&scene.app.desk.user, None).await.unwrap();
    scene.alice.tells(SECRET).await;
    scene.alice.sees("You are not linked to an account yet").await;
    assert_eq!(scene.lines(), []);
}

/// The question still stands there when somebody comes back to it.
#[tokio::test]
async fn a_password_that_comes_too_late_is_deleted_and_does_nothing() {
    let scene = Scene::new().await;
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(25 * 3600));
    let asked = async || {
        scene.alice.says("/ssh web-1 uptime");
        gives_user(&scene.alice, "debian").await;
    };
    asked().await;
    scene.app.ages_questions(hour);
    scene.alice.tells("/its passw0rd").await;
    let told = scene.alice.sees("answer came too late").await;
    scene.alice.presses(&told, "Ask me again").answer().await;
    gives_login(&scene.alice, "debian", SECRET).await;
    scene.ended("up 3 days").await;
    scene.alice.says("/forget");
    scene.alice.sees("forgotten").await;
    assert!(!holds(&records(&scene.app), "passw0rd"));

    // A command is no answer, and ends the question.
    for command in ["/vms", "/vm"] {
        asked().await;
        scene.app.ages_questions(hour);
        scene.alice.says(command);
        scene.alice.sees(if command == "/vm" { "Which machine?" } else { "web-1" }).await;
    }
    scene.alice.says("/cancel");
    scene.alice.sees("no question is open").await;
    scene.alice.says("hello");
    scene.alice.sees("do not understand").await;

    // What is no secret is left, and after a day nobody remembers what was asked.
    scene.alice.says("/ssh web-1 uptime");
    scene.alice.sees("As which user").await;
    scene.app.ages_questions(hour);
    scene.alice.says("debian");
    scene.alice.sees("do not understand").await;
    asked().await;
    scene.app.ages_questions(day);
    scene.alice.says("hello");
    scene.alice.sees("do not understand").await;
    let left = scene.alice.unread().iter().all(|event| !matches!(event, Event::Deleted(_)));
    assert!(left && scene.ran("uptime") == 1);
}

#[tokio::test]
async fn a_login_is_forgotten_when_the_account_is_freed() {
    let scene = Scene::new().await;
    scene.says_with_login("/ssh web-1 uptime").await;
    scene.ended("up 3 days").await;
    scene.alice.says("/unlink");
    scene.alice.sees("is no longer linked to an account").await;
    scene.alice.says(&format!("/start {}", scene.app.code(&scene.app.desk.user).await));
    scene.alice.sees("Welcome").await;
    scene.alice.says("/ssh web-1 uptime");
    scene.alice.sees("As which user").await;
}

#[tokio::test]
async fn a_command_that_a_phones_keyboard_has_changed_is_asked_for_again() {
    let scene = Scene::new().await;
    for (said, word) in [
        ("/ssh web-1 ls \u{2014}la", "\u{2014}la"),
        ("/ssh web-1 echo \u{201c}two words\u{201d}", "\u{201c}two"),
        ("/ssh web-1 echo 'a' \u{2013}n", "\u{2013}n"),
    ] {
        scene.alice.says(said);
        scene.alice.sees(&format!("has {word:?}, which your keyboard put in place")).await;
    }
    assert_eq!(scene.lines(), []);
    // In straight quotes, and within a word, it is meant.
    scene.app.desk.remote.answer(scene.web_1, "echo 'a \u{2014}b' c\u{2014}d", Answer::stdout("said\n"));
    scene.says_with_login("/ssh web-1 echo 'a \u{2014}b' c\u{2014}d").await;
    scene.ended("said").await;
}
