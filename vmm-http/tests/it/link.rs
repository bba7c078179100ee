use serde_json::json;
use vmm_core::{Error, SecretString};

use crate::app::{App, Who};

async fn code(app: &App, who: Who, path: &str) -> SecretString {
    app.call(who, "POST", path, None).await.ok()["code"].as_str().unwrap().to_owned().into()
}

#[tokio::test]
async fn a_code_binds_a_chat_once_until_it_is_freed() {
    let app = App::new().await;
    let old = code(&app, Who::Alice, "/link-code").await;
    let code = code(&app, Who::Alice, "/link-code").await;
    let vmm = &app.desk.vmm;
    assert!(matches!(vmm.link_chat(&old, 77).await, Err(Error::Unauthenticated)), "a newer one was made");
    assert_eq!(vmm.link_chat(&code, 77).await.unwrap().name.as_str(), "alice");
    assert!(matches!(vmm.link_chat(&code, 78).await, Err(Error::Unauthenticated)), "it is used");
    assert_eq!(vmm.chat_actor(77).await.unwrap(), app.desk.user);
    assert_eq!(app.call(Who::Alice, "DELETE", "/link", None).await.status, 204);
    assert!(matches!(vmm.chat_actor(77).await, Err(Error::Unauthenticated)));
}

#[tokio::test]
async fn only_admins_bind_chats_of_others_and_no_token_does() {
    let app = App::new().await;
    for (method, path) in [("POST", "/link-code?user=alice"), ("DELETE", "/link?user=alice")] {
        app.call(Who::Bob, method, path, None).await.assert_problem(403);
    }
    let code = code(&app, Who::Root, "/link-code?user=alice").await;
    app.desk.vmm.link_chat(&code, 77).await.unwrap();
    app.call(Who::Root, "POST", "/link-code?user=nowhere", None).await.assert_problem(404);
    let token = app.post(Who::Alice, "/token", json!({"token": [{"name": "ci"}]})).await.ok();
    let token = token["token"][0]["secret"].as_str().unwrap();
    app.send(Some(token), "POST", "/link-code", None).await.assert_problem(403);
    app.send(Some(token), "DELETE", "/link", None).await.assert_problem(403);
}
