//! The menus that Telegram shows: by role in private chats, and in groups what may be said there.
//!
//! What a chat's menu should be follows from the desk's records, which other processes change too. So it is compared
//! with what Telegram was last told, and told again where the two differ, whatever happened while no bot was running.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::time::Duration;

use teloxide::payloads::{DeleteMyCommandsSetters, SetMyCommandsSetters};
use teloxide::prelude::*;
use teloxide::types::{BotCommand, BotCommandScope, Recipient};
use teloxide::{Bot, RequestError};
use tokio::time::{Instant, sleep};
use vmm_core::model::{Audience, Role};
use vmm_core::{BotMail, Result};

use crate::options::Options;
use crate::talk::render::help;
use crate::talk::scope::ChatKind;
use crate::transport::client;

/// The time after which a refused call is repeated. Telegram does not know a chat before its person has written.
const REFUSED: Duration = Duration::from_secs(10 * 60);

pub(crate) struct Menus {
    bot: Bot,
    mail: BotMail,
    options: Options,
}

/// Tells Telegram what strangers see, and what is seen in groups that nobody has allowed.
pub(crate) async fn tell_everybody(bot: &Bot, options: &Options) -> std::result::Result<(), RequestError> {
    let general = [
        (BotCommandScope::Default, help::menu(ChatKind::Private, None)),
        (BotCommandScope::AllGroupChats, help::menu(ChatKind::Group, Some(Role::User))),
    ];
    for (scope, commands) in general {
        client::within(options.send_deadline, bot.set_my_commands(commands).scope(scope).send()).await?;
    }
    Ok(())
}

impl Menus {
    pub(crate) fn new(bot: Bot, mail: BotMail, options: Options) -> Self {
        Self { bot, mail, options }
    }

    /// Keeps the menus right, while this is awaited.
    pub(crate) async fn watch(&self) -> Infallible {
        let (mut refused, mut failures) = (HashMap::new(), 0);
        loop {
            refused.retain(|_, until| *until > Instant::now());
            let pause = match self.look(&mut refused).await {
                Ok(Ok(())) => {
                    failures = 0;
                    self.options.notice_pause
                }
                Ok(Err(error)) => {
                    tracing::info!(error = client::hidden(&error), "a menu is told later");
                    failures += 1;
                    client::pause(&error, &self.options, failures - 1)
                }
                Err(error) => {
                    tracing::warn!(%error, "what menus should be cannot be read; it is tried again");
                    self.options.notice_pause
                }
            };
            sleep(pause).await;
        }
    }

    /// Tells of each menu that is another one by now; ends at the first call that is to be made again.
    async fn look(&self, refused: &mut HashMap<i64, Instant>) -> Result<std::result::Result<(), RequestError>> {
        let wanted: BTreeMap<_, _> = self.mail.audience().await?.into_iter().collect();
        let told = self.mail.menus().await?;
        let known: HashMap<_, _> = told.iter().map(|menu| (menu.chat, menu.content.as_deref())).collect();
        let menus: HashMap<_, _> = AUDIENCES.map(|audience| (audience, Menu::of(audience))).into();
        for (chat, audience) in &wanted {
            let menu = &menus[audience];
            let right = known.get(chat).is_some_and(|content| *content == Some(menu.content.as_str()));
            if right || refused.contains_key(chat) {
                continue;
            }
            self.mail.begin_menu(*chat).await?;
            let call = self.bot.set_my_commands(menu.commands.clone()).scope(scope(*chat));
            match client::within(self.options.send_deadline, call.send()).await {
                Ok(_) => self.mail.end_menu(*chat, Some(menu.content.clone())).await?,
                Err(error) if client::refused(&error) => {
                    tracing::info!(chat, error = client::hidden(&error), "Telegram takes no menu for a chat");
                    refused.insert(*chat, Instant::now() + REFUSED);
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        for menu in told.iter().filter(|menu| !wanted.contains_key(&menu.chat)) {
            self.mail.begin_menu(menu.chat).await?;
            let call = self.bot.delete_my_commands().scope(scope(menu.chat));
            match client::within(self.options.send_deadline, call.send()).await {
                // A chat that the bot has left has no menu.
                Err(error) if !client::refused(&error) => return Ok(Err(error)),
                _ => self.mail.end_menu(menu.chat, None).await?,
            }
            refused.remove(&menu.chat);
        }
        Ok(Ok(()))
    }
}

const AUDIENCES: [Audience; 3] = [Audience::Account(Role::User), Audience::Account(Role::Admin), Audience::Group];

/// A menu, and how it is stored.
struct Menu {
    commands: Vec<BotCommand>,
    content: String,
}

impl Menu {
    fn of(audience: Audience) -> Self {
        let commands = match audience {
            Audience::Account(role) => help::menu(ChatKind::Private, Some(role)),
            // Who is an admin is not seen in a group.
            Audience::Group => help::menu(ChatKind::AllowedGroup, Some(Role::User)),
        };
        let content = crate::transport::post::stored(&commands);
        Self { commands, content }
    }
}

fn scope(chat: i64) -> BotCommandScope {
    BotCommandScope::Chat { chat_id: Recipient::Id(ChatId(chat)) }
}
