//! Without a library: every way to give parameters, and what is answered to the letter.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use vmm_testkit::fake::telegram::{FakeTelegram, Fault};

fn method(telegram: &FakeTelegram, name: &str) -> String {
    format!("{}bot{}/{name}", telegram.url(), telegram.token())
}

async fn send(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn parameters_come_in_every_form() {
    let (telegram, client) = (FakeTelegram::start().await, Client::new());
    let alice = telegram.person("Alice");
    alice.says("/start");
    let id = alice.id();
    let url = method(&telegram, "SENDmessage");
    let (_, json) = send(client.post(&url).json(&json!({ "chat_id": id, "text": "json" }))).await;
    assert_eq!(
        (&json["ok"], &json["result"]["text"], &json["result"]["chat"]["id"]),
        (&true.into(), &"json".into(), &id.into())
    );
    assert_eq!(send(client.get(format!("{url}?chat_id={id}&text=a%20query"))).await.0, 200);
    let form = client.post(&url).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(form.body(format!("chat_id={id}&text=a+form"))).await.0, 200);
    let parts = format!(
        "--b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n{id}\r\n--b\r\nContent-Disposition: form-data; \
         name=\"document\"; filename=\"note.txt\"\r\n\r\na part\r\n--b--\r\n"
    );
    let document = client.post(method(&telegram, "sendDocument"));
    let (status, sent) = send(document.header("content-type", "multipart/form-data; boundary=b").body(parts)).await;
    assert_eq!((status, &sent["result"]["document"]["file_name"]), (StatusCode::OK, &"note.txt".into()));
    let texts: Vec<_> = alice.messages().into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["json", "a query", "a form", ""]);
    let path = format!("{}file/bot{}/documents%2Ffile-1", telegram.url(), telegram.token());
    assert_eq!(client.get(path).send().await.unwrap().text().await.unwrap(), "a part");
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_telegrams_words() {
    let (telegram, client) = (FakeTelegram::start().await, Client::new());
    let call = |name: &str, body: Value| send(client.post(method(&telegram, name)).json(&body));
    let (status, body) = call("sendMessage", json!({ "chat_id": 1, "text": "x" })).await;
    let expected = json!({ "ok": false, "error_code": 400, "description": "Bad Request: chat not found" });
    assert_eq!((status, body), (StatusCode::BAD_REQUEST, expected));
    assert_eq!(call("launchRocket", json!({})).await.0, 404);
    let (status, body) = send(client.post(method(&telegram, "sendMessage")).json(&json!(1))).await;
    assert_eq!(
        (status, &body["description"]),
        (StatusCode::BAD_REQUEST, &"Bad Request: can't parse JSON object".into())
    );
    let wrong = format!("{}bot1:x/getMe", telegram.url());
    assert_eq!(send(client.get(wrong)).await.0, 401);
    assert_eq!(send(client.get(telegram.url())).await.0, 404);
    telegram.fail_next("getMe", Fault::ServerError(502));
    assert_eq!(call("getMe", json!({})).await.0, 502);
    telegram.fail_next("getMe", Fault::TooManyRequests { retry_after: 3 });
    let (status, body) = call("getMe", json!({})).await;
    assert_eq!((status, &body["parameters"]["retry_after"]), (StatusCode::TOO_MANY_REQUESTS, &3.into()));
    assert_eq!(telegram.calls("getMe")[1].refused.as_deref(), Some("Too Many Requests: retry after 3"));
}
