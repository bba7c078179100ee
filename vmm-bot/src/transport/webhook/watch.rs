//! The webhook as Telegram knows it: set at the start, and checked now and then.

use chrono::{DateTime, Utc};
use teloxide::prelude::*;
use teloxide::types::{AllowedUpdate, WebhookInfo};
use teloxide::{ApiError, RequestError};
use tokio::time::sleep;
use vmm_core::ExposeSecret;

use super::{AT_ONCE, Webhook};
use crate::error::RunError;
use crate::options::Options;
use crate::transport::client;

impl Webhook {
    /// Tells Telegram the address.
    pub(crate) async fn set(&self, bot: &Bot) -> Result<(), RequestError> {
        let call = bot.set_webhook(self.shared.url.clone()).secret_token(self.shared.secret.expose_secret());
        let call = call.max_connections(AT_ONCE);
        call.allowed_updates([AllowedUpdate::Message, AllowedUpdate::CallbackQuery, AllowedUpdate::MyChatMember])
            .await
            .map(drop)
    }

    /// Looks now and then whether Telegram still has the address and gets through, until it does not know the bot any
    /// more.
    pub(crate) async fn watch(&self, bot: &Bot, options: &Options) -> RunError {
        let (mut failed_at, mut failures) = (Some(Utc::now()), 0);
        loop {
            sleep(options.webhook_pause).await;
            match self.look(bot, options, &mut failed_at).await {
                Ok(()) => failures = 0,
                Err(RequestError::Api(ApiError::InvalidToken)) => return RunError::Token,
                Err(error) => {
                    tracing::warn!(error = client::hidden(&error), "whether Telegram has the webhook is not known");
                    sleep(client::pause(&error, options, failures)).await;
                    failures += 1;
                }
            }
        }
    }

    /// Looks once; `failed_at` is the newest failure that is known.
    async fn look(
        &self,
        bot: &Bot,
        options: &Options,
        failed_at: &mut Option<DateTime<Utc>>,
    ) -> Result<(), RequestError> {
        let info = client::within(options.send_deadline, bot.get_webhook_info().send()).await?;
        if info.url.as_ref() != Some(&self.shared.url) {
            tracing::warn!(
                "somebody has removed or changed the webhook; another process may run the same bot. It is set again"
            );
            return client::within(options.send_deadline, self.set(bot)).await;
        }
        let WebhookInfo { last_error_date, last_error_message, pending_update_count: waiting, .. } = info;
        if last_error_date > *failed_at {
            *failed_at = last_error_date;
            let error = last_error_message.unwrap_or_default();
            tracing::warn!(error, waiting, "Telegram could not deliver an update to the webhook; it tries again");
        }
        Ok(())
    }
}
