//! The mail of bots.

use async_trait::async_trait;

use super::mail_post::{ask, put, waiting};
use super::record::user;
use super::state::{BotRow, State, UpdateRow};
use super::store::Store;
use super::table::page;
use crate::error::Result;
use crate::mail::{KEPT_QUESTIONS, MOST_KNOWN_UPDATES, MailInbox, MailMenus, MailNotices, MailOutbox};
use crate::model::{
    Arrival, Attachment, BotId, BotUpdate, Button, NewPost, Post, PostId, Question, RequestEvent, RequestEventId,
    Timestamp, ToldMenu, WaitingPost,
};
use crate::repository::rules::stored;

#[async_trait]
impl MailInbox for Store {
    async fn offset(&self, bot: BotId) -> Result<Option<i64>> {
        Ok(self.read(|state| state.bots.get(&bot).and_then(|row| row.offset)))
    }

    async fn receive(&self, bot: BotId, updates: Vec<BotUpdate>, arrival: Arrival) -> Result<Vec<i64>> {
        self.write(|state| {
            let Some(last) = updates.iter().map(|update| update.id).max() else { return Ok(Vec::new()) };
            let offset = match arrival {
                Arrival::Asked => Some(last.saturating_add(1)),
                Arrival::Sent => None,
            };
            let row = state.bots.get(&bot).cloned().unwrap_or_default();
            state.bots.insert(bot, BotRow { offset, ..row });
            let mut new = Vec::new();
            for update in updates {
                let id = update.id;
                if !state.bot_updates.has(&(bot, id)) {
                    let update = BotUpdate { begun: false, ..update };
                    state.bot_updates.insert((bot, id), UpdateRow { update, ended: false });
                    new.push(id);
                }
            }
            forget_updates(state, bot, last.saturating_sub(MOST_KNOWN_UPDATES.into()));
            Ok(new)
        })
    }

    async fn open(&self, bot: BotId) -> Result<Vec<BotUpdate>> {
        Ok(self.read(|state| {
            let updates = state.bot_updates.range((bot, i64::MIN)..=(bot, i64::MAX)).map(|(_, row)| row);
            updates.filter(|row| !row.ended).map(|row| row.update.clone()).collect()
        }))
    }

    async fn by_id(&self, bot: BotId, id: i64) -> Result<Option<BotUpdate>> {
        Ok(self.read(|state| {
            let found = state.bot_updates.get(&(bot, id)).filter(|row| !row.ended);
            found.map(|row| row.update.clone())
        }))
    }

    async fn begin(&self, bot: BotId, id: i64) -> Result<bool> {
        self.write(|state| {
            let waiting = open_update(state, bot, id).filter(|row| !row.update.begun);
            Ok(waiting.map(|row| row.update.begun = true).is_some())
        })
    }

    async fn rewrite(&self, bot: BotId, id: i64, content: String) -> Result<()> {
        self.write(|state| {
            if let Some(row) = open_update(state, bot, id) {
                row.update.content = content;
            }
            Ok(())
        })
    }

    async fn finish(&self, bot: BotId, id: i64, posts: Vec<NewPost>, question: Option<Question>) -> Result<bool> {
        self.write(|state| {
            let Some(row) = open_update(state, bot, id) else { return Ok(false) };
            // What was said may have been a secret.
            (row.ended, row.update.content) = (true, String::new());
            posts.into_iter().try_for_each(|post| put(state, bot, post))?;
            question.into_iter().for_each(|question| ask(state, bot, question));
            Ok(true)
        })
    }
}

#[async_trait]
impl MailOutbox for Store {
    async fn post(&self, bot: BotId, posts: Vec<NewPost>, question: Option<Question>) -> Result<()> {
        self.write(|state| {
            posts.into_iter().try_for_each(|post| put(state, bot, post))?;
            question.into_iter().for_each(|question| ask(state, bot, question));
            Ok(())
        })
    }

    async fn question(&self, bot: BotId, chat: i64, person: i64, now: Timestamp) -> Result<Option<Question>> {
        let since = stored(now - KEPT_QUESTIONS);
        Ok(self.read(|state| {
            let found = state.bot_questions.get(&(bot, chat, person));
            found.filter(|question| question.expires_at > since).cloned()
        }))
    }

    async fn waiting(&self, bot: BotId, after: Option<PostId>) -> Result<Vec<WaitingPost>> {
        Ok(self.read(|state| {
            let posts =
                state.bot_posts.iter().filter(|(id, row)| row.bot == bot && after.is_none_or(|after| **id > after));
            posts.map(|(id, row)| WaitingPost { id: *id, chat: row.chat, due_at: row.due_at }).collect()
        }))
    }

    async fn by_id(&self, id: PostId) -> Result<Option<Post>> {
        Ok(self.read(|state| waiting(state, id)))
    }

    async fn postpone(&self, id: PostId, until: Timestamp) -> Result<()> {
        self.write(|state| {
            if let Some(row) = state.bot_posts.get_mut(&id) {
                row.due_at = stored(until);
                row.attempts += 1;
            }
            Ok(())
        })
    }

    async fn attachment(&self, id: PostId) -> Result<Option<Attachment>> {
        Ok(self.read(|state| state.bot_posts.get(&id).and_then(|row| row.attachment.clone())))
    }

    async fn close(&self, id: PostId, message: Option<i64>) -> Result<()> {
        self.write(|state| {
            super::mail_post::close(state, id, message);
            Ok(())
        })
    }

    async fn button(&self, bot: BotId, id: &str) -> Result<Option<Button>> {
        Ok(self.read(|state| {
            let found = state.bot_buttons.get(&id.to_owned()).filter(|row| row.bot == bot);
            found.map(|row| row.button.clone())
        }))
    }
}

#[async_trait]
impl MailNotices for Store {
    async fn follow(&self, bot: BotId) -> Result<()> {
        self.write(|state| {
            let newest = state.request_events.iter().next_back().map_or(RequestEventId(0), |(id, _)| *id);
            let row = state.bots.get(&bot).cloned().unwrap_or_default();
            let request_event = row.request_event.or(Some(newest));
            state.bots.insert(bot, BotRow { request_event, ..row });
            Ok(())
        })
    }

    async fn events(&self, bot: BotId, limit: u32) -> Result<Vec<RequestEvent>> {
        Ok(self.read(|state| {
            let Some(told) = state.bots.get(&bot).and_then(|row| row.request_event) else { return Vec::new() };
            let events = state.request_events.values().filter(|event| event.id > told);
            page(events.map(|event| shown(state, event)), Some(limit))
        }))
    }

    async fn tell(&self, bot: BotId, event: RequestEventId, posts: Vec<NewPost>) -> Result<bool> {
        self.write(|state| {
            let behind = |row: &BotRow| row.request_event.is_some_and(|told| told < event);
            let Some(row) = state.bots.get_mut(&bot).filter(|row| behind(row)) else { return Ok(false) };
            row.request_event = Some(event);
            posts.into_iter().try_for_each(|post| put(state, bot, post))?;
            Ok(true)
        })
    }
}

#[async_trait]
impl MailMenus for Store {
    async fn list(&self, bot: BotId) -> Result<Vec<ToldMenu>> {
        Ok(self.read(|state| {
            let menus = state.bot_menus.range((bot, i64::MIN)..=(bot, i64::MAX));
            menus.map(|((_, chat), content)| ToldMenu { chat: *chat, content: content.clone() }).collect()
        }))
    }

    async fn begin(&self, bot: BotId, chat: i64) -> Result<()> {
        self.write(|state| {
            state.bot_menus.insert((bot, chat), None);
            Ok(())
        })
    }

    async fn end(&self, bot: BotId, chat: i64, content: Option<String>) -> Result<()> {
        self.write(|state| {
            match content {
                Some(content) => state.bot_menus.insert((bot, chat), Some(content)),
                None => state.bot_menus.remove_all(&[(bot, chat)]),
            }
            Ok(())
        })
    }
}

fn open_update(state: &mut State, bot: BotId, id: i64) -> Option<&mut UpdateRow> {
    state.bot_updates.get_mut(&(bot, id)).filter(|row| !row.ended)
}

/// Forgets the updates of a bot before this one that have ended.
fn forget_updates(state: &mut State, bot: BotId, before: i64) {
    let old = state.bot_updates.range((bot, i64::MIN)..(bot, before)).filter(|(_, row)| row.ended);
    let old: Vec<_> = old.map(|(key, _)| *key).collect();
    state.bot_updates.remove_all(&old);
}

/// Returns an event with the present name of the account whose deed it was, if that is there.
fn shown(state: &State, event: &RequestEvent) -> RequestEvent {
    let actor = event.actor.and_then(|actor| user::by_id(state, actor));
    let (id, actor_name) = (actor.map(|user| user.id), actor.map(|user| user.name.clone()));
    RequestEvent { actor: id, actor_name, ..event.clone() }
}
