//! The whole desk in one process: the API, the Telegram bot and the background work, over one `Vmm`.
//!
//! It runs on the testkit's fakes, so it needs nothing; with `VMM_BOT_TOKEN` set, the bot is a real one. With a real
//! host, `Vmm::open` takes the place of the fixture.

#![expect(clippy::print_stdout, reason = "it is for people to watch")]

use std::error::Error;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use vmm_bot::Options;
use vmm_core::{ExposeSecret, SecretString};
use vmm_http::{Limits, Server};
use vmm_testkit::fake::telegram::FakeTelegram;
use vmm_testkit::fixture::{PASSWORD, TestDesk};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The fixture does the background work itself; a desk of your own calls `vmm.work(stop)` beside the rest.
    let desk = TestDesk::new().await;
    desk.provision("r1", "name,os,memory\nweb-1,debian:12,512\n").await;
    let (stop, stopped) = watch::channel(false);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let routes = vmm_http::routes(desk.vmm.clone(), Limits::default());
    let server = tokio::spawn(Server::new(listener).run(routes, until(stopped.clone()), Duration::from_secs(5)));
    println!("the API is at http://{address}; alice logs in with {PASSWORD:?}");

    let telegram = FakeTelegram::start().await;
    let (token, url) = match std::env::var("VMM_BOT_TOKEN") {
        Ok(token) => (SecretString::from(token), None),
        Err(_) => (SecretString::from(telegram.token()), Some(telegram.url())),
    };
    let bot = vmm_bot::client(&token, url)?;
    let bot = tokio::spawn(vmm_bot::run(bot, desk.vmm.clone(), Options::default(), until(stopped)));

    let code = desk.vmm.create_link_code(&desk.user, None).await?.code;
    if url.is_some() {
        let alice = telegram.person("Alice");
        alice.says(&format!("/start {}", code.expose_secret()));
        alice.sees("Welcome").await;
        alice.says("/vms");
        alice.sees("web-1").await;
        println!("{}", alice.transcript());
    } else {
        println!("write to your bot: /start {}; end this with Ctrl-C", code.expose_secret());
        tokio::signal::ctrl_c().await?;
    }

    stop.send_replace(true);
    bot.await??;
    server.await?;
    Ok(())
}

/// Waits until it is time to stop.
async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
