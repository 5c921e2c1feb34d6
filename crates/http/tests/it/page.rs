//! The page at `/` and its files.

use actix_web::http::Method;
use actix_web::test;
use causerie_http::HttpSettings;
use miniz_oxide::inflate::decompress_to_vec;

use crate::support::test_app;

#[tokio::test]
async fn the_page_and_its_files_are_served_with_a_strict_policy() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let page = ada.get("/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "no-cache");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';") && policy.contains("trusted-types 'none'"));
    assert!(!policy.contains("unsafe"));
    let script = page.text.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let file = ada.get(&format!("/{script}")).await;
    assert_eq!((file.status.as_u16(), file.header("content-type")), (200, "text/javascript"));
    assert!(file.header("cache-control").contains("immutable"));
    assert_eq!(ada.get("/page/0000000000000000/js/main.js").await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(ada.call(Method::HEAD, "/").await.status.as_u16(), 200);
    let refused = ada.call(Method::POST, "/").await;
    assert_eq!(refused.outcome(), (405, "method_not_allowed".to_owned()));
    assert_eq!(refused.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn files_are_compressed_for_clients_that_accept_it() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let plain = ada.get("/").await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    for (accepted, is_compressed) in
        [("gzip, deflate, br", true), ("gzip;q=0.5", true), ("gzip;q=0", false), ("br", false)]
    {
        let request = ada.request(Method::GET, "/").insert_header(("accept-encoding", accepted));
        let response = ada.open(request).await;
        let encoding = response.headers().get("content-encoding").cloned();
        assert_eq!(encoding.is_some_and(|encoding| encoding == "gzip"), is_compressed, "{accepted}");
        let body = test::read_body(response).await;
        if is_compressed {
            // A gzip file has a head of ten bytes, the compressed data, and eight bytes of checksum and size.
            let content = decompress_to_vec(&body[10..body.len() - 8]).unwrap();
            assert_eq!(content, plain.text.as_bytes(), "{accepted}");
        } else {
            assert_eq!(body, plain.text.as_bytes(), "{accepted}");
        }
    }
}

#[tokio::test]
async fn each_file_that_the_first_page_names_is_served() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let page = ada.get("/").await.text;
    let names = ["href=\"", "src=\""].map(|attribute| page.split(attribute).skip(1));
    let names: Vec<_> = names.into_iter().flatten().filter_map(|rest| rest.split('"').next()).collect();
    let files: Vec<_> = names.iter().filter(|name| name.starts_with("page/")).collect();
    assert!(
        files.len() >= 5 && names.len() - files.len() == 1,
        "all but the link to the documents: {names:?}"
    );
    for file in files {
        let response = ada.open(ada.request(Method::HEAD, &format!("/{file}"))).await;
        assert_eq!(response.status().as_u16(), 200, "{file}");
    }
}
