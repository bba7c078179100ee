//! The page for somebody who opens the server's address in a browser.

use crate::app::App;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn a_browser_sees_what_this_is_and_where_to_go() {
    let app = App::new().await;
    let client = reqwest::Client::new();
    let base = format!("http://{}", app.address);
    let page = client.get(&base).header("Accept", BROWSER).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        (header("x-content-type-options"), header("cache-control")),
        ("nosniff".to_owned(), "no-store".to_owned())
    );
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let text = page.text().await.unwrap();
    let links: Vec<_> = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for link in ["/docs", "/openapi.json", "/readyz", "/healthz"] {
        assert!(links.contains(&link), "{links:?}");
    }
    for link in links.into_iter().filter(|link| link.starts_with('/')) {
        let found = client.get(format!("{base}{link}")).header("Accept", BROWSER).send().await.unwrap();
        assert_eq!(found.status(), 200, "{link}");
    }
    assert!(!text.contains("<script"), "{text}");
    let head = client.head(&base).header("Accept", BROWSER).send().await.unwrap();
    assert_eq!(head.status(), 200);
}

#[tokio::test]
async fn a_program_gets_a_problem_there() {
    let app = App::new().await;
    for accept in ["application/json", "*/*", "application/problem+json"] {
        let request = reqwest::Client::new().get(format!("http://{}/", app.address)).header("Accept", accept);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 404, "{accept}");
        assert!(answer.headers()["content-type"].to_str().unwrap().ends_with("json"), "{accept}");
    }
    let other = reqwest::Client::new().get(format!("http://{}/nowhere", app.address)).header("Accept", BROWSER);
    assert_eq!(other.send().await.unwrap().status(), 404);
}
