//! The page for somebody who opens the server's address in a browser.

use crate::app::App;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[cfg(feature = "console")]
#[tokio::test]
async fn a_browser_gets_the_console_in_front_and_at_the_address_of_each_page() {
    let app = App::new().await;
    let get = async |path: &str, headers: &[(&str, &str)]| {
        let request = reqwest::Client::new().get(format!("http://{}{path}", app.address)).header("Accept", BROWSER);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    };
    let header = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let front = get("/", &[]).await;
    assert_eq!((front.status().as_u16(), header(&front, "content-type").as_str()), (200, "text/html; charset=utf-8"));
    let policy = header(&front, "content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let (kept, tag) = (header(&front, "cache-control"), header(&front, "etag"));
    assert_eq!(kept, "no-cache");
    assert_eq!(get("/", &[("If-None-Match", &tag)]).await.status(), 304);
    let text = front.text().await.unwrap();
    for path in ["/console", "/console/", "/console/machines/web-1", "/console/assets-of-mine"] {
        assert_eq!(get(path, &[]).await.text().await.unwrap(), text, "{path}");
    }

    let assets: Vec<_> = text.split('"').filter(|part| part.starts_with("/console/assets/")).collect();
    assert!(
        assets.iter().any(|name| name.ends_with(".js")) && assets.iter().any(|name| name.ends_with(".css")),
        "{text}"
    );
    for asset in assets {
        let plain = get(asset, &[]).await;
        assert_eq!(header(&plain, "cache-control"), "public, max-age=31536000, immutable");
        let compressed = get(asset, &[("Accept-Encoding", "br, gzip")]).await;
        assert_eq!(
            (header(&compressed, "content-encoding").as_str(), header(&compressed, "vary").as_str()),
            ("gzip", "accept-encoding")
        );
        let (plain, compressed) = (plain.bytes().await.unwrap(), compressed.bytes().await.unwrap());
        assert!(compressed.starts_with(&[0x1f, 0x8b]) && compressed.len() < plain.len(), "{asset}");
        assert_eq!(header(&get(asset, &[("Accept-Encoding", "gzip;q=0")]).await, "content-encoding"), "");
    }
    for path in
        ["/console/assets/nothing.js", "/console/assets/../index.html.gz", "/console/assets/%2e%2e/%2e%2e/Cargo.toml"]
    {
        let answer = get(path, &[]).await;
        assert!(answer.status() == 404 || answer.text().await.unwrap() == text, "{path}");
    }
}

#[cfg(not(feature = "console"))]
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
