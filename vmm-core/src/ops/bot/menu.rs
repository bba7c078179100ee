//! Which chats of a bot have which menu, and what the chat service was last told of it.

use crate::error::Result;
use crate::model::{Audience, ToldMenu};

use super::mail::BotMail;

/// Every method fails with [`Unavailable`](crate::Error::Unavailable) alone, if the database does not answer.
#[expect(clippy::missing_errors_doc, reason = "all have the one error that the impl names")]
impl BotMail {
    /// Every chat with rights, and whose they are: private chats of enabled accounts, and allowed groups. Accounts
    /// change in other processes too, so a bot asks about every two seconds; it costs a read of the accounts and one of
    /// the groups.
    pub async fn audience(&self) -> Result<Vec<(i64, Audience)>> {
        let people = self.reachable().await?;
        let people = people.into_iter().filter_map(|user| Some((user.chat_id?, Audience::Account(user.role))));
        let groups = self.desk.repository().groups().list(Some(self.bot)).await?;
        Ok(people.chain(groups.into_iter().map(|group| (group.chat, Audience::Group))).collect())
    }

    /// Returns the menu that the chat service was last told for each chat.
    pub async fn menus(&self) -> Result<Vec<ToldMenu>> {
        self.store()?.menus().list(self.bot).await
    }

    /// To call before the chat service is told of a chat's menu: what it knows is not known until that is recorded.
    pub async fn begin_menu(&self, chat: i64) -> Result<()> {
        self.store()?.menus().begin(self.bot, chat).await
    }

    /// Records what the chat service was told; `None` if the chat has no menu of its own any more.
    pub async fn end_menu(&self, chat: i64, content: Option<String>) -> Result<()> {
        self.store()?.menus().end(self.bot, chat, content).await
    }
}
