//! Updates that are posted to a bot.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use teloxide::prelude::*;
use teloxide::types::AllowedUpdate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vmm_testkit::fake::telegram::{Delivery, Disguise, FakeTelegram, Fault};

use super::bot;

/// The posted updates: the head in lower case, and the update.
type Posted = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers the posts with these statuses, then with 200; gives its address and what was posted.
async fn server(statuses: &'static [u16]) -> (String, Posted) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, posted) = (listener.local_addr().unwrap(), Posted::default());
    let kept = Arc::clone(&posted);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, statuses, Arc::clone(&kept)));
        }
    });
    (format!("http://{address}/hook"), posted)
}

async fn answer(mut socket: TcpStream, statuses: &[u16], posted: Posted) {
    let mut got = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(update) = serde_json::from_str(body)
        {
            let number = posted.lock().unwrap().len();
            posted.lock().unwrap().push((head.to_lowercase(), update));
            let status = statuses.get(number).copied().unwrap_or(200);
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.unwrap();
            got.clear();
            continue;
        }
        if socket.read_buf(&mut got).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

fn texts(posted: &Posted) -> Vec<String> {
    let posted = posted.lock().unwrap();
    posted.iter().map(|(_, update)| update["message"]["text"].as_str().unwrap().to_owned()).collect()
}

async fn all_confirmed(telegram: &FakeTelegram) {
    telegram.until("all is confirmed", |telegram| telegram.waiting_updates() == 0).await;
}

#[tokio::test]
async fn an_update_is_posted_until_it_is_answered_well_and_its_chat_waits() {
    let telegram = FakeTelegram::start().await;
    let (url, posted) = server(&[503, 404]).await;
    let (bot, alice) = (bot(&telegram), telegram.person("Alice"));
    for text in ["one", "two"] {
        alice.says(text);
    }
    let set = bot.set_webhook(url.parse().unwrap()).secret_token("a-secret_1").max_connections(2);
    set.allowed_updates([AllowedUpdate::Message]).await.unwrap();
    alice.says_as(Disguise::Edited, "not wanted");
    all_confirmed(&telegram).await;
    assert_eq!(texts(&posted), ["one", "one", "one", "two"]);
    let (head, _) = posted.lock().unwrap()[0].clone();
    assert!(head.starts_with("post /hook http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nx-telegram-bot-api-secret-token: a-secret_1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    let statuses: Vec<_> = telegram.deliveries().iter().map(|Delivery { status, .. }| *status).collect();
    assert_eq!(statuses, [Some(503), Some(404), Some(200), Some(200)]);
    let info = bot.get_webhook_info().await.unwrap();
    assert_eq!(
        (info.url.unwrap().as_str(), info.pending_update_count, info.max_connections),
        (url.as_str(), 0, Some(2))
    );
    assert_eq!(info.allowed_updates, Some(vec![AllowedUpdate::Message]));
    assert!(info.last_error_message.unwrap().contains("404") && info.last_error_date.is_some());
}

#[tokio::test]
async fn a_post_can_come_twice_or_not_at_all() {
    let telegram = FakeTelegram::start().await;
    let (url, posted) = server(&[]).await;
    let (bot, alice) = (bot(&telegram), telegram.person("Alice"));
    bot.set_webhook(url.parse().unwrap()).await.unwrap();
    for (fault, times) in [(Fault::CutBefore, 1), (Fault::CutAfter, 2), (Fault::Twice, 2)] {
        let before = posted.lock().unwrap().len();
        telegram.fail_next("webhook", fault);
        alice.says("hello");
        all_confirmed(&telegram).await;
        assert_eq!(posted.lock().unwrap().len() - before, times, "{fault:?}");
    }
    telegram.fail_next("webhook", Fault::Hang);
    alice.says("stuck");
    telegram.until("it is under way", |telegram| telegram.planned_faults() == 0).await;
    bot.delete_webhook().await.unwrap();
    assert_eq!(bot.get_updates().await.unwrap().len(), 1, "what was not answered is there to be asked for");
}

#[tokio::test]
async fn a_secret_has_letters_digits_and_dashes() {
    let (telegram, url) = (FakeTelegram::start().await, "https://bot.example.org/hook");
    for wrong in ["a secret", "ä", &"x".repeat(257)] {
        let set = bot(&telegram).set_webhook(url.parse().unwrap()).secret_token(wrong).await;
        assert!(set.unwrap_err().to_string().contains("secret token"), "{wrong}");
    }
}
