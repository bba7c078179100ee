//! What comes in: stored before more is asked for, then answered, chat by chat.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use teloxide::{ApiError, Bot, RequestError};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tokio::time::sleep;
use vmm_core::BotMail;
use vmm_core::model::{BotUpdate, NewPost, Question};

use crate::{Options, RunError, client, crash_point};

/// How many chats are answered at once.
const AT_ONCE: usize = 64;
/// The pause before the database is asked again.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// What an update leads to.
#[derive(Default)]
pub(crate) struct Handled {
    /// What is to be sent.
    pub(crate) posts: Vec<NewPost>,
    /// What its person is asked from now on.
    pub(crate) question: Option<Question>,
    /// What goes on after that, while its chat is answered further; only then the update ends.
    pub(crate) work: Option<Work>,
}

/// Work that goes on; what it leads to is the last of its update.
pub(crate) type Work = BoxFuture<'static, Handled>;

impl From<Vec<NewPost>> for Handled {
    fn from(posts: Vec<NewPost>) -> Self {
        Self { posts, ..Self::default() }
    }
}

/// Answers one update.
#[async_trait]
pub(crate) trait Handle: Send + Sync + 'static {
    /// What it leads to. An error means that it is to be tried again.
    async fn handle(&self, update: &BotUpdate) -> vmm_core::Result<Handled>;

    /// What is to be sent after `handle` has panicked.
    fn broke(&self, update: &BotUpdate) -> Vec<NewPost>;
}

pub(crate) struct Inbox {
    bot: Bot,
    mail: BotMail,
    options: Options,
    stored: Notify,
    ended: Arc<Notify>,
    /// What is being answered; it ends well after `dispatch` was dropped.
    tasks: Mutex<JoinSet<Task>>,
}

/// Something about an update that has come to its end.
enum Task {
    /// Its chat goes on, and so may work of its.
    Answered { chat: Option<i64>, update: BotUpdate, work: Option<Work> },
    /// The work of this update has ended too.
    Worked { update: i64 },
}

impl Inbox {
    /// Wakes `ended` when there may be something to send.
    pub(crate) fn new(bot: Bot, mail: BotMail, options: Options, ended: Arc<Notify>) -> Self {
        Self { bot, mail, options, stored: Notify::new(), ended, tasks: Mutex::default() }
    }

    /// Stores what comes, until Telegram does not know the bot any more.
    pub(crate) async fn poll(&self) -> Result<(), RunError> {
        let mut failures = 0;
        loop {
            let offset = insist(|| self.mail.offset()).await;
            match client::updates(&self.bot, offset, &self.options).await {
                Ok(values) => {
                    failures = 0;
                    let updates: Vec<_> = values.iter().filter_map(update).collect();
                    if updates.is_empty() {
                        continue;
                    }
                    insist(|| self.mail.receive(updates.clone())).await;
                    self.stored.notify_one();
                    crash_point("update", "stored").await;
                }
                Err(RequestError::Api(ApiError::InvalidToken)) => return Err(RunError::Token),
                Err(error) => {
                    tracing::warn!(error = client::hidden(&error), "no updates; they are asked for again");
                    sleep(client::pause(&error, &self.options, failures)).await;
                    failures += 1;
                }
            }
        }
    }

    /// Waits until nothing is being answered any more.
    pub(crate) async fn drain(&self) {
        while self.tasks.lock().await.join_next().await.is_some() {}
    }

    /// Answers what is stored: updates of one chat one after the other, those of others beside them.
    pub(crate) async fn dispatch(&self, handler: Arc<dyn Handle>) -> Infallible {
        let mut queues: HashMap<Option<i64>, VecDeque<BotUpdate>> = HashMap::new();
        let (mut known, mut busy) = (HashSet::new(), HashSet::new());
        let mut tasks = self.tasks.lock().await;
        let (mut look, mut works) = (true, 0);
        loop {
            if look {
                for update in insist(|| self.mail.open_updates()).await {
                    if known.insert(update.id) {
                        queues.entry(update.chat).or_default().push_back(update);
                    }
                }
            }
            let free: Vec<_> = queues.keys().filter(|chat| !busy.contains(*chat)).copied().collect();
            for chat in free.into_iter().take((AT_ONCE + works).saturating_sub(tasks.len())) {
                let Some(queue) = queues.get_mut(&chat) else { continue };
                let Some(update) = queue.pop_front() else { continue };
                if queue.is_empty() {
                    queues.remove(&chat);
                }
                busy.insert(chat);
                let (mail, handler, ended) = (self.mail.clone(), Arc::clone(&handler), Arc::clone(&self.ended));
                tasks.spawn(async move {
                    let work = answer(&mail, handler.as_ref(), &update).await;
                    ended.notify_one();
                    crash_point("update", "ended").await;
                    Task::Answered { chat, update, work }
                });
            }
            look = tokio::select! {
                () = self.stored.notified() => true,
                Some(task) = tasks.join_next() => {
                    // A task catches its handler's panics, so that it always tells what it was about.
                    match task {
                        Ok(Task::Answered { chat, update, work: Some(work) }) => {
                            busy.remove(&chat);
                            works += 1;
                            let (mail, handler, ended) =
                                (self.mail.clone(), Arc::clone(&handler), Arc::clone(&self.ended));
                            tasks.spawn(async move {
                                end_work(&mail, handler.as_ref(), &update, work).await;
                                ended.notify_one();
                                Task::Worked { update: update.id }
                            });
                        }
                        Ok(Task::Answered { chat, update, work: None }) => {
                            busy.remove(&chat);
                            known.remove(&update.id);
                        }
                        Ok(Task::Worked { update }) => {
                            works -= 1;
                            known.remove(&update);
                        }
                        Err(_) => {}
                    }
                    false
                }
            };
        }
    }
}

/// Answers an update; gives the work that goes on for it.
async fn answer(mail: &BotMail, handler: &dyn Handle, update: &BotUpdate) -> Option<Work> {
    let Handled { posts, question, work } = loop {
        match AssertUnwindSafe(handler.handle(update)).catch_unwind().await {
            Ok(Ok(handled)) => break handled,
            Ok(Err(error)) => {
                tracing::warn!(%error, update = update.id, "an update is tried again");
                sleep(DATABASE_PAUSE).await;
            }
            Err(_) => {
                tracing::error!(update = update.id, "the handler of an update panicked");
                break handler.broke(update).into();
            }
        }
    };
    match work {
        Some(_) => insist(|| mail.post(posts.clone(), question.clone())).await,
        None => drop(insist(|| mail.finish_update(update.id, posts.clone(), question.clone())).await),
    }
    work
}

/// Waits until an update's work has come to its end, and ends the update.
async fn end_work(mail: &BotMail, handler: &dyn Handle, update: &BotUpdate, work: Work) {
    let handled = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(update = update.id, "the work for an update panicked");
        handler.broke(update).into()
    });
    insist(|| mail.finish_update(update.id, handled.posts.clone(), handled.question.clone())).await;
}

/// Asks the database until it answers.
async fn insist<T, F>(call: impl Fn() -> F) -> T
where
    F: Future<Output = vmm_core::Result<T>> + Send,
{
    loop {
        match call().await {
            Ok(value) => return value,
            Err(error) => {
                tracing::warn!(%error, "the bot's mail cannot be read or written; it is tried again");
                sleep(DATABASE_PAUSE).await;
            }
        }
    }
}

/// An update to store, unless it has no number.
fn update(value: &Value) -> Option<BotUpdate> {
    let Some(id) = value["update_id"].as_i64() else {
        tracing::warn!("an update without a number was left out");
        return None;
    };
    let chat =
        ["/message/chat/id", "/callback_query/message/chat/id", "/callback_query/from/id", "/my_chat_member/chat/id"]
            .iter()
            .find_map(|path| value.pointer(path)?.as_i64());
    Some(BotUpdate { id, chat, content: value.to_string() })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use vmm_core::SecretString;
    use vmm_core::model::BotId;
    use vmm_testkit::fake::telegram::FakeTelegram;
    use vmm_testkit::fixture::TestDesk;

    use super::*;
    use crate::client::client;
    use crate::post::Reply;

    /// Panics on some texts, and is refused by the database once on others.
    #[derive(Default)]
    struct Fragile {
        handled: StdMutex<Vec<String>>,
    }

    #[async_trait]
    impl Handle for Fragile {
        async fn handle(&self, update: &BotUpdate) -> vmm_core::Result<Handled> {
            let text = serde_json::from_str::<Value>(&update.content).expect("JSON")["message"]["text"].to_string();
            let before = {
                let mut handled = self.handled.lock().expect("no panic holds it");
                let before = handled.contains(&text);
                handled.push(text.clone());
                before
            };
            assert!(!text.contains("panic"), "on purpose");
            if text.contains("again") && !before {
                return Err(vmm_core::Error::unavailable(vmm_core::Part::Database, "on purpose"));
            }
            Ok(vec![Reply::text(text).say(update.chat.expect("a chat"), None)].into())
        }

        fn broke(&self, update: &BotUpdate) -> Vec<NewPost> {
            vec![crate::render::broke().say(update.chat.expect("a chat"), None)]
        }
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_bot_goes_on() {
        let (desk, telegram) = (TestDesk::without_image().await, FakeTelegram::start().await);
        let options = Options::default();
        let bot = client(&SecretString::from(telegram.token()), Some(telegram.url())).expect("a bot");
        let mail = desk.vmm.bot_mail(BotId(7));
        let outbox = crate::outbox::Outbox::new(bot.clone(), mail.clone(), options.clone());
        let inbox = Inbox::new(bot, mail.clone(), options, outbox.wake());
        let (alice, handler) = (telegram.person("Alice"), Arc::new(Fragile::default()));
        for text in ["panic", "again", "last"] {
            alice.says(text);
        }
        let people = async {
            alice.sees("Something broke").await;
            alice.sees("again").await;
            alice.sees("last").await;
        };
        tokio::select! {
            ended = inbox.poll() => panic!("{ended:?}"),
            never = inbox.dispatch(handler.clone()) => match never {},
            never = outbox.deliver() => match never {},
            () = people => {}
        }
        assert_eq!(*handler.handled.lock().expect("no panic"), ["\"panic\"", "\"again\"", "\"again\"", "\"last\""]);
        assert_eq!(mail.open_updates().await.expect("an answer"), []);
    }
}
