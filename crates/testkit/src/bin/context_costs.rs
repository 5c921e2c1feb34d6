//! Prints the table of `docs/context.md`: the cost of the input of conversations with block cuts and with a sliding
//! window.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program prints its table")]

use std::process::ExitCode;

use causerie_testkit::app::context_costs::{AUTOMATIC, EXPLICIT, compare};

/// Values of `history.max_messages`.
const LIMITS: [u32; 6] = [4, 10, 20, 40, 80, 120];

#[tokio::main]
async fn main() -> ExitCode {
    println!(
        "| model | `max_messages` | sliding: tokens | read | block: tokens | read | saved | saved per token |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for model in [AUTOMATIC, EXPLICIT] {
        match compare(model, &LIMITS).await {
            Ok(rows) => rows.iter().for_each(|row| println!("{row}")),
            Err(error) => {
                eprintln!("error: {error:#}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
