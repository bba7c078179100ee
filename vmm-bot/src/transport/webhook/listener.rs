//! Requests to a webhook's address, for a program that has no server of its own.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Webhook;

/// The largest number of open connections; further ones wait.
const CONNECTIONS: usize = 256;
/// The longest time for the head of a request, counted from the end of the previous request, and the longest time for a
/// body.
const SLOWEST: Duration = Duration::from_secs(10);
/// The pause before the next connection after one could not be had, as without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The time that requests in progress have when the listener ends.
const LAST: Duration = Duration::from_secs(2);

impl Webhook {
    /// Answers requests on this socket, over HTTP without TLS, until `stop` is there: POST to the webhook's path with
    /// Telegram's secret as [`receive`](Self::receive) does, and all else with 404. Who is slow or sends much is cut
    /// off.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()> + Send) {
        let (mut stop, (stopping, stopped)) = (pin!(stop), watch::channel(false));
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let next = async { (Arc::clone(&room).acquire_owned().await, listener.accept().await) };
            let (permit, socket) = tokio::select! {
                next = next => next,
                () = &mut stop => break,
            };
            match (permit, socket) {
                (Ok(permit), Ok((socket, _))) => {
                    let connection = self.clone().connection(socket, stopped.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                (_, socket) => {
                    tracing::warn!(error = ?socket.err(), "a connection to the webhook could not be taken");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        stopping.send_replace(true);
        // What is not stored by then is sent again.
        let _ = timeout(LAST, async { while connections.join_next().await.is_some() {} }).await;
    }

    async fn connection(self, socket: TcpStream, mut stopped: watch::Receiver<bool>) {
        let service = service_fn(move |request| {
            let webhook = self.clone();
            async move { Ok::<_, Infallible>(response(webhook.answer(request).await)) }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(SLOWEST);
        let mut connection = pin!(server.serve_connection(TokioIo::new(socket), service));
        // Whoever breaks a connection off, or is cut off, is told nothing more.
        tokio::select! {
            _ = &mut connection => return,
            _ = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    async fn answer(&self, request: Request<Incoming>) -> u16 {
        let (head, body) = request.into_parts();
        let secret = head.headers.get(Self::HEADER).map(|secret| secret.as_bytes().to_owned());
        // Strangers learn nothing, and nothing is read of what they send.
        if head.method != Method::POST || head.uri.path() != self.path() || !self.is_known(secret.as_deref()) {
            return 404;
        }
        match timeout(SLOWEST, Limited::new(body, Self::LARGEST_UPDATE).collect()).await {
            Ok(Ok(body)) => self.receive(secret.as_deref(), &body.to_bytes()).await,
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => 413,
            Ok(Err(_)) => 400,
            Err(_) => 408,
        }
    }
}

fn response(status: u16) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status.try_into().unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response
}

#[cfg(test)]
mod tests {
    use teloxide::Bot;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use vmm_core::ExposeSecret;

    use super::*;

    /// Time passes at once when there is nothing to do but wait.
    #[tokio::test(start_paused = true)]
    async fn who_is_slow_is_cut_off() {
        let bot = Bot::new("7000000001:AAsecretsecretsecretsecretsecret");
        let webhook = Webhook::new(&bot, "https://vmm.example.org/bot").expect("it is right");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let serving = tokio::spawn({
            let webhook = webhook.clone();
            async move { webhook.serve(listener, std::future::pending()).await }
        });
        let secret = webhook.shared.secret.expose_secret();
        let head =
            format!("POST /bot HTTP/1.1\r\nHost: vmm\r\n{}: {secret}\r\nContent-Length: 9\r\n\r\n", Webhook::HEADER);
        for (sent, answer) in [("", ""), (&head[..20], ""), (&format!("{head}{{"), "HTTP/1.1 408 ")] {
            let mut socket = TcpStream::connect(address).await.expect("it listens");
            socket.write_all(sent.as_bytes()).await.expect("it reads");
            let mut got = String::new();
            socket.read_to_string(&mut got).await.expect("the end");
            assert!(got.starts_with(answer) && got.is_empty() == answer.is_empty(), "{sent}: {got}");
        }
        serving.abort();
    }
}
