//! Owns a replica as a program that an agent starts: `vllm serve …` of 0.32, its flags, its log, its worker, and its ends.
//! Must not know what is tested.

use super::vllm::Vllm;
use super::{Condition, State, start_on};
use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::exit;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// Flags with a value, and flags without one.
const VALUED: [&str; 10] = [
    "--served-model-name",
    "--host",
    "--port",
    "--dtype",
    "--max-model-len",
    "--max-num-seqs",
    "--num-gpu-blocks-override",
    "--gpu-memory-utilization",
    "--generation-config",
    "--seed",
];
const SWITCHES: [&str; 3] = ["--no-enable-prefix-caching", "--enable-prefix-caching", "--enforce-eager"];

/// A script that runs this test binary's ignored test of that name with what it was given, one argument a line in
/// `REPLICA_ARGS`, and tells its version by itself. Where a file `….wait` lies beside it, it says that it has begun by a
/// file `….begun` and waits for a file `….go`.
pub fn script(test: &str) -> String {
    let own = std::env::current_exe().unwrap();
    format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo 0.32.0; exit; }}\n\
         if [ -e \"$0.wait\" ]; then touch \"$0.begun\"; until [ -e \"$0.go\" ]; do sleep 0.02; done; fi\n\
         REPLICA_ARGS=$(printf '%s\\n' \"$@\")\nexport REPLICA_ARGS\nexec '{}' --ignored --exact {test} --nocapture\n",
        own.display()
    )
}

/// Runs as that program until it is ended, and ends this process as the program would.
pub async fn run() {
    let text = std::env::var("REPLICA_ARGS").unwrap();
    let mut words = text.lines().skip(2);
    let (mut port, mut model, mut context, mut blocks) = (8000, "m".to_owned(), 2048, 512);
    while let Some(word) = words.next() {
        let value = if VALUED.contains(&word) { words.next().unwrap_or_default() } else { "" };
        match word {
            "--port" => port = value.parse().unwrap(),
            "--served-model-name" => value.clone_into(&mut model),
            "--max-model-len" => context = value.parse().unwrap(),
            "--num-gpu-blocks-override" => blocks = value.parse().unwrap(),
            _ if VALUED.contains(&word) || SWITCHES.contains(&word) => {}
            unknown => {
                eprintln!("usage: vllm serve [model_tag] [options]");
                eprintln!("vllm: error: unrecognized arguments: {unknown}");
                exit(2);
            }
        }
    }
    // Bound and not listening while it loads would be the same to a client.
    let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) else {
        eprintln!("  File \"/opt/venv/lib/python3.12/site-packages/vllm/entrypoints/openai/api_server.py\", line 1");
        eprintln!("OSError: [Errno 98] Address already in use");
        exit(1);
    };
    serve(listener, Vllm { model, context, blocks, ..Vllm::default() }).await;
}

async fn serve(listener: TcpListener, server: Vllm) {
    let mut worker = Command::new("sleep").arg0("VLLM::EngineCore").arg("1000").spawn().unwrap();
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    println!("\nStarting to load model {}...", server.model);
    println!("\npids {} {}", std::process::id(), worker.id().unwrap());
    let state = start_on(listener, server).state;
    println!("\nINFO:     Application startup complete.");
    loop {
        tokio::select! {
            _ = terminated.recv() => shut_down(worker, &state).await,
            status = worker.wait() => {
                if status.unwrap().signal() == Some(Signal::SIGTERM as i32) {
                    // The signal was for the whole group, and the worker was quicker.
                    shut_down(worker, &state).await;
                }
                eprintln!("(APIServer pid=1) ERROR 05-05 12:36:59 [core_client.py:600] Engine core proc EngineCore died unexpectedly, shutting down client.");
                break;
            }
            () = sleep(Duration::from_millis(20)) => {
                if state.condition() == Condition::Dead {
                    eprintln!("(EngineCore pid=104) ERROR 05-05 12:36:58 [core.py:1138] EngineCore encountered a fatal error.");
                    eprintln!("(EngineCore pid=104) ERROR 05-05 12:36:58 [core.py:1138] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 50.00 MiB.");
                    worker.kill().await.unwrap();
                    break;
                }
            }
        }
    }
    // Open streams end with an error and `[DONE]`, `/health` says 503 for a moment, and then all of it ends as if well.
    state.becomes(Condition::Dead);
    eprintln!(
        "(APIServer pid=1) ERROR 05-05 12:36:59 [serving.py:1173] vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause."
    );
    sleep(Duration::from_secs(1)).await;
    println!("\nINFO:     Application shutdown complete.");
    exit(0);
}

/// Ends when told to: with a stream open not before its client has gone, to whom it says nothing.
async fn shut_down(mut worker: Child, state: &State) -> ! {
    println!("\nINFO:     Shutting down");
    state.becomes(Condition::Ending);
    drop(worker.kill().await);
    if state.has_clients() {
        println!("\nINFO:     Waiting for connections to close. (CTRL+C to force quit)");
    }
    while state.has_clients() {
        sleep(Duration::from_millis(20)).await;
    }
    exit(0);
}
