//! Incoming updates: stored before they are confirmed to Telegram, then answered, chat by chat.

mod queue;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use teloxide::{ApiError, Bot, RequestError};
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use vmm_core::BotMail;
use vmm_core::model::{Arrival, BotUpdate, NewPost, Question};

use self::queue::Queue;
use super::{client, update};
use crate::crash::crash_point;
use crate::error::RunError;
use crate::options::Options;
use crate::transport::webhook::Webhook;

/// The largest number of chats that are answered at once. More would only wait for each other, since most of them need
/// the processor.
const AT_ONCE: usize = 16;
/// The largest number of chats that are answered at once while some wait for somebody else, for example for a file from
/// Telegram.
const AT_MOST: usize = 64;
/// The time after which an answer counts as one that waits for somebody else.
const SLOW: Duration = Duration::from_millis(500);
/// The pause before the database is asked again.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// The result of an update.
#[derive(Default)]
pub(crate) struct Handled {
    /// The messages to send.
    pub(crate) posts: Vec<NewPost>,
    /// The question that is open afterwards.
    pub(crate) question: Option<Question>,
    /// Work that continues while further updates of the chat are answered. The update ends with it.
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
    /// Returns the result of an update. After an error the update is tried again.
    async fn handle(&self, update: &BotUpdate) -> vmm_core::Result<Handled>;

    /// Returns the messages to send after `handle` has panicked.
    fn broke(&self, update: &BotUpdate) -> Vec<NewPost>;
}

pub(crate) struct Inbox {
    bot: Bot,
    mail: BotMail,
    options: Options,
    /// The stored updates that nobody has looked at, and whether there may be more.
    new: StdMutex<(Vec<BotUpdate>, bool)>,
    /// Woken when there may be something to begin.
    arrived: Arc<Notify>,
    ended: Arc<Notify>,
    /// The answers in progress, which continue after `dispatch` was dropped.
    tasks: Mutex<JoinSet<Task>>,
}

/// Something about an update that has come to its end.
enum Task {
    /// Its chat goes on, and so may work of its.
    Answered { update: BotUpdate, work: Option<Work> },
    /// The work of this update has ended too.
    Worked { update: i64 },
}

impl Inbox {
    /// Wakes `ended` when there may be something to send.
    pub(crate) fn new(bot: Bot, mail: BotMail, options: Options, ended: Arc<Notify>) -> Self {
        let (new, arrived) = (StdMutex::new((Vec::new(), true)), Arc::default());
        Self { bot, mail, options, new, arrived, ended, tasks: Mutex::default() }
    }

    /// Stores what comes, until Telegram does not know the bot any more.
    pub(crate) async fn poll(&self) -> RunError {
        let mut failures = 0;
        loop {
            let offset = insist(|| self.mail.offset()).await;
            match client::updates(&self.bot, offset, &self.options).await {
                Ok(values) => {
                    failures = 0;
                    let updates: Vec<_> = values.iter().filter_map(update::read).collect();
                    if updates.is_empty() {
                        continue;
                    }
                    insist(|| self.store(updates.clone(), Arrival::Asked)).await;
                }
                Err(RequestError::Api(ApiError::InvalidToken)) => return RunError::Token,
                Err(error) => {
                    tracing::warn!(error = client::hidden(&error), "no updates; they are asked for again");
                    sleep(client::pause(&error, &self.options, failures)).await;
                    failures += 1;
                }
            }
        }
    }

    /// Stores what Telegram sends to the webhook.
    pub(crate) async fn take(&self, webhook: &Webhook) -> Infallible {
        let mut outlet = webhook.open();
        loop {
            let (updates, waiting): (Vec<_>, Vec<_>) =
                outlet.next().await.into_iter().map(|sent| (sent.update, sent.stored)).unzip();
            match self.store(updates, Arrival::Sent).await {
                // Who does not wait any more has it sent again.
                Ok(()) => {
                    for waiting in waiting {
                        let _ = waiting.send(());
                    }
                }
                Err(error) => tracing::warn!(%error, "updates cannot be stored; Telegram sends them again"),
            }
        }
    }

    /// Waits until no update is being answered.
    pub(crate) async fn drain(&self) {
        while self.tasks.lock().await.join_next().await.is_some() {}
    }

    /// Answers what is stored: updates of one chat one after the other, those of others beside them.
    pub(crate) async fn dispatch(&self, handler: Arc<dyn Handle>) -> Infallible {
        let mut queue = Queue::default();
        let mut tasks = self.tasks.lock().await;
        let (mut works, room) = (0, Arc::new(Semaphore::new(AT_ONCE)));
        loop {
            for update in self.stored().await {
                queue.add(update);
            }
            while tasks.len() < AT_MOST + works
                && let Ok(place) = Arc::clone(&room).try_acquire_owned()
                && let Some(update) = queue.take()
            {
                let look = Arc::clone(&self.arrived);
                let (mail, handler, ended) = (self.mail.clone(), Arc::clone(&handler), Arc::clone(&self.ended));
                tasks.spawn(async move {
                    let began = Instant::now();
                    let work = give_way(answer(&mail, handler.as_ref(), &update), place, &look).await;
                    let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    tracing::debug!(update = update.id, took_us, "an update is answered");
                    ended.notify_one();
                    crash_point("update", "ended").await;
                    Task::Answered { update, work }
                });
            }
            tokio::select! {
                () = self.arrived.notified() => {}
                Some(task) = tasks.join_next() => match task {
                    Ok(Task::Answered { update, work }) => {
                        queue.answered(update.chat);
                        let Some(work) = work else {
                            queue.ended(update.id);
                            continue;
                        };
                        works += 1;
                        let (mail, handler, ended) = (self.mail.clone(), Arc::clone(&handler), Arc::clone(&self.ended));
                        tasks.spawn(async move {
                            end_work(&mail, handler.as_ref(), &update, work).await;
                            ended.notify_one();
                            Task::Worked { update: update.id }
                        });
                    }
                    Ok(Task::Worked { update }) => {
                        works -= 1;
                        queue.ended(update);
                    }
                    // A task catches its handler's panics, so that it always tells what it was about.
                    Err(error) => tracing::error!(%error, "an update could not be answered"),
                },
            }
        }
    }

    /// Returns the updates that were stored since the last call. After the start, and in doubt, returns all that have
    /// not ended.
    async fn stored(&self) -> Vec<BotUpdate> {
        let (updates, doubt) = std::mem::take(&mut *self.lock());
        if doubt { insist(|| self.mail.open_updates()).await } else { updates }
    }

    /// Stores updates, and lets the new ones be answered.
    async fn store(&self, updates: Vec<BotUpdate>, arrival: Arrival) -> vmm_core::Result<()> {
        let result = self.mail.receive(updates.clone(), arrival).await;
        {
            let mut arrived = self.lock();
            match &result {
                Ok(new) => arrived.0.extend(updates.into_iter().filter(|update| new.contains(&update.id))),
                // It may be stored all the same.
                Err(_) => arrived.1 = true,
            }
        }
        self.arrived.notify_one();
        result?;
        crash_point("update", "stored").await;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<BotUpdate>, bool)> {
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for something, and makes room for others if it takes long.
async fn give_way<T>(answer: impl Future<Output = T>, place: OwnedSemaphorePermit, room: &Notify) -> T {
    let mut answer = pin!(answer);
    if let Ok(value) = timeout(SLOW, &mut answer).await {
        return value;
    }
    drop(place);
    room.notify_one();
    answer.await
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

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use vmm_core::SecretString;
    use vmm_core::model::BotId;
    use vmm_testkit::fake::telegram::FakeTelegram;
    use vmm_testkit::fixture::TestDesk;

    use super::*;
    use crate::transport::client::client;
    use crate::transport::outbox::Outbox;
    use crate::transport::post;

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
            Ok(vec![post::text(update.chat.expect("a chat"), text)].into())
        }

        fn broke(&self, update: &BotUpdate) -> Vec<NewPost> {
            vec![post::text(update.chat.expect("a chat"), "Something broke".to_owned())]
        }
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_bot_goes_on() {
        let (desk, telegram) = (TestDesk::without_image().await, FakeTelegram::start().await);
        let options = Options::default();
        let bot = client(&SecretString::from(telegram.token()), Some(telegram.url())).expect("a bot");
        let mail = desk.vmm.bot_mail(BotId(7));
        let outbox = Outbox::new(bot.clone(), mail.clone(), options.clone());
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
