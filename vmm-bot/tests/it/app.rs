//! The desk, the bot and people.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vmm_bot::{Bot, Options, RunError, Webhook};
use vmm_core::model::{AuditFilter, AuditRecord, BotId};
use vmm_core::{Actor, ExposeSecret, SecretString};
use vmm_testkit::fake::telegram::{FakeTelegram, Message, Person};
use vmm_testkit::fixture::TestDesk;

/// Eleven machines of alice's, one more than a page shows.
pub(crate) const SPEC: &str = "name,os,memory,disk,count\nweb,debian:12,512,2,11\n";

/// The sender that stops the bot, and the bot's task.
pub(crate) type Running = (oneshot::Sender<()>, JoinHandle<Result<(), RunError>>);

/// Waits for a new message with the first words, and until it has the last ones: what goes quickly has them at once.
pub(crate) async fn sees_become(person: &Person, first: &str, last: &str) -> Message {
    let message = person.sees(first).await;
    if message.text.contains(last) {
        return message;
    }
    person.sees_edit(&message, last).await
}

/// Gives the user that is asked for, up to the question for the password.
pub(crate) async fn gives_user(person: &Person, user: &str) {
    person.sees("As which user").await;
    person.says(user);
    person.sees(&format!("What is the password of {user} on ")).await;
}

/// Gives the login that is asked for.
pub(crate) async fn gives_login(person: &Person, user: &str, password: &str) {
    gives_user(person, user).await;
    person.tells(password).await;
}

/// The way in which updates arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Poll,
    Webhook,
}

pub(crate) struct App {
    pub(crate) desk: TestDesk,
    pub(crate) telegram: FakeTelegram,
    /// The address of the webhook, once it listens.
    pub(crate) address: Option<SocketAddr>,
    listening: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    running: Option<Running>,
}

impl App {
    /// A desk without machines, and the bot running.
    pub(crate) async fn new() -> Self {
        Self::by(Mode::Poll).await
    }

    /// The same with updates that come in this way.
    pub(crate) async fn by(mode: Mode) -> Self {
        let (desk, telegram) = (TestDesk::new().await, FakeTelegram::start().await);
        let mut app = Self { desk, telegram, address: None, listening: None, running: None };
        app.start_by(mode).await;
        app
    }

    /// Begins to answer people, and to ask for updates.
    pub(crate) fn start(&mut self) {
        self.run(self.options());
    }

    /// Begins to answer people, with updates that come in this way.
    pub(crate) async fn start_by(&mut self, mode: Mode) {
        let mut options = self.options();
        if mode == Mode::Webhook {
            options.webhook = Some(self.webhook().await);
        }
        self.run(options);
    }

    /// A webhook that listens until the bot is stopped, then and later at the same address.
    pub(crate) async fn webhook(&mut self) -> Webhook {
        let address = self.address.unwrap_or(([127, 0, 0, 1], 0).into());
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        self.address = Some(address);
        let webhook = Webhook::new(&self.client(), &format!("http://{address}/hook")).unwrap();
        let (listening, (stop, stopped)) = (webhook.clone(), oneshot::channel::<()>());
        let serve = async move { listening.serve(listener, async { drop(stopped.await) }).await };
        self.listening = Some((stop, tokio::spawn(serve)));
        webhook
    }

    fn client(&self) -> Bot {
        vmm_bot::client(&SecretString::from(self.telegram.token()), Some(self.telegram.url())).unwrap()
    }

    fn options(&self) -> Options {
        let mut options = Options::default();
        options.retry_pause = Duration::from_millis(20);
        options.notice_pause = Duration::from_millis(20);
        options.webhook_pause = Duration::from_millis(20);
        options.send_deadline = Duration::from_secs(1);
        options
    }

    fn run(&mut self, options: Options) {
        let (stop, stopped) = oneshot::channel::<()>();
        let run = vmm_bot::run(self.client(), self.desk.vmm.clone(), options, async { drop(stopped.await) });
        self.running = Some((stop, tokio::spawn(run)));
    }

    /// Ends it at whatever it is doing.
    pub(crate) async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            drop(stop);
            task.await.unwrap().unwrap();
        }
        if let Some((stop, task)) = self.listening.take() {
            drop(stop);
            task.await.unwrap();
        }
    }

    /// Leaves the bot that runs to itself, so that another one can be started.
    pub(crate) fn split(&mut self) -> Running {
        self.running.take().unwrap()
    }

    /// Ends a bot that was left to itself.
    pub(crate) async fn end((stop, task): Running) {
        drop(stop);
        task.await.unwrap().unwrap();
    }

    /// The bot, as the desk knows it.
    pub(crate) fn bot(&self) -> BotId {
        let id = self.telegram.token().split(':').next().unwrap();
        BotId(id.parse().unwrap())
    }

    /// Waits until all that has happened to requests is told.
    pub(crate) async fn all_told(&self) {
        let mail = self.desk.vmm.bot_mail(self.bot());
        self.desk.until("all is told", async || mail.request_news().await.unwrap().is_none()).await;
    }

    /// A code that binds a chat to this actor's account. Whoever uses it hears nothing of what was before.
    pub(crate) async fn code(&self, actor: &Actor) -> String {
        self.all_told().await;
        self.desk.vmm.create_link_code(actor, None).await.unwrap().code.expose_secret().to_owned()
    }

    /// A person who is bound to this actor's account.
    pub(crate) async fn linked(&self, name: &str, actor: &Actor) -> Person {
        let person = self.telegram.person(name);
        person.says(&format!("/start {}", self.code(actor).await));
        person.sees("Welcome").await;
        person
    }

    /// Lets so much time pass for what people were asked.
    pub(crate) fn ages_questions(&self, time: Duration) {
        let connection = rusqlite::Connection::open(self.desk.database()).unwrap();
        connection.busy_timeout(Duration::from_secs(20)).unwrap();
        let micros = i64::try_from(time.as_micros()).unwrap();
        assert_eq!(connection.execute("UPDATE bot_question SET expires_at = expires_at - ?1", [micros]).unwrap(), 1);
    }

    /// The audit rows of an action, newest first.
    pub(crate) async fn audit(&self, action: &str) -> Vec<AuditRecord> {
        let rows = self.desk.vmm.audit(&self.desk.admin, None, &AuditFilter::default()).await.unwrap();
        rows.items.into_iter().filter(|row| row.action == action).collect()
    }
}
