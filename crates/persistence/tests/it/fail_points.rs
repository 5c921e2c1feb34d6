//! Release builds cannot contain fail points: their module does not compile without debug assertions.

use std::process::Command;

use causerie_testkit::anyhow::Result;

/// Compiles the module of the fail points with or without debug assertions, and returns the messages of the compiler.
fn compile(debug_assertions: &str) -> Result<String> {
    let output = tempfile::tempdir()?;
    let compiler = Command::new("rustc")
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata"])
        .args(["-C", &format!("debug-assertions={debug_assertions}"), "--out-dir"])
        .arg(output.path())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/fail_point.rs"))
        .output()?;
    Ok(String::from_utf8(compiler.stderr)?)
}

const REFUSAL: &str = "fail points are for tests, and do not belong into a release build";

#[test]
fn a_release_build_with_fail_points_does_not_compile() -> Result<()> {
    // The module alone lacks its dependencies, so both compilations fail.
    assert!(compile("no")?.contains(REFUSAL));
    assert!(!compile("yes")?.contains(REFUSAL));
    Ok(())
}

#[test]
fn fail_points_are_compiled_only_with_their_feature() {
    let store = include_str!("../../src/store/mod.rs");
    let reached = store.find("fail_point::reach").unwrap();
    let guarded = store[..reached].rfind(r#"#[cfg(feature = "fail-points")]"#).unwrap();
    assert!(reached - guarded < 100, "the call is not directly after its cfg attribute");
    assert!(
        include_str!("../../src/lib.rs").contains("#[cfg(feature = \"fail-points\")]\npub mod fail_point;")
    );
    for manifest in [include_str!("../../Cargo.toml"), include_str!("../../../server/Cargo.toml")] {
        assert!(!manifest.contains("default = ["), "a feature is enabled by default");
    }
}
