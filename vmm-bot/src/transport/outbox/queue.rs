//! The queue of messages to send, of which it knows only number, chat and moment. Finding the next costs the same
//! however many wait.

use std::collections::{BTreeSet, HashMap, VecDeque};

use chrono::{DateTime, Utc};
use vmm_core::model::{PostId, WaitingPost};

/// Posts, in order within each chat.
#[derive(Debug, Default)]
pub(super) struct Queue {
    last: Option<PostId>,
    chats: HashMap<i64, VecDeque<WaitingPost>>,
    /// The first post of each chat of which none is under way, by the moment from which on it may be sent.
    next: BTreeSet<(DateTime<Utc>, PostId, i64)>,
}

impl Queue {
    /// The newest post that is known.
    pub(super) fn last(&self) -> Option<PostId> {
        self.last
    }

    /// Adds posts that are newer than all that are known, in order.
    pub(super) fn add(&mut self, posts: Vec<WaitingPost>) {
        for post in posts {
            self.last = Some(post.id);
            let chat = self.chats.entry(post.chat).or_default();
            if chat.is_empty() {
                self.next.insert((post.due_at, post.id, post.chat));
            }
            chat.push_back(post);
        }
    }

    /// The post that is to be sent now, with its chat, of which no other comes until this one is settled.
    pub(super) fn take(&mut self, now: DateTime<Utc>) -> Option<(PostId, i64)> {
        let (due, id, chat) = *self.next.first()?;
        if due > now {
            return None;
        }
        self.next.pop_first();
        Some((id, chat))
    }

    /// Returns the moment at which the next post may be sent; `None` while none waits for a moment.
    pub(super) fn due(&self) -> Option<DateTime<Utc>> {
        self.next.first().map(|(due, ..)| *due)
    }

    /// The post of this chat that was taken is gone, or is to be taken again at a moment.
    pub(super) fn settle(&mut self, chat: i64, again: Option<DateTime<Utc>>) {
        let Some(posts) = self.chats.get_mut(&chat) else { return };
        match (again, posts.front_mut()) {
            (Some(due), Some(first)) => first.due_at = due,
            _ => drop(posts.pop_front()),
        }
        match posts.front() {
            Some(first) => drop(self.next.insert((first.due_at, first.id, chat))),
            None => drop(self.chats.remove(&chat)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn post(id: i64, chat: i64, due_at: DateTime<Utc>) -> WaitingPost {
        WaitingPost { id: PostId(id), chat, due_at }
    }

    #[test]
    fn a_chat_has_one_post_under_way_and_keeps_its_order() {
        let (mut queue, now) = (Queue::default(), Utc::now());
        queue.add(vec![post(1, 5, now), post(2, 5, now), post(3, 6, now)]);
        assert_eq!(queue.last(), Some(PostId(3)));
        assert_eq!(queue.take(now), Some((PostId(1), 5)));
        assert_eq!(queue.take(now), Some((PostId(3), 6)));
        queue.add(vec![post(4, 5, now)]);
        assert_eq!((queue.take(now), queue.due()), (None, None));
        queue.settle(6, None);
        queue.settle(5, None);
        assert_eq!(queue.take(now), Some((PostId(2), 5)));
        queue.settle(5, None);
        assert_eq!(queue.take(now), Some((PostId(4), 5)));
        queue.settle(5, None);
        assert_eq!(queue.take(now), None);
        assert!(queue.chats.is_empty());
    }

    #[test]
    fn what_is_sent_later_holds_up_its_chat_alone() {
        let (mut queue, now) = (Queue::default(), Utc::now());
        let later = now + TimeDelta::seconds(10);
        queue.add(vec![post(1, 5, now), post(2, 5, now), post(3, 6, now)]);
        assert_eq!(queue.take(now), Some((PostId(1), 5)));
        queue.settle(5, Some(later));
        assert_eq!(queue.take(now), Some((PostId(3), 6)));
        queue.settle(6, None);
        assert_eq!((queue.take(now), queue.due()), (None, Some(later)));
        assert_eq!(queue.take(later), Some((PostId(1), 5)));
    }
}
