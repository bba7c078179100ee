//! One exchange of a conversation: what somebody asks, and what is answered.

use futures_util::future::BoxFuture;
use vmm_core::Actor;
use vmm_core::model::UserId;

use crate::talk::dialogue::Question;
use crate::talk::reply::{Place, Reply};
use crate::talk::sender::From;

/// The person who asks, and the update.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The account of the person.
    pub(crate) actor: Actor,
    pub(crate) from: From,
    /// The title of the group, if it is known.
    pub(crate) title: String,
    /// The number of the update.
    pub(crate) update: i64,
    /// True if a process that was killed has begun this already.
    pub(crate) begun: bool,
    /// The message that was written, or whose button was pressed.
    pub(crate) message: i32,
    /// True if a button was pressed.
    pub(crate) pressed: bool,
}

impl Asked {
    /// The account of the person.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.actor.user_id()
    }
}

/// The answer to an update. All of its parts are stored together.
#[derive(Default)]
pub(crate) struct Answer {
    /// The messages, each with its chat.
    pub(crate) replies: Vec<(Place, Reply)>,
    /// Messages that go away, such as one that holds a secret.
    pub(crate) deletes: Vec<i32>,
    /// The question that is open to the person from then on.
    pub(crate) ask: Ask,
    /// The reply to the press itself; the person has to dismiss it if the flag is set.
    pub(crate) toast: Option<(String, bool)>,
    /// Work that continues afterwards. Its answer ends the update.
    pub(crate) work: Option<BoxFuture<'static, Answer>>,
}

/// The question that is open to a person from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The answer asks nothing. A question from before stays open only after the press of a button.
    #[default]
    Unsaid,
    /// This; the next text that is no command answers it.
    This(Question),
}

impl std::convert::From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::at(Place::Here, reply)
    }
}

impl Answer {
    /// A reply at this place.
    pub(crate) fn at(place: Place, reply: Reply) -> Self {
        Self { replies: vec![(place, reply)], ..Self::default() }
    }

    /// A reply that asks this.
    pub(crate) fn asking(reply: Reply, question: Question) -> Self {
        Self { ask: Ask::This(question), ..Self::from(reply) }
    }

    /// Answers with a new message, also after a press.
    pub(crate) fn asking_anew(reply: Reply, question: Question) -> Self {
        Self { ask: Ask::This(question), ..Self::at(Place::New, reply) }
    }

    /// A short word to who has pressed a button.
    pub(crate) fn toast(text: impl Into<String>) -> Self {
        Self { toast: Some((text.into(), false)), ..Self::default() }
    }

    /// With another reply behind the others.
    pub(crate) fn and(mut self, place: Place, reply: Reply) -> Self {
        self.replies.push((place, reply));
        self
    }

    /// With this message gone.
    pub(crate) fn deleting(mut self, message: i32) -> Self {
        self.deletes.push(message);
        self
    }
}

/// The name of the live message of an update's work.
pub(crate) fn work_name(update: i64) -> String {
    format!("work-{update}")
}
