//! Groups that an admin has allowed in Telegram.

use serde_json::json;
use vmm_core::model::BotId;

use crate::app::{App, Who};

#[tokio::test]
async fn admins_see_and_end_what_groups_are_allowed() {
    let app = App::new().await;
    for (bot, chat, title) in [(7, -5, "ops"), (7, -6, "dev"), (8, -5, "ops")] {
        app.desk.vmm.allow_group(&app.desk.admin, BotId(bot), chat, title).await.unwrap();
    }
    let listed = app.call(Who::Root, "GET", "/bot/group?bot=7", None).await.ok();
    let groups: Vec<_> = listed["group"].as_array().unwrap().iter().map(|group| group["title"].clone()).collect();
    assert_eq!((groups, &listed["group"][0]["allowed_by"]), (vec![json!("ops"), json!("dev")], &json!("root")));
    assert_eq!(app.call(Who::Root, "GET", "/bot/group", None).await.ok()["group"].as_array().unwrap().len(), 3);
    assert_eq!(app.call(Who::Root, "DELETE", "/bot/group?bot=7&chat=-5", None).await.status, 204);
    app.call(Who::Root, "DELETE", "/bot/group?bot=7&chat=-5", None).await.assert_problem(404);
    app.call(Who::Root, "DELETE", "/bot/group?chat=-5", None).await.assert_problem(422);
    assert_eq!(app.call(Who::Root, "GET", "/bot/group", None).await.ok()["group"].as_array().unwrap().len(), 2);
    assert!(app.desk.vmm.bot_mail(BotId(8)).allows_group(-5).await.unwrap(), "another bot's is its own");
    let none = app.call(Who::Alice, "DELETE", "/bot/group?bot=7&chat=-99", None).await;
    none.assert_problem(403);
}
