//! Program of the simulator: prints its base URL and its scenarios, then answers until it is interrupted.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use causerie_simulator::{COMMON_PARAMETERS, Options, Simulator, scenarios};
use clap::Parser;

/// Simulator of the OpenRouter API.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:9090")]
    listen: SocketAddr,
    /// Accepted key; without it every request is accepted.
    #[arg(long, env = "SIMULATOR_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Milliseconds before each word of an echo.
    #[arg(long, default_value_t = 25)]
    typing_delay_ms: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            // If standard error is closed too, only the exit code reports the failure.
            let _ = writeln!(io::stderr(), "causerie-simulator: {error}{cause}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::start(Options {
        listen: arguments.listen,
        api_key: arguments.api_key,
        typing_delay: Duration::from_millis(arguments.typing_delay_ms),
        ..Options::default()
    })?;
    print_overview(&simulator, &mut io::stdout().lock())?;
    tokio::signal::ctrl_c().await?;
    simulator.stop().await;
    Ok(())
}

fn print_overview(simulator: &Simulator, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "The simulated upstream is at {}", simulator.base_url())?;
    writeln!(out, "\nThe model id selects a scenario; any other id gets an echo:\n")?;
    for scenario in scenarios() {
        let parameters: Vec<&str> = scenario.parameters.iter().map(|parameter| parameter.name).collect();
        let parameters = match parameters.as_slice() {
            [] => String::new(),
            names => format!(" [{}]", names.join(", ")),
        };
        writeln!(out, "  {:<22} {}{parameters}", scenario.model, scenario.summary)?;
    }
    let common: Vec<&str> = COMMON_PARAMETERS.iter().map(|parameter| parameter.name).collect();
    writeln!(out, "\nParameters of all scenarios: {}.", common.join(", "))?;
    writeln!(out, "Parameters follow a question mark: sim/slow?words=5&delay_ms=200")?;
    out.flush()
}
