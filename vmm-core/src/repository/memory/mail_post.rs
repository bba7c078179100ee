//! The posts of a chat bot, with its buttons and questions.

use super::record::user;
use super::state::{ButtonRow, LiveRow, PostRow, State};
use crate::error::Result;
use crate::mail::KEPT_QUESTIONS;
use crate::model::{BotId, Button, NewButton, NewPost, Post, PostId, PostPlace, Question};
use crate::repository::rules::{LIVE, now, stored};

/// Stores a post, with its buttons in place of those of the message that it changes.
pub(super) fn put(state: &mut State, bot: BotId, new: NewPost) -> Result<()> {
    let NewPost { chat, content, attachment, buttons, place } = new;
    let at = now();
    state.bot_buttons.remove_if(|row| row.button.expires_at <= at);
    let (changes, live) = match place {
        PostPlace::New => (None, None),
        PostPlace::Change(message) => (Some(message), None),
        PostPlace::Live { name, message } => (message, Some(name)),
        PostPlace::Known(name) if has_live(state, bot, chat, &name) => (None, Some(name)),
        PostPlace::Known(_) => return Ok(()),
    };
    match &live {
        None => void(state, bot, chat, changes),
        Some(name) => {
            if buttons.is_empty() {
                let of_live = |row: &ButtonRow| row.bot == bot && row.button.chat == chat && row.live == live;
                state.bot_buttons.remove_if(of_live);
            }
            state.bot_live.remove_if(|row| row.changed_at <= at - LIVE);
            if let Some(message) = changes {
                void(state, bot, chat, changes);
                state.bot_live.insert((bot, chat, name.clone()), LiveRow { message, changed_at: at });
            }
        }
    }
    let id = PostId(state.bot_posts.next_id());
    for button in buttons {
        put_button(state, button, ButtonPlace { bot, chat, post: id, message: changes, live: live.as_deref() })?;
    }
    let post = PostRow { bot, chat, content, changes, live, due_at: at, attempts: 0, attachment };
    state.bot_posts.insert(id, post);
    Ok(())
}

/// Where a button stands.
struct ButtonPlace<'a> {
    bot: BotId,
    chat: i64,
    post: PostId,
    message: Option<i64>,
    live: Option<&'a str>,
}

fn put_button(state: &mut State, new: NewButton, place: ButtonPlace<'_>) -> Result<()> {
    let NewButton { id, user, content, expires_at } = new;
    let ButtonPlace { bot, chat, post, message, live } = place;
    user::required(state, user)?;
    let button = Button { chat, message, user, content, expires_at: stored(expires_at) };
    state.bot_buttons.insert(id, ButtonRow { bot, post, live: live.map(str::to_owned), button });
    Ok(())
}

/// Returns a post that waits to be sent, with the message that it takes the place of.
pub(super) fn waiting(state: &State, id: PostId) -> Option<Post> {
    let row = state.bot_posts.get(&id)?;
    let live = row.live.as_ref().and_then(|name| state.bot_live.get(&(row.bot, row.chat, name.clone())));
    let same = |next: &PostRow| (next.bot, next.chat, &next.live) == (row.bot, row.chat, &row.live);
    let superseded = row.live.is_some() && state.bot_posts.iter().any(|(next, other)| *next > id && same(other));
    Some(Post {
        id,
        chat: row.chat,
        content: row.content.clone(),
        attempts: row.attempts,
        message: row.changes.or(live.map(|live| live.message)),
        superseded,
    })
}

/// Removes a post; its buttons stand under this message, and the message has the post's live name.
pub(super) fn close(state: &mut State, id: PostId, message: Option<i64>) {
    if let (Some(message), Some(post)) = (message, state.bot_posts.get(&id)) {
        if let Some(name) = &post.live {
            let key = (post.bot, post.chat, name.clone());
            state.bot_live.insert(key, LiveRow { message, changed_at: now() });
        }
        state.bot_buttons.change_if(|row| row.post == id, |row| row.button.message = Some(message));
    }
    state.bot_posts.remove(&id);
}

/// Asks a person a question in place of the one before; one without content only ends that.
pub(super) fn ask(state: &mut State, bot: BotId, question: Question) {
    let key = (bot, question.chat, question.person);
    state.bot_questions.remove(&key);
    if question.content.is_some() {
        let old = stored(now() - KEPT_QUESTIONS);
        state.bot_questions.remove_if(|question| question.expires_at <= old);
        let expires_at = stored(question.expires_at);
        state.bot_questions.insert(key, Question { expires_at, ..question });
    }
}

/// Returns whether a message has this name, or one that will have it waits to be sent.
fn has_live(state: &State, bot: BotId, chat: i64, name: &str) -> bool {
    let waits = |row: &PostRow| row.bot == bot && row.chat == chat && row.live.as_deref() == Some(name);
    state.bot_live.has(&(bot, chat, name.to_owned())) || state.bot_posts.find(waits).is_some()
}

/// Removes the buttons under a message.
fn void(state: &mut State, bot: BotId, chat: i64, message: Option<i64>) {
    let Some(message) = message else { return };
    let under = |row: &ButtonRow| row.bot == bot && row.button.chat == chat && row.button.message == Some(message);
    state.bot_buttons.remove_if(under);
}
