//! Places where a test can kill the process.

/// Places where a test can kill the process, for [`vmm_core`]'s feature `crash-points`.
pub const CRASH_POINTS: &[&str] = &[
    "bot.update.stored",
    "bot.update.begun",
    "bot.update.acted",
    "bot.update.ended",
    "bot.post.sent",
    "bot.post.closed",
    "bot.notice.told",
];

/// A place where a test may kill the process.
pub(crate) async fn crash_point(step: &str, moment: &str) {
    #[cfg(feature = "crash-points")]
    vmm_core::crash::point("bot", step, moment).await;
    #[cfg(not(feature = "crash-points"))]
    let _ = (step, moment);
}
