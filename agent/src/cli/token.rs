//! Owns `tokenprism token`: makes, lists and revokes named tokens, by the serving agent where there is one.
//! Must not know how tokens are kept or checked.

use super::holder::Holder;
use super::table::utc;
use super::{DONE, DataArg};
use crate::log::{DataDir, SqliteLog};
use crate::people::{People, command_line};
use comfy_table::{Table, presets};
use shared::ids::TokenId;
use shared::people::{NewToken, Role, TokenRow};

/// What to do with tokens.
#[derive(clap::Subcommand, Debug)]
pub enum TokenCommand {
    /// Make a token and print it, once: only its hash is kept.
    Create {
        /// Whose it is or what it is for, in one line.
        name: String,
        /// What it may do: viewer (reads), operator (runs, engines, imports, links) or admin (everything).
        #[arg(long)]
        role: Role,
        /// Days that it lasts; until it is revoked where absent.
        #[arg(long)]
        days: Option<u32>,
        #[command(flatten)]
        data: DataArg,
    },
    /// Print the tokens that were not revoked, never the tokens themselves.
    List {
        #[command(flatten)]
        data: DataArg,
    },
    /// Revoke a token: whoever holds it is out at once.
    Revoke {
        /// Its id, as the list shows it.
        token: String,
        #[command(flatten)]
        data: DataArg,
    },
}

/// The people of a data directory that no agent serves.
pub(super) async fn people(data_dir: &DataDir) -> anyhow::Result<People> {
    Ok(People::open(SqliteLog::open(&data_dir.log_path())?).await?)
}

/// Does it.
pub async fn token(command: TokenCommand) -> anyhow::Result<u8> {
    match command {
        TokenCommand::Create { name, role, days, data } => {
            let NewToken { row, secret } = match Holder::of(&data)? {
                Holder::Us(data_dir) => {
                    let (row, secret) =
                        people(&data_dir).await?.create_token(&name, role, days, command_line()).await?;
                    NewToken { row, secret: secret.expose().to_owned() }
                }
                Holder::Agent(agent) => agent.create_token(&name, role, days).await?,
            };
            eprintln!("{} for {}, {}. It is not shown again:", row.token, row.name, row.role);
            println!("{secret}");
        }
        TokenCommand::List { data } => {
            let rows = match Holder::of(&data)? {
                Holder::Us(data_dir) => people(&data_dir).await?.tokens(),
                Holder::Agent(agent) => agent.tokens().await?,
            };
            if rows.is_empty() {
                eprintln!("No token was made here: tokenprism token create NAME --role viewer makes one.");
            } else {
                println!("{}", table(&rows));
            }
        }
        TokenCommand::Revoke { token, data } => {
            let token = TokenId::try_from(token)?;
            match Holder::of(&data)? {
                Holder::Us(data_dir) => people(&data_dir).await?.revoke_token(&token, command_line()).await?,
                Holder::Agent(agent) => agent.revoke_token(&token).await?,
            }
        }
    }
    Ok(DONE)
}

fn table(rows: &[TokenRow]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["token", "name", "role", "created", "by", "last used", "expires"]);
    for row in rows {
        let used = row.used_unix_ms.map_or_else(|| "never".to_owned(), utc);
        let expires = row.expires_unix_ms.map_or_else(|| "never".to_owned(), utc);
        let (token, role) = (row.token.to_string(), row.role.to_string());
        table.add_row([token, row.name.clone(), role, utc(row.created_unix_ms), row.by.name.clone(), used, expires]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_line_and_what_is_unknown_is_never_a_date() {
        let row = TokenRow {
            token: TokenId::new(1, 1),
            name: "Ada".to_owned(),
            role: Role::Operator,
            created_unix_ms: 951_782_400_000,
            by: command_line(),
            used_unix_ms: None,
            expires_unix_ms: Some(951_868_799_999),
        };
        let text = table(&[row]).to_string();
        let line = text.lines().nth(1).unwrap();
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let expect = [
            "t00000000000100000001",
            "Ada",
            "operator",
            "2000-02-29 00:00 UTC",
            "command line",
            "never",
            "2000-02-29 23:59 UTC",
        ];
        assert_eq!(cells, expect);
    }
}
