//! The queue of updates to answer: chats take turns, and each keeps its order.

use std::collections::{HashMap, HashSet, VecDeque};

use vmm_core::model::BotUpdate;

/// Updates by what must be kept in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// All that have not ended.
    known: HashSet<i64>,
    chats: HashMap<Option<i64>, Chat>,
    /// Whose turn is next. A chat of which an update is being answered has none.
    turns: VecDeque<Option<i64>>,
}

#[derive(Debug, Default)]
struct Chat {
    updates: VecDeque<BotUpdate>,
    busy: bool,
}

impl Queue {
    /// Adds an update, unless it is there already or being answered.
    pub(super) fn add(&mut self, update: BotUpdate) {
        if !self.known.insert(update.id) {
            return;
        }
        let chat = self.chats.entry(update.chat).or_default();
        if chat.updates.is_empty() && !chat.busy {
            self.turns.push_back(update.chat);
        }
        // They may come in another order than they were written in.
        let at = chat.updates.partition_point(|other| other.id < update.id);
        chat.updates.insert(at, update);
    }

    /// The next update to answer; no other of its chat comes until it is answered.
    pub(super) fn take(&mut self) -> Option<BotUpdate> {
        let chat = self.chats.get_mut(&self.turns.pop_front()?)?;
        chat.busy = true;
        chat.updates.pop_front()
    }

    /// Lets the chat of an update that was taken go on.
    pub(super) fn answered(&mut self, chat: Option<i64>) {
        match self.chats.get_mut(&chat) {
            Some(waiting) if !waiting.updates.is_empty() => {
                waiting.busy = false;
                self.turns.push_back(chat);
            }
            _ => drop(self.chats.remove(&chat)),
        }
    }

    /// An update has come to its end.
    pub(super) fn ended(&mut self, update: i64) {
        self.known.remove(&update);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(id: i64, chat: i64) -> BotUpdate {
        BotUpdate { id, chat: Some(chat), content: String::new(), begun: false }
    }

    fn take(queue: &mut Queue) -> Option<i64> {
        queue.take().map(|update| update.id)
    }

    #[test]
    fn chats_take_turns_and_keep_their_order() {
        let mut queue = Queue::default();
        for (id, chat) in [(3, 5), (1, 5), (2, 5), (4, 6), (2, 5)] {
            queue.add(update(id, chat));
        }
        assert_eq!([take(&mut queue), take(&mut queue), take(&mut queue)], [Some(1), Some(4), None]);
        queue.add(update(1, 5));
        queue.add(update(5, 6));
        assert_eq!(take(&mut queue), None, "both chats are being answered");
        queue.answered(Some(6));
        queue.answered(Some(5));
        assert_eq!([take(&mut queue), take(&mut queue), take(&mut queue)], [Some(5), Some(2), None]);
        queue.answered(Some(5));
        queue.answered(Some(6));
        assert_eq!([take(&mut queue), take(&mut queue)], [Some(3), None]);
        queue.answered(Some(5));
        assert!(queue.chats.is_empty() && queue.turns.is_empty());
    }

    #[test]
    fn what_goes_on_does_not_begin_again() {
        let mut queue = Queue::default();
        queue.add(update(1, 5));
        assert_eq!(take(&mut queue), Some(1));
        queue.answered(Some(5));
        queue.add(update(1, 5));
        assert_eq!(take(&mut queue), None);
        queue.ended(1);
        queue.add(update(1, 5));
        assert_eq!(take(&mut queue), Some(1));
    }
}
