//! The page at `/` and its files.

use actix_web::http::Method;
use actix_web::test;
use causerie_http::HttpSettings;

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
    let head = ada.open(ada.request(Method::HEAD, "/")).await;
    assert_eq!(head.status().as_u16(), 200);
    assert!(test::read_body(head).await.is_empty());
}
