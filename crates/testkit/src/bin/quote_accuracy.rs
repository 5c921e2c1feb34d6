//! Prints the table of `docs/context.md`: how often costs and answers stay within their quotes.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program prints its table")]

use std::process::ExitCode;

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::quote_accuracy::{Accuracy, recorded, simulated};

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(rows) => {
            println!(
                "| answers | quotes | with a cost | cost ≤ `at_most` | output ≤ `p90`, guesses | output ≤ `p90`, others |"
            );
            println!("| --- | --- | --- | --- | --- | --- |");
            rows.iter().for_each(|row| println!("{row}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<Vec<Accuracy>> {
    let mut rows = simulated().await?;
    rows.push(recorded()?);
    Ok(rows)
}
