//! Actions that are asked for in a private chat.

use vmm_testkit::fake::telegram::{Message, Person};

use super::action::{Action, Order, Verdict, Wish, told};
use super::scene::{LINE, REPORT, RIGHT, SCRIPT, SENT, Scene, Somebody, USER};

impl Scene {
    /// Asks, and tells the verdict.
    pub(crate) async fn in_chat(&self, somebody: &Somebody, wish: Wish) -> Verdict {
        let Wish { action, vm, .. } = wish;
        let person = &somebody.person;
        if let Some(order) = action.order() {
            return self.switched(person, wish, &order).await;
        }
        if action.needs_login() && wish.password != RIGHT {
            // A login that is known would be taken.
            person.says("/forget");
            person.sees("").await;
        }
        let words = words(action, vm);
        match action {
            Action::Put | Action::PutNowhere => person.uploads(SENT, SENT.as_bytes(), &words),
            _ => person.says(&words),
        };
        let mut message = person.sees("").await;
        if message.text.contains("As which user") {
            person.says(USER);
            person.sees("What is the password of").await;
            person.tells(wish.password).await;
            message = person.sees("").await;
        }
        let verdict = told(&ended(person, message).await.text);
        if (action, verdict) == (Action::Fetch, Verdict::Done) {
            assert_eq!(person.sees_document("").await.document.unwrap().bytes, REPORT.as_bytes());
        }
        verdict
    }

    /// Presses a button that was shown when the machine had it, whatever the machine is like by now.
    async fn switched(&self, person: &Person, wish: Wish, order: &Order) -> Verdict {
        self.switch(wish.vm, wish.action != Action::Start).await;
        person.says(&format!("/vm {}", wish.vm));
        let card = person.sees("").await;
        self.switch(wish.vm, wish.on).await;
        let verdict = told(&card.text);
        if verdict != Verdict::Done {
            return verdict;
        }
        person.presses(&card, order.label).answer().await;
        let question = person.sees_edit(&card, order.label).await;
        person.presses(&question, &format!("Yes, {}", order.label.to_lowercase())).answer().await;
        told(&person.sees_edit(&question, "").await.text)
    }
}

/// The words that ask for something; those of a file that is put are its caption.
fn words(action: Action, vm: &str) -> String {
    match (action, action.file()) {
        (Action::Monitor, _) => format!("/monitor {vm}"),
        (Action::Command, _) => format!("/ssh {vm} {LINE}"),
        (Action::Run, _) => format!("/run {SCRIPT} {vm}"),
        (Action::Put | Action::PutNowhere, Some((directory, _))) => format!("/put {vm} {directory}"),
        (_, Some((directory, file))) => format!("/get {vm} {directory}/{file}"),
        _ => format!("/vm {vm}"),
    }
}

/// A message once it does not change any more.
async fn ended(person: &Person, mut message: Message) -> Message {
    while message.text.contains(['⏳', '🕓']) {
        message = person.sees_edit(&message, "").await;
    }
    message
}
