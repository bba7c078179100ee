//! The promises of a [`MailStore`]. [`mail_contract!`](crate::mail_contract) makes a test of each promise.

use std::collections::HashSet;
use std::sync::Arc;

use vmm_core::mail::MailStore;
use vmm_core::model::{Arrival, BotId, BotUpdate, NewPost, Post, PostPlace};
use vmm_core::repository::Repository;

pub mod group;
pub mod inbox;
pub mod menu;
pub mod notice;
pub mod outbox;

/// The bot of every promise.
const BOT: BotId = BotId(7);

/// Records and the mail of bots, in one store.
#[derive(Clone)]
pub struct Records {
    /// The records.
    pub repository: Arc<dyn Repository>,
    /// The mail.
    pub mail: Arc<dyn MailStore>,
}

impl Records {
    /// Records and mail that one value holds.
    pub fn of<T: Repository + MailStore + 'static>(store: T) -> Self {
        let store = Arc::new(store);
        Self { repository: Arc::clone(&store) as Arc<dyn Repository>, mail: store }
    }
}

/// Stores updates that were asked for; gives the numbers of those that are new.
async fn received(mail: &Arc<dyn MailStore>, updates: Vec<BotUpdate>) -> Vec<i64> {
    mail.inbox().receive(BOT, updates, Arrival::Asked).await.expect("room")
}

/// A stored update of a chat.
fn update(id: i64) -> BotUpdate {
    BotUpdate { id, chat: Some(5), content: format!("update {id}"), begun: false }
}

/// The first post of each chat, in order of their rows.
async fn next_posts(mail: &Arc<dyn MailStore>) -> Vec<Post> {
    let (mut chats, mut posts) = (HashSet::new(), Vec::new());
    for waiting in mail.outbox().waiting(BOT, None).await.expect("an answer") {
        if chats.insert(waiting.chat) {
            posts.extend(mail.outbox().by_id(waiting.id).await.expect("an answer"));
        }
    }
    posts
}

/// A post of these words.
fn post(chat: i64, content: &str) -> NewPost {
    NewPost { chat, content: content.to_owned(), attachment: None, buttons: Vec::new(), place: PostPlace::New }
}

/// Makes a test of every promise of a store for the mail of bots.
///
/// Takes an async function that gives fresh, empty [`Records`]. The calling crate needs tokio with its macros and its
/// multi-threaded runtime.
#[macro_export]
macro_rules! mail_contract {
    ($factory:path) => {
        $crate::mail_contract!(@parts $factory,
            inbox {
                an_update_is_stored_once, an_update_that_was_sent_leaves_no_offset, an_ended_update_stays_ended,
                an_update_that_has_begun_can_be_rewritten, one_of_32_begins_an_update_and_one_ends_it,
                old_updates_are_forgotten_once_they_have_ended,
            }
            outbox {
                posts_of_a_chat_keep_their_order, a_button_belongs_to_its_message, an_expired_button_is_forgotten,
                a_live_message_is_made_once_and_changed, a_file_goes_with_its_post,
                a_person_is_asked_one_thing_at_a_time,
            }
            menu { what_is_known_of_a_menu_is_kept, }
            group { what_a_group_is_allowed_ends, }
            notice {
                every_change_is_an_event, an_event_knows_whose_deed_it_was, a_bot_begins_at_the_present,
                an_event_is_told_once, only_a_known_message_is_changed,
            }
        );
    };
    (@parts $factory:path, $($part:ident { $($promise:ident,)+ })+) => {
        $($crate::mail_contract!(@promises $factory, $part, $($promise)+);)+
    };
    (@promises $factory:path, $part:ident, $($promise:ident)+) => {
        mod $part {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    $crate::contract::mail::$part::$promise($factory().await).await;
                }
            )+
        }
    };
}
